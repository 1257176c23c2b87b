"""`reverse-registry log`."""

from typing import Annotated

import typer

from generator.cli.conventions import AsJson, Index
from generator.cli.output import count, short, show_json
from generator.cli.queries.arguments import DEFAULT, Image
from generator.cli.table import show_table
from generator.document import printable
from generator.errors import ConfigurationError
from generator.query.library import Library
from generator.query.reference import closest
from generator.record.packages import expand
from generator.render.story import Entry, entries

_SHOWN = 6


def log(
    image: Image,
    track: Annotated[
        str | None, typer.Option(metavar="TAG", help="Only builds of this upstream tag, such as latest.")
    ] = None,
    index: Index = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show what changed from build to build, newest first."""
    library = Library(index)
    found = library.image(image)
    tracks = {build.track for build in found.builds}
    if track is not None and track not in tracks:
        raise ConfigurationError(f"{image} has no track {printable(track)}{closest(track, tracks)}")
    shown = [
        entry for entry in entries(found, expand(library.store.packages(image))) if track in (None, entry.build.track)
    ]
    if as_json:
        return show_json({"image": image, "builds": shown})
    return show_table(
        ("seen", "track", "digest", "version", "n", "changed"), map(_row, shown), ("n", "track", "digest")
    )


def _row(entry: Entry) -> tuple[object, ...]:
    build = entry.build
    lines = entry.changes.lines() if entry.changes else []
    changed = lines if len(lines) <= _SHOWN else [*lines[: _SHOWN - 1], f"and {len(lines) - _SHOWN + 1} more"]
    if entry.changes is None:
        known = entry.packages is not None
        changed = [f"first, with {count(entry.packages or 0, 'package')}" if known else "packages unknown"]
    version = build.version or "unknown"
    return f"{build.seen:%Y-%m-%d}", build.track, short(build.digest), version, len(lines) or "", changed
