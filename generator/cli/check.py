"""`reverse-registry check`."""

from pathlib import Path
from typing import Annotated

import typer

from generator.check import Revision
from generator.check import check as check_index
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

    Every file is checked by the schema, and all that follows from others - tags,
    pages, catalogue - is derived again and compared. With --against, what does not
    follow from anything is compared with what it was; new builds are listed, as
    nobody can prove them offline.

    There is a line for each problem: file, field, what it should be.

    Exit code: 0 sound, 1 problems were found, 2 no such index or revision.
    """
    if not (index / "images.toml").exists():
        raise ConfigurationError(f"{index}: holds no images.toml; --index names the folder of the index")
    findings = list(check_index(index, Revision(index, against) if against is not None else None))
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
