"""The command line. Every command reads its words, calls what does the work, and shows what came of it."""

import signal
import sys
from typing import Annotated, ClassVar

import typer

from generator.cli.commands import Deferred, Sections
from generator.cli.conventions import FAILED, MISCONFIGURED
from generator.errors import ConfigurationError, ReverseRegistryError


class Commands(Sections):
    sections: ClassVar = {
        "Keep an index": (
            Deferred(
                "init",
                "generator.cli.edit.init:init",
                "Start a repository for an index of your own, which refreshes itself once it is pushed to GitHub.",
            ),
            Deferred(
                "add", "generator.cli.edit.add:add", "Add images to images.toml, which keeps its comments and layout."
            ),
            Deferred(
                "remove",
                "generator.cli.edit.remove:remove",
                "Take images out of images.toml, which keeps its comments and layout.",
            ),
            Deferred(
                "refresh",
                "generator.cli.refresh:refresh",
                "Watch the tracked tags, learn each new build's version, and record it in the index.",
            ),
            Deferred(
                "check", "generator.cli.check:check", "Validate a whole index, and that nothing recorded was lost."
            ),
            Deferred(
                "verify",
                "generator.cli.verify:verify",
                "Ask the upstream for a build's attestations, and show who signed each, step by step.",
            ),
            Deferred(
                "publish",
                "generator.cli.publish:publish",
                "Commit what a refresh has changed, with a message that tells what, and push it.",
            ),
            Deferred(
                "push",
                "generator.cli.push:push",
                "Push the index as an image, for servers that mount it or images that copy it.",
            ),
            Deferred(
                "site", "generator.cli.site:site", "Write the index as a web site: plain files for any static host."
            ),
        ),
        "Ask it, without a network": (
            Deferred("list", "generator.cli.queries.list:list_", "List the images, or the tags of one, newest first."),
            Deferred(
                "resolve",
                "generator.cli.queries.resolve:resolve",
                "Tell which build a tag or digest is, and why that one.",
            ),
            Deferred("packages", "generator.cli.queries.packages:packages", "List the packages of a build."),
            Deferred("diff", "generator.cli.queries.packages:diff", "Compare the packages of two builds."),
            Deferred("log", "generator.cli.queries.log:log", "Show what changed from build to build, newest first."),
            Deferred(
                "search",
                "generator.cli.queries.search:search",
                "Find every build that contains a package: who still has xz 5.6.0?",
            ),
        ),
    }


app = typer.Typer(
    help="Bring back the versions of images whose registry serves only latest.",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    from generator.cli.output import error_line

    print(error_line(f"reverse-registry: {error}"), file=sys.stderr)
    sys.exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"reverse-registry {version('reverse-registry')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bring back the versions of images whose registry serves only latest."""
