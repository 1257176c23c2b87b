"""What all commands share: exit codes and options."""

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
