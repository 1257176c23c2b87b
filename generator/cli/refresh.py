"""`reverse-registry refresh`."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from generator import images
from generator.cli.conventions import FAILED, INTERRUPTED, Index, TrustedRoot, duration
from generator.cli.output import count, error_line, show_line, summarize
from generator.cli.summary import corrections, headline, summary, versions
from generator.document import printable
from generator.errors import ConfigurationError, ReverseRegistryError
from generator.images import Images
from generator.query.reference import closest
from generator.record.store import Store
from generator.refresh import Outcome, Refresh
from generator.trust.loading import load_verifiers
from generator.upstream import Limits
from generator.upstream.credentials import CredentialStore


def refresh(
    names: Annotated[list[str] | None, typer.Argument(metavar="IMAGE", help="Only these; default: all.")] = None,
    index: Index = Path("index"),
    jobs: Annotated[int, typer.Option(min=1, max=256, help="How many requests may be under way at once.")] = 16,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and learn, but write nothing.")] = False,
    sbom_limit: Annotated[int, typer.Option(min=1, help="Largest SBOM to read, in MiB.")] = 64,
    budget: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=duration,
            help="Stop after so long, as in 40m or 2h; the next refresh goes on from there.",
        ),
    ] = None,
    trusted_root: TrustedRoot = None,
    verify_recorded: Annotated[
        bool, typer.Option("--verify-recorded", help="Also ask who signed builds that were recorded unverified.")
    ] = False,
) -> None:
    """Watch the tracked tags, learn each new build's version, and record it in the index.

    Exit code: 0 fine, 1 some image failed (all others are written), 2 images.toml or the command line is wrong.
    """
    wanted = images.load(index / "images.toml")
    _check_names(names or [], wanted)
    store = Store(index)
    limits = Limits(blob=sbom_limit * 1024 * 1024)
    verifiers = load_verifiers(wanted.trusts, index, trusted_root)
    credentials = CredentialStore.from_environment()
    if dry_run:
        _show_credentials(wanted, names, credentials)
    outcomes: list[Outcome] = []
    try:
        with _progress() as progress, store.lock():
            task = progress.add_task("builds", total=0)

            def on_progress(learned: int, found: int) -> None:
                progress.update(task, advance=learned, total=(progress.tasks[0].total or 0) + found)

            run = Refresh(
                store,
                wanted,
                limits,
                jobs,
                write=not dry_run,
                budget=budget,
                verifiers=verifiers,
                verify_recorded=verify_recorded,
                credentials=credentials,
                on_progress=on_progress,
            )
            for outcome in run.run(names or []):
                outcomes.append(outcome)
                for line in _lines(outcome):
                    progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        _report(outcomes, wanted, dry_run)
        print(error_line("reverse-registry: interrupted; what was learned is kept"), file=sys.stderr, flush=True)
        _leave(INTERRUPTED)
    except ReverseRegistryError:
        if outcomes:
            _report(outcomes, wanted, dry_run)
        raise
    _report(outcomes, wanted, dry_run)
    code = FAILED if any(outcome.errors for outcome in outcomes) else 0
    if any(outcome.waiting for outcome in outcomes):
        _leave(code)
    raise typer.Exit(code)


def _leave(code: int) -> NoReturn:
    """Leaving as usual would wait for the requests under way, each up to its timeout."""
    sys.stdout.flush()
    os._exit(code)


def _show_credentials(wanted: Images, names: list[str] | None, credentials: CredentialStore) -> None:
    """Which entry each registry is asked with, a line each; never a secret."""
    images_ = [image for name, image in wanted.images.items() if not names or name in names]
    lines: dict[str, None] = {}
    for image in images_:
        found = credentials.find(image.repository)
        lines[f"{image.repository.host}: asked {f'with {found.source}' if found else 'anonymously'}"] = None
    for line in lines:
        typer.echo(printable(line, 1000))


def _progress() -> Progress:
    console = Console()
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _report(outcomes: list[Outcome], wanted: Images, dry_run: bool) -> None:
    """The last lines: what came of it all, and again what failed, which may have scrolled away long ago."""
    line = headline(outcomes, wanted, dry_run=dry_run)
    show_line(line)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.image.name):
        for error in outcome.errors:
            show_line(f"  {outcome.image.name}: {error}")
    summarize(summary(line, outcomes))


def _check_names(names: list[str], wanted: Images) -> None:
    for name in names:
        if name not in wanted.images:
            raise ConfigurationError(f"{printable(name)} is not in images.toml{closest(name, wanted.images)}")


def _lines(outcome: Outcome) -> list[str]:
    name = outcome.image.name
    found = f"{name}: {_builds(outcome)}" if outcome.new else f"{name}: nothing new"
    gone = [f"{name}: {count(outcome.gone, 'build')} of its history no longer upstream"] if outcome.gone else []
    corrected = [f"{name}: {what}" for what in corrections(outcome)]
    waiting = [f"{name}: the time was up; the next refresh goes on from there"] if outcome.waiting else []
    lines = [found] if outcome.new or not (outcome.errors or corrected or waiting) else []
    lines += corrected + waiting + gone + [f"{name}: note: {note}" for note in outcome.notes]
    return [
        *(printable(line, 1000) for line in lines),
        *(error_line(f"{name}: failed: {error}") for error in outcome.errors),
    ]


def _builds(outcome: Outcome) -> str:
    return f"{count(len(outcome.new), 'new build')}: {', '.join(versions(outcome))}"
