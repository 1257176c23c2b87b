"""Packages: what `packages.json` says of each build, and which images hold one now."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct

from .index import Index, read

_number = re.compile(r"([0-9]+)")


class Change(Struct, frozen=True, gc=False):
    """A build's packages, as against the build before it on the same track."""

    track: str
    digest: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Log(Struct, frozen=True):
    """`<image>/packages.json`."""

    builds: tuple[Change, ...] = ()

    def contents(self, digest: str) -> frozenset[str]:
        """The packages of a build; none where they are not known."""
        last = next((change for change in reversed(self.builds) if change.digest == digest), None)
        packages = set[str]()
        for change in self.builds:
            if last and change.track == last.track:
                packages.difference_update(change.removed)
                packages.update(change.added)
                if change is last:
                    return frozenset(packages)
        return frozenset()


class Difference(NamedTuple):
    """`kind` is changed, added or removed; only a package that changed has versions `before`."""

    kind: str
    name: str
    before: str
    after: str


def differences(change: Change) -> list[Difference]:
    """Changed ones first, then added, then removed, each by name."""
    gone, new = _by_name(change.removed), _by_name(change.added)
    return [
        *(Difference("changed", key[1], gone[key], new[key]) for key in sorted(gone.keys() & new.keys())),
        *(Difference("added", key[1], "", new[key]) for key in sorted(new.keys() - gone.keys())),
        *(Difference("removed", key[1], "", gone[key]) for key in sorted(gone.keys() - new.keys())),
    ]


@dataclass(frozen=True, slots=True)
class Hit:
    """A package, and for each version the images whose newest build holds it."""

    name: str
    versions: list[tuple[str, list[str]]]


class Packages:
    """The packages of every image's newest build, by name; made in a thread when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: WeakKeyDictionary[Index, asyncio.Task[dict[str, dict[str, list[str]]]]] = WeakKeyDictionary()

    async def find(self, index: Index, query: str) -> list[Hit]:
        """By words of name and version, the name that was asked for first."""
        if index not in self._made:
            self._made[index] = asyncio.create_task(asyncio.to_thread(_holders, self._folder, index))
        return await asyncio.to_thread(_matching, await asyncio.shield(self._made[index]), query.lower())


def _holders(folder: Path, index: Index) -> dict[str, dict[str, list[str]]]:
    holders: dict[str, dict[str, list[str]]] = {}
    for name in sorted(index.images):
        newest = index.newest(name)
        if newest is None:
            continue
        with suppress(OSError, ValueError, RecursionError):
            log = msgspec.json.decode(read(folder / name / "packages.json"), type=Log)
            for package, version in sorted({split(text)[1:] for text in log.contents(newest.digest)}):
                holders.setdefault(package, {}).setdefault(version, []).append(name)
    return holders


def _matching(holders: Mapping[str, Mapping[str, list[str]]], query: str) -> list[Hit]:
    words = query.split()
    hits: list[Hit] = []
    for name, versions in holders.items():
        rest = [word for word in words if word not in name.lower()]
        if len(rest) < len(words):
            fitting = [version for version in versions if all(word in version.lower() for word in rest)]
            if fitting:
                hits.append(Hit(name, [(each, versions[each]) for each in sorted(fitting, key=natural, reverse=True)]))
    first = words[0] if words else ""
    return sorted(hits, key=lambda hit: (hit.name != first, not hit.name.startswith(first), hit.name))


def natural(text: str) -> list[tuple[int, str]]:
    """Sorts numbers in a text as numbers. For display only: it is no distribution's order of versions."""
    return [(len(part), part) if part.isdecimal() else (0, part) for part in _number.split(text)]


def split(package: str) -> tuple[str, str, str]:
    """Origin, name and version of a package as packages.json writes it: `apk/wolfi/openssl@3.4.1-r0`."""
    bare, _, qualifiers = package.partition("?")
    path, _, version = bare.rpartition("@")
    origin, _, name = path.rpartition("/")
    epoch = f"{qualifiers.removeprefix('epoch=')}:" if qualifiers.startswith("epoch=") else ""
    return origin, unquote(name), epoch + unquote(version)


def _by_name(packages: Iterable[str]) -> dict[tuple[str, str], str]:
    """The versions of each origin and name."""
    named: dict[tuple[str, str], str] = {}
    for origin, name, version in sorted(map(split, packages)):
        key = origin, name
        named[key] = f"{named[key]}, {version}" if key in named else version
    return named
