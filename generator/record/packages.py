"""`packages.json`: the packages of every build, each as a change from the build before it on the same track.

A package is a package URL without `pkg:` and qualifiers (but an rpm's epoch): `apk/wolfi/openssl@3.4.1-r0`.
"""

from collections.abc import Iterable, Mapping

from generator.record.index import Build, Change, PackageLog

Contents = Mapping[tuple[str, str], frozenset[str]]


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
        packages = contents.get(build.key)
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
