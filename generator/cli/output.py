"""What commands print: tables for people, JSON for programs, and nothing from outside that acts on a terminal."""

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.document import printable

_LONGEST = 2000


def show_json(value: object) -> None:
    # The escape is JSON's own: `##[` anywhere in a line is a command to GitHub's runner.
    typer.echo(json.dumps(msgspec.to_builtins(value), indent=2).replace("##[", "#\\u0023["))


def show_line(text: object) -> None:
    typer.echo(printable(text, _LONGEST))


def error_line(text: object) -> str:
    """A line that GitHub shows on the page of the whole run where it runs this (workflow commands, `error`)."""
    line = printable(text, _LONGEST)
    return f"::error::{line.replace('%', '%25')}" if os.environ.get("GITHUB_ACTIONS") == "true" else line


def show_error(text: object) -> None:
    typer.echo(error_line(text))


def summarize(markdown: str) -> None:
    """Adds to the summary of the job where GitHub runs this."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with contextlib.suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{markdown}\n")


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]], styles: Sequence[str] = ()) -> None:
    """Fitted to a terminal; into a pipe each row is one line, however long. A list in a row is an item a line."""
    console = Console(highlight=False)
    separator = "\n" if console.is_terminal else ", "
    headers = [printable(header) for header in headers]
    cells: list[Sequence[str]] = [[_cell(value, separator) for value in row] for row in rows]
    if console.is_terminal:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for header, style in zip(headers, [*styles, *[""] * len(headers)], strict=False):
            table.add_column(Text(header), style=style, overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))
        console.print(table)
        return
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    for row in (headers, *cells):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object, separator: str) -> str:
    return separator.join(printable(each, _LONGEST) for each in (value if isinstance(value, list) else [value]))


def short(digest: str) -> str:
    """Enough of a digest to know it by, and to ask for it with."""
    return digest.partition(":")[2][:12]


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
