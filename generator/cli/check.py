"""`reverse-registry check`."""

from pathlib import Path
from typing import Annotated

import typer

from generator import images
from generator.check import Revision
from generator.check import check as check_index
from generator.cli.conventions import FAILED, AsJson, Index, TrustedRoot
from generator.cli.output import count, show_error, show_json, show_line
from generator.errors import ConfigurationError
from generator.trust.loading import load_verifiers
from generator.trust.policy import Verifier


def check(
    index: Index = Path("index"),
    against: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Also report what was recorded at this git revision and is lost or changed."),
    ] = None,
    upstream: Annotated[
        bool,
        typer.Option("--upstream", help="Also ask upstream for every build; with --against for what has changed."),
    ] = False,
    trusted_root: TrustedRoot = None,
    as_json: AsJson = False,
) -> None:
    """Validate a whole index, and that nothing recorded was lost.

    Every file is checked by the schema, and all that follows from others - tags,
    pages, catalogue - is derived again and compared. With --against, what does not
    follow from anything is compared with what it was; new builds are listed, as
    nobody can prove them offline. --upstream can: with --against it learns them again
    as a refresh does, without it it asks whether every build is there as recorded.

    There is a line for each problem: file, field, what it should be.

    Exit code: 0 sound, 1 problems were found, 2 no such index or revision.
    """
    if not (index / "images.toml").exists():
        raise ConfigurationError(
            f"{index}: holds no images.toml; --index names the folder of the index, init starts one"
        )
    was = Revision(index, against) if against is not None else None
    findings = list(check_index(index, was, _verifiers(index, trusted_root) if upstream else None))
    problems = [each for each in findings if not each.is_note]
    if as_json:
        show_json({"problems": problems, "notes": [each for each in findings if each.is_note]})
    else:
        for each in findings:
            line = f"{index / each.file}: {'note: ' if each.is_note else ''}{each.what}"
            (show_line if each.is_note else show_error)(line)
        compared = f", and all that was recorded at {against} is there" if against is not None and not problems else ""
        show_line(count(len(problems), "problem") if problems else f"{index}: no problem{compared}")
    if problems:
        raise typer.Exit(FAILED)


def _verifiers(index: Path, trusted_root: Path | None) -> dict[str, Verifier]:
    """Of images.toml, where that can be read: that it cannot is what the check will say."""
    try:
        wanted = images.load(index / "images.toml")
    except ConfigurationError:
        return {}
    return load_verifiers(wanted.trusts, index, trusted_root)
