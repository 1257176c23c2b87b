"""Tables and facts for people, fitted to the terminal that they are shown on."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.cli.output import LONGEST, leave_quietly, show
from generator.document import printable


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        leave_quietly()


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]], spare: Sequence[str] = ()) -> None:
    """Fitted to a terminal, which does without the `spare` columns, the first first, where it is narrow.

    Into a pipe each row is one line, however long, with all columns. A list in a row is an item a line.
    """
    console = _Console(highlight=False)
    separator = "\n" if console.is_terminal else ", "
    names = [printable(header) for header in headers]
    cells = [[_cell(value, separator) for value in row] for row in rows]
    if not console.is_terminal:
        widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
        for row in (names, *cells):
            show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    for header in spare:
        if _least(names, cells) > console.width:
            at = names.index(header)
            names, cells = _without(names, at), [_without(row, at) for row in cells]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, header in enumerate(names):
        is_last = position == len(names) - 1
        table.add_column(Text(header), style="dim" if header == "digest" else "", no_wrap=not is_last, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _least(names: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """How wide a table is at least: its last column is wrapped between words."""
    widths = [max(max(map(len, cell.split("\n"))) for cell in column) for column in zip(names, *cells, strict=True)]
    longest = max((len(word) for row in (names, *cells) for word in row[-1].split()), default=0)
    return sum(widths[:-1]) + longest + 2 * len(widths)


def _without(row: Sequence[str], at: int) -> list[str]:
    return [*row[:at], *row[at + 1 :]]


def show_facts(facts: Iterable[tuple[str, object]]) -> None:
    """A line for each, its name before it; on a terminal wrapped between words."""
    console = _Console(highlight=False)
    texts = [(name, _cell(value, ", ")) for name, value in facts]
    width = max(len(name) for name, _ in texts) + 2
    for name, text in texts:
        lines = textwrap.wrap(text, console.width - width, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines if console.is_terminal else [text]):
            show(f"{'' if number else name:<{width}}{line}".rstrip())


def _cell(value: object, separator: str) -> str:
    return separator.join(printable(each, LONGEST) for each in (value if isinstance(value, list) else [value]))
