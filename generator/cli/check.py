"""`reverse-registry check`."""

from pathlib import Path
from typing import Annotated

import typer

from generator.check import check as check_index
from generator.check.against import losses
from generator.check.revision import recorded_at
from generator.cli.conventions import FAILED, AsJson, Index
from generator.cli.output import count, show_error, show_json, show_line
from generator.errors import ConfigurationError


def check(
    index: Index = Path("index"),
    against: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Also report what was recorded at this git revision and is lost or changed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate a whole index, and that nothing recorded was lost.

    Checks images.toml, every file by the schema, and what one file says of another.
    There is one line for each problem. What a refresh that was cut short has left
    behind is only a note: the next refresh mends it.

    Exit code: 0 sound, 1 problems were found, 2 no such index or revision.
    """
    if not (index / "images.toml").exists():
        raise ConfigurationError(f"{index}: holds no images.toml; --index names the folder of the index")
    findings = list(check_index(index))
    if against is not None:
        for name, files in recorded_at(index, against):
            findings += losses(index, name, files)
    problems = [each for each in findings if not each.is_note]
    if as_json:
        show_json({"problems": problems, "notes": [each for each in findings if each.is_note]})
    else:
        for each in findings:
            line = f"{index / each.file}: {'note: ' if each.is_note else ''}{each.what}"
            (show_line if each.is_note else show_error)(line)
        kept = f", and all that was recorded at {against} is there" if against is not None and not problems else ""
        show_line(count(len(problems), "problem") if problems else f"{index}: no problem{kept}")
    if problems:
        raise typer.Exit(FAILED)
