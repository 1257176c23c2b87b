"""An image's builds as a story: what each brought, and which tags moved to it and why. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from generator.query.difference import Difference, difference
from generator.record.index import Build, ImageIndex
from generator.record.tags import moves, suffix, unique_tags, version_of


@dataclass(frozen=True, slots=True)
class Moved:
    """Tags that moved to a build together; `before` is the version they pointed at, None where they are new."""

    tags: tuple[str, ...]
    before: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One build. `changes` is None where the build before it on its track, or its own packages, are not known."""

    build: Build
    unique: tuple[str, ...]
    moved: tuple[Moved, ...]
    packages: int | None
    changes: Difference | None


def entries(index: ImageIndex, contents: Mapping[tuple[str, str], frozenset[str]]) -> list[Entry]:
    """Newest first. `contents` has the packages of builds by (track, digest)."""
    moved = _moved(index)
    before: dict[str, frozenset[str]] = {}
    told: list[Entry] = []
    for build in index.builds:
        key = build.track, build.digest
        packages = contents.get(key)
        known = before.get(build.track)
        told.append(
            Entry(
                build=build,
                unique=tuple(name for name in _unique(build) if index.tags.get(name) == build.digest),
                moved=tuple(moved.get(key, ())),
                packages=None if packages is None else len(packages),
                changes=None if packages is None or known is None else difference(known, packages),
            )
        )
        if packages is not None:
            before[build.track] = packages
    return told[::-1]


def current(index: ImageIndex) -> dict[str, list[tuple[Build, list[str]]]]:
    """For each track, the builds that moving tags point at, newest first, each with its tags, longest first."""
    unique = {name for build in index.builds for name in _unique(build)}
    tags: dict[tuple[str, str], list[str]] = {}
    builds = {(build.track, build.digest): build for build in index.builds}
    for name, digest in index.tags.items():
        if name not in unique:
            tags.setdefault(_owner(index, name, digest), []).append(name)
    by_track: dict[str, list[tuple[Build, list[str]]]] = {}
    for key in sorted(tags, key=lambda key: builds[key].seen, reverse=True):
        by_track.setdefault(key[0], []).append((builds[key], sorted(tags[key], key=len, reverse=True)))
    return dict(sorted(by_track.items()))


def _owner(index: ImageIndex, name: str, digest: str) -> tuple[str, str]:
    """Which of a digest's builds a tag is of: the same digest can stand on several tracks."""
    tracks = [build.track for build in index.builds if build.digest == digest]
    fitting = [track for track in tracks if name.endswith(suffix(track))]
    return max(fitting or tracks, key=lambda track: len(suffix(track))), digest


def _unique(build: Build) -> tuple[str, ...]:
    version = version_of(build)
    return unique_tags(build, version) if version else ()


def _moved(index: ImageIndex) -> dict[tuple[str, str], list[Moved]]:
    told: dict[tuple[str, str], list[Moved]] = {}
    for build, names in moves(index.builds):
        groups: dict[str | None, list[str]] = {}
        for name, before in names:
            if name in index.tags:
                groups.setdefault(before, []).append(name)
        told[build.track, build.digest] = [Moved(tuple(tags), before) for before, tags in groups.items()]
    return told


def years(told: list[Entry]) -> Iterator[tuple[int, list[Entry]]]:
    """The entries of each year in which builds were seen, newest first."""
    for year in sorted({entry.build.seen.year for entry in told}, reverse=True):
        yield year, [entry for entry in told if entry.build.seen.year == year]
