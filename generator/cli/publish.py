"""`reverse-registry publish`."""

from pathlib import Path
from typing import Annotated

import typer

from generator.cli.conventions import Index
from generator.cli.output import show_line, summarize
from generator.publish import publish as publish_index
from generator.render.pages import code


def publish(
    index: Index = Path("index"),
    push: Annotated[bool, typer.Option(help="Push to the branch's upstream.")] = True,
) -> None:
    """Commit what a refresh has changed, with a message that tells what, and push it.

    Where somebody else has pushed meanwhile, the commit is put on top of theirs.
    Nothing is done where nothing has changed.
    """
    subject = publish_index(index, push=push)
    if subject:
        done = "pushed" if push else "committed"
        show_line(f"{done}: {subject}")
        summarize(f"{done.capitalize()}: {code(subject)}\n")
    else:
        show_line(f"{index}: nothing has changed")
