"""Which builds contain a package."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import msgspec

from generator.query.library import Library
from generator.query.range import Range
from generator.query.resolution import tags_of
from generator.record.difference import Installed, installed
from generator.record.index import Build, PackageLog
from generator.record.packages import expand


@dataclass(frozen=True, slots=True)
class Match:
    """A package in a build; `tags` are those that point at the build now."""

    image: str
    package: Installed
    tags: tuple[str, ...]
    build: Build


@dataclass(frozen=True, slots=True)
class Group:
    """The builds of an image with a package at one version, newest first."""

    image: str
    package: Installed
    builds: tuple[Build, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """`versions`: all that the package has; `names`: all packages; `unknown`: builds without an SBOM to look in."""

    matches: tuple[Match, ...]
    versions: frozenset[Installed]
    names: frozenset[str]
    unknown: int


def search(library: Library, name: str, wanted: Range | None = None) -> Found:
    """The builds with the package, newest first."""
    matches: list[Match] = []
    versions: set[Installed] = set()
    names: set[str] = set()
    unknown = 0
    for index in library.all():
        log = library.store.packages(index.name) or PackageLog(name=index.name, builds=())
        names.update(_name(each) for change in log.builds for each in change.added)
        unknown += len(index.builds) - len(log.builds)
        contents = expand(_only(log, name))
        for build in index.builds:
            for package in installed(contents.get(build.key, ())):
                versions.add(package)
                if wanted is None or wanted.holds(package.origin.partition("/")[0], package.version):
                    matches.append(Match(index.name, package, tags_of(index, build.digest), build))
    matches.sort(key=lambda each: (each.build.seen, each.image, each.build.track), reverse=True)
    return Found(tuple(matches), frozenset(versions), frozenset(names), unknown)


def grouped(matches: Sequence[Match]) -> list[Group]:
    """One for each image and version of the package, that with the newest build first."""
    groups: dict[tuple[str, Installed], list[Match]] = {}
    for each in matches:
        groups.setdefault((each.image, each.package), []).append(each)
    return [
        Group(
            image,
            package,
            tuple(each.build for each in of_group),
            tuple(dict.fromkeys(tag for each in of_group for tag in each.tags)),
        )
        for (image, package), of_group in groups.items()
    ]


def _only(log: PackageLog, name: str) -> PackageLog:
    """The log of one package."""

    def of(packages: Iterable[str]) -> tuple[str, ...]:
        return tuple(each for each in packages if _name(each) == name)

    changes = (msgspec.structs.replace(each, added=of(each.added), removed=of(each.removed)) for each in log.builds)
    return msgspec.structs.replace(log, builds=tuple(changes))


def _name(package: str) -> str:
    return unquote(package.partition("@")[0].rpartition("/")[2])
