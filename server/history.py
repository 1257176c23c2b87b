"""The history of an image: its builds, what each brought, and the tags that point at them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from .documents import read
from .index import Build, Image
from .packages import Change, Difference, Log, differences

_unfit = re.compile(r"[^a-zA-Z0-9._-]")


class Sbom(Struct, frozen=True, gc=False):
    kind: str
    format: str
    verified: bool = False


class Detail(Struct, frozen=True):
    """What the server does not keep in memory of a build."""

    track: str
    digest: str
    platforms: dict[str, str] = {}
    sbom: Sbom | None = None


class Details(Struct, frozen=True):
    """`<image>/index.json`."""

    builds: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags of a build: of the lines that it is the newest in, of its exact version, and of it alone."""

    lines: list[str] = field(default_factory=list)
    exact: list[str] = field(default_factory=list)
    unique: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        yield from (*self.lines, *self.exact, *self.unique)


@dataclass(frozen=True, slots=True)
class Entry:
    """A build. `packages` is how many; `changes` is None where the build before it on its track is not known."""

    build: Build
    tags: Tags
    is_rebuild: bool
    detail: Detail
    packages: int | None
    changes: list[Difference] | None


class History:
    """What is known of `image`, with what its files in `folder` say beyond that; newest first."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.builds = image.builds[::-1]
        self._image = image
        self._folder = folder

    @cached_property
    def tags(self) -> dict[tuple[str, str], Tags]:
        """By track and digest; of several tracks with one digest, a tag belongs to the one whose suffix it has."""
        tags = {(build.track, build.digest): Tags() for build in self.builds}
        builds: dict[str, list[Build]] = {}
        for build in self.builds:
            builds.setdefault(build.digest, []).append(build)
        for name, digest in sorted(self._image.tags.items(), key=lambda tag: -len(tag[0])):
            (kind, _), track = min((_rank(name, build), build.track) for build in builds[digest])
            of_build = tags[track, digest]
            (of_build.unique, of_build.exact, of_build.lines)[kind].append(name)
        return tags

    def current(self) -> dict[str, list[tuple[Build, Tags]]]:
        """For each track the builds that moving tags point at."""
        tracks: dict[str, list[tuple[Build, Tags]]] = {}
        for build in self.builds:
            tags = self.tags[build.track, build.digest]
            if tags.lines or tags.exact:
                tracks.setdefault(build.track, []).append((build, tags))
        return dict(sorted(tracks.items()))

    def entries(self, start: int, stop: int) -> Iterator[Entry]:
        details = {(each.track, each.digest): each for each in read(self._folder / "index.json", Details).builds}
        packages: dict[tuple[str, str], tuple[int, Change | None]] = {}
        counts: dict[str, int] = {}
        for change in read(self._folder / "packages.json", Log).builds:
            before = counts.get(change.track)
            counts[change.track] = (before or 0) + len(change.added) - len(change.removed)
            packages[change.track, change.digest] = counts[change.track], None if before is None else change
        first = {(build.track, build.version): build for build in self.builds}
        for build in self.builds[start:stop]:
            key = build.track, build.digest
            count, known = packages.get(key, (None, None))
            yield Entry(
                build=build,
                tags=self.tags[key],
                is_rebuild=first[build.track, build.version] is not build,
                detail=details.get(key, Detail(*key)),
                packages=count,
                changes=None if known is None else differences(known),
            )


def pull_tag(image: Image, build: Build) -> str | None:
    """The tag by which people ask for a build: its version without the distribution's revision, where it has that."""
    version, suffix = build.version or "", _suffix(build.track)
    candidates = (_fit(version.rpartition("-")[0]) + suffix, _fit(version) + suffix)
    return next((name for name in candidates if image.tags.get(name) == build.digest), None)


def _fit(version: str) -> str:
    return _unfit.sub("_", version)


def _suffix(track: str) -> str:
    return {"latest": "", "latest-dev": "-dev"}.get(track, f"-{track}")


def _rank(name: str, build: Build) -> tuple[int, int]:
    """Which kind of tag this is for a build (0 unique, 1 exact, 2 line), and how far it is from its track's suffix."""
    suffix, moment = _suffix(build.track), build.moment
    base = _fit(build.version or "") + suffix
    if moment and name in (f"{base}-{moment:%Y%m%d%H%M}", f"{base}-{moment:%Y%m%d%H%M%S}"):
        return 0, 0
    if name == base:
        return 1, 0
    return 2, -len(suffix) if name.endswith(suffix) else 1
