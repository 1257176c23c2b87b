"""`reverse-registry packages` and `reverse-registry diff`."""

from typing import Annotated

import typer

from generator.cli.completion import complete_tag
from generator.cli.conventions import AsJson, Index
from generator.cli.output import short, show_json, show_line
from generator.cli.queries.arguments import DEFAULT, ImageTag
from generator.cli.table import show_facts, show_table
from generator.query.library import Library
from generator.query.reference import Reference
from generator.query.resolution import Resolution
from generator.record.difference import difference, installed


def packages(image: ImageTag, index: Index = DEFAULT, as_json: AsJson = False) -> None:
    """List the packages of a build."""
    library = Library(index)
    found = library.resolve(Reference.parse(image))
    listed = installed(library.packages(found.image, found.build))
    if as_json:
        return show_json({"image": found.image, "build": found.build, "packages": listed})
    return show_table(
        ("package", "version", "from"), [(each.name, each.version, each.origin) for each in listed], ("from",)
    )


def diff(
    before: ImageTag,
    after: Annotated[
        str, typer.Argument(metavar="IMAGE:TAG", autocompletion=complete_tag, help="What to compare it with.")
    ],
    index: Index = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Compare the packages of two builds."""
    library = Library(index)
    old, new = library.resolve(Reference.parse(before)), library.resolve(Reference.parse(after))
    found = difference(library.packages(old.image, old.build), library.packages(new.image, new.build))
    if as_json:
        return show_json({"before": _named(old), "after": _named(new), "difference": found})
    rows = [
        *(("changed", each.name, each.origin, each.before, each.after) for each in found.changed),
        *(("added", each.name, each.origin, "", each.version) for each in found.added),
        *(("removed", each.name, each.origin, each.version, "") for each in found.removed),
    ]
    show_facts([("before", _label(old)), ("after", _label(new))])
    if rows:
        show_table(("", "package", "from", "before", "after"), rows, ("from",))
    return show_line(f"{len(found.changed)} changed, {len(found.added)} added, {len(found.removed)} removed")


def _named(found: Resolution) -> dict[str, object]:
    return {"image": found.image, "build": found.build}


def _label(found: Resolution) -> str:
    return f"{found.image} {found.build.version or 'of unknown version'} {short(found.build.digest)}"
