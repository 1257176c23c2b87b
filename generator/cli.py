"""The command line. Every command reads its words, calls what does the work, and shows what came of it."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

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
from generator.document import printable
from generator.errors import ConfigurationError, ReverseRegistryError
from generator.images import Images
from generator.record.index import Build
from generator.record.store import Store
from generator.refresh import Outcome, Refresh
from generator.upstream import Limits

app = typer.Typer(
    help="Bring back the versions of images whose registry serves only latest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FAILED, MISCONFIGURED = 1, 2

Index = Annotated[Path, typer.Option("--index", help="Folder of the index; holds images.toml.")]


def main() -> None:
    """The console script: expected errors become one line and an exit code."""
    try:
        app()
    except ConfigurationError as error:
        _fail(error, MISCONFIGURED)
    except ReverseRegistryError as error:
        _fail(error, FAILED)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: Exception, code: int) -> None:
    print(f"reverse-registry: {printable(error, 2000)}", file=sys.stderr)
    sys.exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reverse-registry {version('reverse-registry')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bring back the versions of images whose registry serves only latest."""


@app.command()
def refresh(
    names: Annotated[list[str] | None, typer.Argument(metavar="[IMAGE]...", help="Only these; default: all.")] = None,
    index: Index = Path("index"),
    jobs: Annotated[int, typer.Option(min=1, max=256, help="How many requests may be under way at once.")] = 16,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and learn, but write nothing.")] = False,
    sbom_limit: Annotated[int, typer.Option(min=1, help="Largest SBOM to read, in MiB.")] = 64,
) -> None:
    """Watch the tracked tags, learn each new build's version, and record it in the index.

    Exit code: 0 fine, 1 some image failed (all others are written), 2 images.toml or the command line is wrong.
    """
    wanted = images.load(index / "images.toml")
    _check_names(names or [], wanted)
    store = Store(index)
    limits = Limits(blob=sbom_limit * 1024 * 1024)
    console = Console()
    outcomes: list[Outcome] = []
    with (
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        ) as progress,
        store.lock(),
    ):
        task = progress.add_task("builds", total=0)

        def on_progress(learned: int, found: int) -> None:
            progress.update(task, advance=learned, total=(progress.tasks[0].total or 0) + found)

        run = Refresh(store, wanted, limits, jobs, write=not dry_run, on_progress=on_progress)
        for outcome in run.run(names or []):
            outcomes.append(outcome)
            for line in _lines(outcome):
                progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
    typer.echo(_summary(outcomes, wanted, dry_run))
    if any(outcome.errors for outcome in outcomes):
        raise typer.Exit(FAILED)


def _check_names(names: list[str], wanted: Images) -> None:
    for name in names:
        if name not in wanted.images:
            raise ConfigurationError(
                f"{printable(name)} is not in images.toml, which has {', '.join(wanted.images) or 'no image at all'}"
            )


def _lines(outcome: Outcome) -> list[str]:
    name = outcome.image.name
    found = f"{name}: {_builds(outcome.new)}" if outcome.new else f"{name}: nothing new"
    gone = [f"{name}: {_count(outcome.gone, 'build')} of its history no longer upstream"] if outcome.gone else []
    lines = [] if outcome.errors and not outcome.new else [found]
    lines += gone + [f"{name}: note: {note}" for note in outcome.notes]
    lines += [f"{name}: failed: {error}" for error in outcome.errors]
    return [printable(line, 1000) for line in lines]


def _builds(builds: list[Build]) -> str:
    versions = list(dict.fromkeys(build.version or "of unknown version" for build in reversed(builds)))
    shown = ", ".join(versions[:5]) + (f" and {len(versions) - 5} more" if len(versions) > 5 else "")
    return f"{_count(len(builds), 'new build')}: {shown}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _summary(outcomes: list[Outcome], wanted: Images, dry_run: bool) -> str:
    new = [outcome for outcome in outcomes if outcome.new]
    failed = [outcome.image.name for outcome in outcomes if outcome.errors]
    unchanged = sum(not outcome.new and not outcome.errors for outcome in outcomes)
    parts = [
        f"{_count(sum(len(outcome.new) for outcome in new), 'new build')} in {_count(len(new), 'image')}",
        f"{unchanged} unchanged",
    ]
    if frozen := sum(image.frozen for image in wanted.images.values()):
        parts.append(f"{frozen} frozen")
    if failed:
        parts.append(f"{len(failed)} failed ({', '.join(sorted(failed))})")
    return ", ".join(parts) + (" (dry run: nothing was written)" if dry_run else "")
