"""An image's builds as a story: what each brought, and which tags moved to it and why. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from generator.record.difference import Difference, difference
from generator.record.index import Build, ImageIndex
from generator.record.tags import moves, suffix, unique_tags


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
    story: list[Entry] = []
    for build in index.builds:
        key = build.key
        packages = contents.get(key)
        known = before.get(build.track)
        story.append(
            Entry(
                build=build,
                unique=tuple(name for name in unique_tags(build) if index.tags.get(name) == build.digest),
                moved=tuple(moved.get(key, ())),
                packages=None if packages is None else len(packages),
                changes=None if packages is None or known is None else difference(known, packages),
            )
        )
        if packages is not None:
            before[build.track] = packages
    return story[::-1]


def signer(build: Build) -> str | None:
    """Who signed the SBOM of a build, as far as that was verified."""
    sbom = build.sbom
    if sbom is None or not sbom.verified:
        return None
    name = sbom.identity or "somebody whose name is not recorded"
    return f"{name} ({sbom.issuer})" if sbom.issuer else name


def former_signers(builds: Iterable[Build]) -> dict[tuple[str, str], str]:
    """For each build that another signed than the build before it on its track, or nobody: who signed that."""
    last: dict[str, str | None] = {}
    former: dict[tuple[str, str], str] = {}
    for build in builds:
        if build.sbom:
            now, before = signer(build), last.get(build.track)
            if before and now != before:
                former[build.key] = before
            last[build.track] = now
    return former


def current(index: ImageIndex) -> dict[str, list[tuple[Build, list[str]]]]:
    """For each track, the builds that moving tags point at, newest first, each with its tags, longest first."""
    unique = {name for build in index.builds for name in unique_tags(build)}
    tags: dict[tuple[str, str], list[str]] = {}
    tracks: dict[str, list[str]] = {}
    for build in index.builds:
        tracks.setdefault(build.digest, []).append(build.track)
    builds = {build.key: build for build in index.builds}
    for name, digest in index.tags.items():
        if name not in unique:
            tags.setdefault((_owner(tracks[digest], name), digest), []).append(name)
    by_track: dict[str, list[tuple[Build, list[str]]]] = {}
    for key in sorted(tags, key=lambda key: builds[key].seen, reverse=True):
        by_track.setdefault(key[0], []).append((builds[key], sorted(tags[key], key=len, reverse=True)))
    return dict(sorted(by_track.items()))


def _owner(tracks: list[str], name: str) -> str:
    """Which of the `tracks` that its digest stands on a tag is of."""
    fitting = [track for track in tracks if name.endswith(suffix(track))]
    return max(fitting or tracks, key=lambda track: len(suffix(track)))


def _moved(index: ImageIndex) -> dict[tuple[str, str], list[Moved]]:
    moved: dict[tuple[str, str], list[Moved]] = {}
    for build, names in moves(index.builds):
        groups: dict[str | None, list[str]] = {}
        for name, before in names:
            if name in index.tags:
                groups.setdefault(before, []).append(name)
        moved[build.key] = [Moved(tuple(tags), before) for before, tags in groups.items()]
    return moved


def by_year(story: Iterable[Entry]) -> Iterator[tuple[int, list[Entry]]]:
    """The entries of each year in which builds were seen, in their order."""
    for year, of_year in groupby(story, lambda entry: entry.build.seen.year):
        yield year, list(of_year)


def by_month(story: Iterable[Entry]) -> Iterator[tuple[date, list[Entry]]]:
    """The entries of each month, under its first day."""
    for month, of_month in groupby(story, lambda entry: entry.build.seen.date().replace(day=1)):
        yield month, list(of_month)
