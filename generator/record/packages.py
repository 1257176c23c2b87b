"""`packages.json`: the packages of every build, each as a change from the build before it on the same track.

A package is a package URL without `pkg:` and qualifiers (but an rpm's epoch): `apk/wolfi/openssl@3.4.1-r0`.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from generator.record.index import SCHEMA, Build, Digest, Name, Tag

Contents = Mapping[tuple[str, str], frozenset[str]]

_Packages = tuple[Annotated[str, Meta(pattern="^[a-z]+/[\x21-\x7e]+@[\x21-\x7e]+$")], ...]


class Change(Struct, frozen=True, kw_only=True):
    """What a build's packages are, as against the entry before it with the same track."""

    track: Tag
    digest: Digest
    added: Annotated[_Packages, Meta(description="Package URLs without `pkg:` and qualifiers, sorted.")]
    removed: Annotated[_Packages, Meta(description="Likewise; a package at another version is removed and added.")]


class PackageLog(Struct, frozen=True, kw_only=True):
    """`<image>/packages.json`: apply the changes of one track in order to have each build's packages."""

    schema: Literal[1] = SCHEMA
    name: Name
    builds: Annotated[
        tuple[Change, ...], Meta(description="In the order of the image's builds; those with an SBOM only.")
    ]


def expand(log: PackageLog | None) -> dict[tuple[str, str], frozenset[str]]:
    """The packages of every build, by (track, digest)."""
    contents: dict[tuple[str, str], frozenset[str]] = {}
    current: dict[str, frozenset[str]] = {}
    for change in log.builds if log else ():
        packages = (current.get(change.track, frozenset()) - frozenset(change.removed)) | frozenset(change.added)
        contents[change.track, change.digest] = current[change.track] = packages
    return contents


def compact(name: str, builds: Iterable[Build], contents: Contents) -> PackageLog:
    """The inverse of `expand`, in the order of `builds`."""
    changes: list[Change] = []
    current: dict[str, frozenset[str]] = {}
    for build in builds:
        packages = contents.get((build.track, build.digest))
        if packages is None:
            continue
        before = current.get(build.track, frozenset())
        changes.append(
            Change(
                track=build.track,
                digest=build.digest,
                added=tuple(sorted(packages - before)),
                removed=tuple(sorted(before - packages)),
            )
        )
        current[build.track] = packages
    return PackageLog(name=name, builds=tuple(changes))
