"""Which tags follow from which builds. Pure: the same builds give the same tags, in whatever order they came."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from generator.document import printable
from generator.errors import BrokenIndexError
from generator.package.version import Version
from generator.record.index import Build, Gone
from generator.reference import is_tag

_UNFIT = re.compile(r"[^a-zA-Z0-9._-]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tagged:
    """`tags` maps each tag to a digest, `gone` those whose builds are all gone; `warnings` are one line each."""

    tags: dict[str, str]
    gone: dict[str, Gone]
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
    retracted: Collection[str] = (),
) -> Tagged:
    """Every tag of an image.

    A unique tag that was ever `published` stays where it is. The names of `tracks` stay the upstream's own, and a
    `retracted` one is no other build's. A build that is gone bears a tag only where no other one can.
    `awaited` are builds still to be learned, by track and when it began to point at them: a unique tag that one of
    them may turn out to be entitled to is not given to a later build meanwhile.
    """
    warnings: list[str] = []
    builds = sorted(builds, key=lambda build: build.order)
    settled = _settled(builds, published)
    reserved = frozenset(tracks) | (frozenset(retracted) - settled.keys())
    due = [build for build in builds if _meets(build, constraint) and not _is_awaited(build, awaited)]
    every = _unique(due, settled, reserved, warnings)
    releases = _releases(builds, constraint)
    for name, digest in _moving(releases):
        if not is_tag(name):
            warnings.append(_too_long(name))
        elif name not in reserved:
            every.setdefault(name, digest)
    gone = _gone(builds)
    tags = {name: digest for name, digest in every.items() if digest not in gone}
    for name, digest in _moving(release for release in releases if release.build.digest not in gone):
        if name in every:
            tags.setdefault(name, digest)
    lost = {name: Gone(digest=digest, since=gone[digest]) for name, digest in sorted(every.items()) if name not in tags}
    return Tagged(dict(sorted(tags.items())), lost, tuple(dict.fromkeys(warnings)))


def _gone(builds: Iterable[Build]) -> dict[str, datetime]:
    return {build.digest: build.gone for build in builds if build.gone}


def _meets(build: Build, constraint: "re.Pattern[str] | None") -> bool:
    """Whether a build's version, where there is one, is of those that get tags."""
    version = version_of(build)
    return version is None or constraint is None or constraint.search(version.text) is not None


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
    """When the build was made, or where it does not say (no date, or 1970 as reproducible builds have it) was seen.

    None was made after it was seen: such a date is not taken at its word.
    """
    made = build.created
    is_credible = made is not None and made > _EPOCH and made - build.seen < _AHEAD
    return made if made and is_credible else build.seen


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


def unique_tags(build: Build) -> tuple[str, ...]:
    """The unique tags that a build may have: those of its version, and those that it got before that was known."""
    version = version_of(build)
    of_track = _dated(build.track, build)
    return (*_dated(exact_tag(build, version), build), *of_track) if version else of_track


def _due_tags(build: Build) -> tuple[str, ...]:
    """The unique tags of which a build is to have one, in the order in which they are tried."""
    version = version_of(build)
    return _dated(exact_tag(build, version) if version else build.track, build)


def _dated(base: str, build: Build) -> tuple[str, str, str]:
    """To the minute; where two would be the same, to the second; then with the beginning of the digest."""
    at = moment(build).astimezone(UTC)
    minute, second = f"{base}-{at:%Y%m%d%H%M}", f"{base}-{at:%Y%m%d%H%M%S}"
    return minute, second, f"{second}-{build.digest.partition(':')[2][:12]}"


def pull_tag(tags: Mapping[str, str], build: Build) -> str | None:
    """The one of `tags` by which people ask for a build: its version without the distribution's revision, if it may."""
    version = version_of(build)
    if version is None:
        return None
    narrowest = next(iter(line_tags(build, version).values()))
    names = narrowest, exact_tag(build, version), *unique_tags(build)
    return next((name for name in names if tags.get(name) == build.digest), None)


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
        name: build.digest for build in builds for name in unique_tags(build) if published.get(name) == build.digest
    }


def _is_awaited(build: Build, awaited: Collection[tuple[str, datetime]]) -> bool:
    """Whether a build that became current before this one may have been made in the same minute."""
    minute = moment(build).replace(second=0, microsecond=0)
    return any(track == build.track and minute <= at <= build.seen for track, at in awaited)


def _unique(
    builds: Iterable[Build], settled: Mapping[str, str], reserved: frozenset[str], warnings: list[str]
) -> dict[str, str]:
    tags = dict(settled)
    for build in builds:
        names = _due_tags(build)
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
            warnings.append(f"no unique tag for {build.digest}: {names[-1]} is another build's")
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
