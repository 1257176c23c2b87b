"""`reverse-registry push`."""

from pathlib import Path
from typing import Annotated

import typer

from generator.cli.conventions import Index
from generator.cli.output import show_line
from generator.publish.image import push_image


def push(
    image: Annotated[str, typer.Argument(metavar="HOST/PATH[:TAG]", help="Where to push it; default tag: latest.")],
    index: Index = Path("index"),
) -> None:
    """Push the index as an image, for servers that mount it or images that copy it.

    Its files are at the root of the image; the same index always gives the same digest. Log in with `docker login`.
    """
    digest = push_image(index, image)
    show_line(f"pushed: {image}@{digest}")
