"""What the search of the site reads: small files, of which a question needs one or two.

`-/search/images.json`      every image, by number: [folder, name, repository, package, version, builds]
`-/search/versions/N.json`  versions that begin with the number N (or `other`): {version: [image, …]}
`-/search/digests/XX.json`  by the first 12 digits of builds and their platforms: {digits: [[image, build, platform]]}
`-/search/packages.json`    every package's name
`-/search/packages/XX.json` by the hash of the name: {name: {version: [[image, first, last, count, is current]]}}

A build is its folder's name; `first` and `last` are places among the builds in the image's index.json.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from generator.record.difference import installed
from generator.site.addresses import short
from generator.site.image import ImageSite

FOLDER = "-/search/"

_number = re.compile(r"(?:[0-9]+:)?([0-9]{1,4})(?![0-9])")

Span = tuple[int, int, int, bool]
Digest = tuple[str, str, str]


@dataclass(frozen=True)
class SearchTerms:
    """What an image has to be found by. `packages` are spans of builds by name and version."""

    versions: frozenset[str]
    digests: tuple[Digest, ...]
    packages: dict[str, dict[str, list[Span]]]


@dataclass
class _Open:
    first: int
    last: int
    count: int = 1


@dataclass
class _Spans:
    """The spans in which a track's builds have a package, while the builds go by."""

    open: dict[tuple[str, str], _Open] = field(default_factory=dict)
    closed: list[tuple[str, str, Span]] = field(default_factory=list)

    def feed(self, place: int, packages: set[tuple[str, str]]) -> None:
        for package in self.open.keys() - packages:
            self._close(package, is_current=False)
        for package in packages:
            if span := self.open.get(package):
                span.last, span.count = place, span.count + 1
            else:
                self.open[package] = _Open(place, place)

    def finish(self) -> list[tuple[str, str, Span]]:
        for package in list(self.open):
            self._close(package, is_current=True)
        return self.closed

    def _close(self, package: tuple[str, str], *, is_current: bool) -> None:
        span = self.open.pop(package)
        self.closed.append((*package, (span.first, span.last, span.count, is_current)))


def search_terms(site: ImageSite) -> SearchTerms:
    builds = site.index.builds
    tracks: dict[str, _Spans] = {}
    digests: list[Digest] = []
    for place, build in enumerate(builds):
        name = site.names[build.key]
        digests.append((short(build.digest), name, ""))
        digests += [(short(digest), name, platform) for platform, digest in sorted(build.platforms.items())]
        packages = site.contents.get(build.key)
        if packages is not None:
            named = {(package.name, package.version) for package in installed(packages)}
            tracks.setdefault(build.track, _Spans()).feed(place, named)
    found: dict[str, dict[str, list[Span]]] = {}
    for name, version, span in sorted(each for spans in tracks.values() for each in spans.finish()):
        found.setdefault(name, {}).setdefault(version, []).append(span)
    return SearchTerms(frozenset(build.version for build in builds if build.version), tuple(digests), found)


class SearchData:
    """The files, made of every image's search_terms in the order of their numbers."""

    def __init__(self) -> None:
        self._images = 0
        self._versions: dict[str, dict[str, list[int]]] = {}
        self._digests: dict[str, dict[str, list[tuple[int, str, str]]]] = {}
        self._packages: dict[str, dict[str, dict[str, list[tuple[int, int, int, int, int]]]]] = {}

    def add(self, given: SearchTerms | None) -> None:
        """None for an image of which nothing is known yet."""
        number, self._images = self._images, self._images + 1
        if given is None:
            return
        for version in given.versions:
            self._versions.setdefault(_major(version), {}).setdefault(version, []).append(number)
        for digits, build, platform in given.digests:
            self._digests.setdefault(digits[:2], {}).setdefault(digits, []).append((number, build, platform))
        for name, versions in given.packages.items():
            of_name = self._packages.setdefault(bucket(name), {}).setdefault(name, {})
            for version, spans in versions.items():
                of_name.setdefault(version, []).extend((number, *span[:3], int(span[3])) for span in spans)

    def files(self, images: Iterable[object]) -> Iterator[tuple[str, bytes]]:
        yield f"{FOLDER}images.json", encode(list(images))
        yield f"{FOLDER}packages.json", encode(sorted(name for names in self._packages.values() for name in names))
        for kind, shards in (("versions", self._versions), ("digests", self._digests), ("packages", self._packages)):
            for shard, content in shards.items():
                yield f"{FOLDER}{kind}/{shard}.json", encode(content)


def encode(document: object) -> bytes:
    return msgspec.json.encode(document, order="sorted") + b"\n"


def bucket(name: str) -> str:
    """Which file has a package: FNV-1a of its name, the lowest eight bits."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value & 0xFF:02x}"


def _major(version: str) -> str:
    found = _number.match(version)
    return found[1] if found else "other"
