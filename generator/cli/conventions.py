"""What all commands share: exit codes and options."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

FAILED, MISCONFIGURED, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141

Index = Annotated[
    Path,
    typer.Option(
        "--index", metavar="DIR", envvar="REVERSE_REGISTRY_INDEX", help="Folder of the index; holds images.toml."
    ),
]
TrustedRoot = Annotated[
    Path | None,
    typer.Option("--trusted-root", metavar="FILE", help="Sigstore's trusted_root.json; default: its public root."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")]

_DURATION = re.compile(r"([1-9]\d{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """`40m`: a number and one of s, m, h, d."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration: write a number and s, m, h or d, as in 40m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
