"""The tags of an image as people look for them: newest first, and which of them stay."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from generator.errors import BrokenIndexError
from generator.record.index import Build, ImageIndex
from generator.record.tags import unique_tags

Moves = Literal["never", "yes", "upstream"]


@dataclass(frozen=True, slots=True)
class Listed:
    """`moves`: never, as the tag is of one build alone; yes, with new builds; or as upstream moves its own."""

    tag: str
    moves: Moves
    version: str | None
    track: str
    seen: datetime
    digest: str


def listed(index: ImageIndex) -> list[Listed]:
    """Every tag, upstream's own included, those of the newest build first, and of a build the shortest first.

    Raises `BrokenIndexError` where a tag has no build.
    """
    try:
        found = sorted(_entries(index), key=lambda each: (len(each.tag), each.tag))
    except KeyError as error:
        raise BrokenIndexError(f"{index.name}: {error} has a tag but no build: run `reverse-registry check`") from None
    return sorted(found, key=lambda each: each.seen, reverse=True)


def _entries(index: ImageIndex) -> Iterator[Listed]:
    builds = {build.digest: build for build in index.builds}
    by_track = {build.key: build for build in index.builds}
    unique = {tag for build in index.builds for tag in unique_tags(build)}
    for track, at in index.tracks.items():
        yield _entry(track, "upstream", by_track[track, at.digest])
    for tag, digest in index.tags.items():
        yield _entry(tag, "never" if tag in unique else "yes", builds[digest])


def _entry(tag: str, moves: Moves, build: Build) -> Listed:
    return Listed(tag, moves, build.version, build.track, build.seen, build.digest)
