"""Which tags follow from which builds. Pure: the same builds give the same tags, in whatever order they came."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from generator.record.index import Build
from generator.record.version import Version
from generator.reference import is_tag

_UNFIT = re.compile(r"[^a-zA-Z0-9._-]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tagged:
    """`tags` maps each tag to a digest; `warnings` are one line each."""

    tags: dict[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Release:
    build: Build
    version: Version

    @property
    def recency(self) -> tuple[datetime, datetime, str]:
        return moment(self.build), self.build.seen, self.build.digest


def tag(
    builds: Iterable[Build],
    published: Mapping[str, str],
    tracks: Iterable[str],
    constraint: "re.Pattern[str] | None" = None,
) -> Tagged:
    """Every tag of an image.

    A unique tag that was ever `published` stays where it is. The names of `tracks` stay the upstream's own.
    """
    warnings: list[str] = []
    reserved = frozenset(tracks)
    releases = [
        _Release(build, version)
        for build in sorted(builds, key=lambda build: (build.seen, build.track, build.digest))
        if (version := version_of(build)) and (constraint is None or constraint.search(version.text))
    ]
    tags = _unique(builds, releases, published, reserved, warnings)
    for name, digest in _moving(releases):
        if not is_tag(name):
            warnings.append(f"tag {name[:60]}… is left out: {len(name)} characters, a tag holds 128")
        elif name not in reserved:
            tags.setdefault(name, digest)
    return Tagged(dict(sorted(tags.items())), tuple(dict.fromkeys(warnings)))


def version_of(build: Build) -> Version | None:
    if build.version is None or build.purl is None:
        return None
    return Version(build.purl.removeprefix("pkg:").partition("/")[0], build.version)


def moment(build: Build) -> datetime:
    """When the build was made, or where it hides that (no date, or 1970 as reproducible builds do) was seen."""
    return build.created if build.created and build.created > _EPOCH else build.seen


def suffix(track: str) -> str:
    """What tags of a track end in."""
    return {"latest": "", "latest-dev": "-dev"}.get(track, f"-{track}")


def fit(version: str) -> str:
    """A version in the characters that a tag may hold."""
    return _UNFIT.sub("_", version)


def unique_tags(build: Build, version: Version) -> tuple[str, str]:
    """The tag to the minute, and the one to the second for where two would be the same."""
    base, at = f"{fit(version.text)}{suffix(build.track)}", moment(build).astimezone(UTC)
    return f"{base}-{at:%Y%m%d%H%M}", f"{base}-{at:%Y%m%d%H%M%S}"


def _unique(
    builds: Iterable[Build],
    releases: Iterable[_Release],
    published: Mapping[str, str],
    reserved: frozenset[str],
    warnings: list[str],
) -> dict[str, str]:
    tags: dict[str, str] = {}
    settled: set[tuple[str, str]] = set()
    for build in builds:
        if version := version_of(build):
            for name in unique_tags(build, version):
                if published.get(name) == build.digest:
                    tags[name] = build.digest
                    settled.add((build.track, build.digest))
    for release in releases:
        build = release.build
        if (build.track, build.digest) in settled:
            continue
        for name in unique_tags(build, release.version):
            if not is_tag(name):
                warnings.append(f"tag {name[:60]}… is left out: {len(name)} characters, a tag holds 128")
                break
            if name not in reserved and tags.get(name, build.digest) == build.digest:
                tags[name] = build.digest
                break
        else:
            warnings.append(f"no unique tag for {build.digest}: another build of {build.version} has the same second")
    return tags


def _moving(releases: Iterable[_Release]) -> Iterator[tuple[str, str]]:
    """Tags that move, exact package versions before the lines, so that the more exact meaning has a name first."""
    exact: dict[str, _Release] = {}
    lines: dict[str, _Release] = {}
    for release in releases:
        end = suffix(release.build.track)
        _keep(exact, f"{fit(release.version.text)}{end}", release)
        for line in release.version.lines:
            _keep(lines, f"{fit(line)}{end}", release)
    for newest in (exact, lines):
        for name, release in sorted(newest.items()):
            yield name, release.build.digest


def _keep(newest: dict[str, _Release], name: str, release: _Release) -> None:
    held = newest.get(name)
    if held is None or (held.version, held.recency) < (release.version, release.recency):
        newest[name] = release
