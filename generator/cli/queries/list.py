"""`reverse-registry list`."""

from typing import Annotated

import typer

from generator.cli.completion import complete_image
from generator.cli.conventions import AsJson, Index
from generator.cli.output import count, short, show_json, show_line
from generator.cli.queries.arguments import DEFAULT
from generator.cli.table import show_table
from generator.query.library import Library
from generator.query.tags import listed


def list_(
    image: Annotated[
        str | None,
        typer.Argument(metavar="IMAGE", autocompletion=complete_image, help="Its tags; default: all images."),
    ] = None,
    index: Index = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List the images, or the tags of one, newest first."""
    library = Library(index)
    if image is None:
        _images(library, as_json)
    else:
        _tags(library, image, as_json)


def _images(library: Library, as_json: bool) -> None:
    summaries = library.summaries()
    if as_json:
        return show_json({"images": summaries})
    if not summaries:
        return show_line(f"no image yet; add one: reverse-registry add nginx --index {library.store.folder}")
    rows = [
        (
            name,
            each.version or ("unknown" if each.refreshed else "not refreshed yet"),
            f"{each.created:%Y-%m-%d}" if each.created else "",
            each.builds,
            each.tags,
            f"{each.repository}{' (frozen)' if each.frozen else ''}",
        )
        for name, each in summaries.items()
    ]
    return show_table(("image", "newest", "made", "builds", "tags", "upstream"), rows, ("upstream", "builds", "made"))


def _tags(library: Library, image: str, as_json: bool) -> None:
    tags = listed(library.image(image))
    if as_json:
        return show_json({"image": image, "tags": tags})
    rows = [
        (each.tag, each.version or "unknown", f"{each.seen:%Y-%m-%d}", each.moves, short(each.digest)) for each in tags
    ]
    show_table(("tag", "version", "since", "moves", "digest"), rows, ("moves", "version", "digest"))
    return show_line(count(len(tags), "tag"))
