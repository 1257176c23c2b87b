"""The arguments that the queries share."""

from pathlib import Path
from typing import Annotated

import typer

from generator.cli.completion import complete_image, complete_tag

DEFAULT = Path("index")

Image = Annotated[str, typer.Argument(metavar="IMAGE", autocompletion=complete_image, help="A name of images.toml.")]
ImageTag = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE:TAG", autocompletion=complete_tag, help="Or IMAGE@DIGEST, or a digest, which may be cut short."
    ),
]
