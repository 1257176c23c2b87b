"""`reverse-registry check`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from generator import images
from generator.check import Revision
from generator.check import check as check_index
from generator.cli.conventions import FAILED, AsJson, Index, TrustedRoot
from generator.cli.output import count, show_error, show_json, show_line, summarize
from generator.errors import ConfigurationError
from generator.record.store import Store
from generator.refresh.presence import check_presence
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
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="With --upstream: only whether N builds are still there, those first that were asked for longest ago.",
        ),
    ] = None,
    trusted_root: TrustedRoot = None,
    as_json: AsJson = False,
) -> None:
    """Validate a whole index, and that nothing recorded was lost.

    Every file is checked by the schema, and all that follows from others - tags,
    pages, catalogue - is derived again and compared. With --against, what does not
    follow from anything is compared with what it was; new builds are listed, as
    nobody can prove them offline. --upstream can: with --against it learns them again
    as a refresh does, without it it asks whether every build is there as recorded.

    A build that --upstream misses twice, a day apart, is recorded as gone, and one
    that is back as there; images with `keep` in images.toml are not asked about.

    There is a line for each problem: file, field, what it should be.

    Exit code: 0 sound, 1 problems were found, 2 no such index or revision.
    """
    if not (index / "images.toml").exists():
        raise ConfigurationError(
            f"{index}: holds no images.toml; --index names the folder of the index, init starts one"
        )
    if sample is not None and (not upstream or against is not None):
        raise ConfigurationError("--sample: asks upstream, and so goes with --upstream and without --against")
    if upstream and against is None and not any(not each.is_note for each in check_index(index)):
        _check_presence(index, sample, as_json=as_json)
    was = Revision(index, against) if against is not None else None
    findings = list(check_index(index, was, _verifiers(index, trusted_root) if upstream and sample is None else None))
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


def _check_presence(index: Path, sample: int | None, *, as_json: bool) -> None:
    """Records what is gone, in an index that is sound."""
    wanted, store = images.load(index / "images.toml"), Store(index)
    with store.lock():
        found = list(check_presence(store, wanted, datetime.now(UTC).replace(microsecond=0), sample=sample))
    if as_json:
        return
    for each in found:
        for what, digests in (("gone upstream", each.gone), ("there again", each.back)):
            for digest in digests:
                show_line(f"{each.name}: {digest} is {what}")
    if sample is None:
        return  # the check asks more of each build, and says which are not there
    for each in found:
        for digest in each.missed:
            show_line(f"{each.name}: {digest} is missed upstream: gone, if it is missed again in a day")
        for error in each.errors:
            show_line(f"{each.name}: note: {error}")
    asked, gone = sum(each.asked for each in found), sum(len(each.gone) for each in found)
    line = f"{count(asked, 'build')} asked for, {gone} gone"
    show_line(line)
    summarize(f"{line}\n")


def _verifiers(index: Path, trusted_root: Path | None) -> dict[str, Verifier]:
    """Of images.toml, where that can be read: that it cannot is what the check will say."""
    try:
        wanted = images.load(index / "images.toml")
    except ConfigurationError:
        return {}
    return load_verifiers(wanted.trusts, index, trusted_root)
