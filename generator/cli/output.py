"""What commands print: lines for people, JSON for programs, and nothing from outside that acts on a terminal."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import typer

from generator.cli.conventions import BROKEN_PIPE
from generator.document import printable

LONGEST = 2000


def show_json(value: object) -> None:
    # The escape is JSON's own: `##[` anywhere in a line is a command to GitHub's runner.
    show(json.dumps(msgspec.to_builtins(value), indent=2).replace("##[", "#\\u0023["))


def show_line(text: object) -> None:
    show(printable(text, LONGEST))


def error_line(text: object) -> str:
    """A line that GitHub shows on the page of the whole run where it runs this (workflow commands, `error`)."""
    line = printable(text, LONGEST)
    return f"::error::{line.replace('%', '%25')}" if os.environ.get("GITHUB_ACTIONS") == "true" else line


def show_error(text: object) -> None:
    show(error_line(text))


def show(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:
        leave_quietly()


def summarize(markdown: str) -> None:
    """Adds to the summary of the job where GitHub runs this."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with contextlib.suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{markdown}\n")


def leave_quietly() -> NoReturn:
    """For when whoever reads the output has had enough of it: as a tool does that the signal ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(BROKEN_PIPE)


def short(digest: str) -> str:
    """Enough of a digest to know it by, and to ask for it with."""
    return digest.partition(":")[2][:12]


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
