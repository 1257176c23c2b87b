"""Which tags follow from which builds. Pure: the same builds give the same tags, in whatever order they came."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from generator.document import printable
from generator.errors import BrokenIndexError
from generator.package.version import Version
from generator.record.index import Build
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
    awaited: Collection[tuple[str, datetime]] = (),
) -> Tagged:
    """Every tag of an image.

    A unique tag that was ever `published` stays where it is. The names of `tracks` stay the upstream's own.
    `awaited` are builds still to be learned, by track and when it began to point at them: a unique tag that one of
    them may turn out to be entitled to is not given to a later build meanwhile.
    """
    warnings: list[str] = []
    reserved = frozenset(tracks)
    releases = _releases(builds, constraint)
    settled = _settled(builds, published)
    open_ = [release for release in releases if not _is_awaited(release.build, awaited)]
    tags = _unique(open_, settled, reserved, warnings)
    for name, digest in _moving(releases):
        if not is_tag(name):
            warnings.append(_too_long(name))
        elif name not in reserved:
            tags.setdefault(name, digest)
    return Tagged(dict(sorted(tags.items())), tuple(dict.fromkeys(warnings)))


def _too_long(name: str) -> str:
    return f"tag {name[:60]}... is left out: {len(name)} characters, a tag holds 128"


def version_of(build: Build) -> Version | None:
    """Raises `BrokenIndexError` where what is recorded is no version of its kind of package."""
    if build.version is None or build.purl is None:
        return None
    type_ = build.purl.removeprefix("pkg:").partition("/")[0]
    try:
        return Version(type_, build.version)
    except (KeyError, ValueError) as error:
        raise BrokenIndexError(f"{build.digest}: {printable(error)}") from None


def moment(build: Build) -> datetime:
    """When the build was made, or where it hides that (no date, or 1970 as reproducible builds do) was seen."""
    return build.created if build.created and build.created > _EPOCH else build.seen


def suffix(track: str) -> str:
    """What tags of a track end in."""
    return {"latest": "", "latest-dev": "-dev"}.get(track, f"-{track}")


def fit(version: str) -> str:
    """A version in the characters that a tag may hold."""
    return _UNFIT.sub("_", version)


def exact_tag(build: Build, version: Version) -> str:
    """The tag of exactly this package version."""
    return f"{fit(version.text)}{suffix(build.track)}"


def line_tags(build: Build, version: Version) -> dict[str, str]:
    """The tag of each line that the version is in, narrowest first."""
    return {line: f"{fit(line)}{suffix(build.track)}" for line in version.lines}


def unique_tags_of(build: Build) -> tuple[str, ...]:
    """The unique tags that a build may have; none without a version."""
    version = version_of(build)
    return unique_tags(build, version) if version else ()


def unique_tags(build: Build, version: Version) -> tuple[str, str]:
    """The tag to the minute, and the one to the second for where two would be the same."""
    base, at = exact_tag(build, version), moment(build).astimezone(UTC)
    return f"{base}-{at:%Y%m%d%H%M}", f"{base}-{at:%Y%m%d%H%M%S}"


def pull_tag(tags: Mapping[str, str], build: Build) -> str | None:
    """The one of `tags` by which people ask for a build: its version without the distribution's revision, if it may."""
    version = version_of(build)
    if version is None:
        return None
    names = (*line_tags(build, version).values(), exact_tag(build, version), *unique_tags(build, version))
    narrowest = names[0], *names[-3:]
    return next((name for name in narrowest if tags.get(name) == build.digest), None)


def moves(builds: Iterable[Build]) -> Iterator[tuple[Build, list[tuple[str, str | None]]]]:
    """What each build, oldest first, did to the tags that move: names, and the version each was at before."""
    held: dict[str, _Release] = {}
    for release in _releases(builds):
        moved: list[tuple[str, str | None]] = []
        build, version = release.build, release.version
        for name in dict.fromkeys((exact_tag(build, version), *line_tags(build, version).values())):
            before = held.get(name)
            _keep(held, name, release)
            if held[name] is release:
                moved.append((name, before.version.text if before else None))
        yield release.build, moved


def _releases(builds: Iterable[Build], constraint: "re.Pattern[str] | None" = None) -> list[_Release]:
    return [
        _Release(build, version)
        for build in sorted(builds, key=lambda build: build.order)
        if (version := version_of(build)) and (constraint is None or constraint.search(version.text))
    ]


def _settled(builds: Iterable[Build], published: Mapping[str, str]) -> dict[str, str]:
    """The unique tags that are published already."""
    return {
        name: build.digest for build in builds for name in unique_tags_of(build) if published.get(name) == build.digest
    }


def _is_awaited(build: Build, awaited: Collection[tuple[str, datetime]]) -> bool:
    """Whether a build that became current before this one may have been made in the same minute."""
    minute = moment(build).replace(second=0, microsecond=0)
    return any(track == build.track and minute <= at <= build.seen for track, at in awaited)


def _unique(
    releases: Iterable[_Release], settled: Mapping[str, str], reserved: frozenset[str], warnings: list[str]
) -> dict[str, str]:
    tags = dict(settled)
    for release in releases:
        build, names = release.build, unique_tags(release.build, release.version)
        if any(settled.get(name) == build.digest for name in names):
            continue
        for name in names:
            if not is_tag(name):
                warnings.append(_too_long(name))
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
        _keep(exact, exact_tag(release.build, release.version), release)
        for name in line_tags(release.build, release.version).values():
            _keep(lines, name, release)
    for newest in (exact, lines):
        for name, release in sorted(newest.items()):
            yield name, release.build.digest


def _keep(newest: dict[str, _Release], name: str, release: _Release) -> None:
    held = newest.get(name)
    if held is None or (held.version, held.recency) < (release.version, release.recency):
        newest[name] = release
