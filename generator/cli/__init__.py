"""The command line. Every command reads its words, calls what does the work, and shows what came of it."""

import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from generator.cli.check import check
from generator.cli.conventions import FAILED, MISCONFIGURED
from generator.cli.edit import add, init, remove
from generator.cli.help import Command, Sections
from generator.cli.output import error_line
from generator.cli.publish import publish
from generator.cli.push import push
from generator.cli.queries import diff, list_, log, packages, resolve, search
from generator.cli.refresh import refresh
from generator.cli.site import site
from generator.cli.verify import verify
from generator.errors import ConfigurationError, ReverseRegistryError

app = typer.Typer(
    help="Bring back the versions of images whose registry serves only latest.",
    cls=Sections,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Keep an index": (init, add, remove, refresh, check, verify, publish, push, site),
    "Ask it, without a network": (list_, resolve, packages, diff, log, search),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(_command.__name__.rstrip("_"), cls=Command, rich_help_panel=_panel)(_command)


def main() -> None:
    """The console script: expected errors become one line and an exit code."""
    # As a Ctrl-C does, so that a refresh that a scheduler ends keeps what it has learned.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except ConfigurationError as error:
        _fail(error, MISCONFIGURED)
    except ReverseRegistryError as error:
        _fail(error, FAILED)


def _fail(error: Exception, code: int) -> None:
    print(error_line(f"reverse-registry: {error}"), file=sys.stderr)
    sys.exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reverse-registry {version('reverse-registry')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bring back the versions of images whose registry serves only latest."""
