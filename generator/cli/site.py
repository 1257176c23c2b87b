"""The command `site`."""

from pathlib import Path
from typing import Annotated

import typer

from generator.cli.conventions import Index
from generator.cli.output import count, show_line
from generator.cli.queries.arguments import DEFAULT
from generator.site.writer import write_site


def site(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; other files in it are left alone.")],
    index: Index = DEFAULT,
) -> None:
    """Write the index as a web site: plain files for any static host.

    Only what changed is written, and pages of this site that are no more are removed.
    """
    made = write_site(index, target)
    removed = f", {made.removed} removed" if made.removed else ""
    shown = f"{count(made.images, 'image')}, {count(made.builds, 'build')}"
    show_line(f"{shown}: {count(made.files, 'file')} in {target}{removed}")
