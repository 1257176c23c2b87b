"""What has become of an image's tracks since they were last looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from generator.errors import AbsentError, NotFoundError
from generator.images import Image
from generator.record.index import Build
from generator.record.recorded import Recorded
from generator.upstream import Client
from generator.upstream.client import Head
from generator.upstream.history import TICK, Sighting

_NEW = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class BuildReference:
    """A build that is to be learned: `track` pointed at `digest` from `at` on."""

    track: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """`since`: how far back each track is known once all of `builds` (newest first) has been learned.

    `passed_over` builds have no SBOM yet, and it is not their day to be asked for one.
    """

    heads: Mapping[str, Head]
    missing: tuple[str, ...]
    builds: tuple[BuildReference, ...]
    since: Mapping[str, datetime]
    passed_over: int = 0


def observe(
    client: Client,
    image: Image,
    recorded: Recorded | None,
    again: Callable[[], list[Build]] = list,
    *,
    thoroughly: bool = True,
) -> Observation:
    """One HEAD for each track, and the history of those that moved or are not known far enough back.

    `again` are recorded builds that are to be read once more. `thoroughly` asks for every SBOM that was not there, else
    only where it is due.

    Raises `UpstreamError`, also where the upstream has none of the tracks.
    """
    heads: dict[str, Head] = {}
    since: dict[str, datetime] = {}
    found: list[BuildReference] = []
    for track in image.tracks:
        try:
            head = _at_the_latest(client.head(track), datetime.now(UTC))
        except NotFoundError:
            continue
        heads[track] = head
        since[track], unknown = _look(client, image, recorded, track, head)
        found.extend(unknown)
    if not heads:
        raise AbsentError(f"{image.repository}: has no tag {' or '.join(image.tracks)}")
    unresolved = _unresolved(recorded, heads)
    due = unresolved if thoroughly else [build for build in unresolved if _is_due(build, heads[build.track])]
    once_more = {build.key: build for build in (*due, *again())}
    found.extend(BuildReference(build.track, build.digest, build.seen) for build in once_more.values())
    found.sort(key=lambda each: (each.at, each.track), reverse=True)
    missing = tuple(track for track in image.tracks if track not in heads)
    return Observation(heads, missing, tuple(found), since, len(unresolved) - len(due))


def _look(
    client: Client, image: Image, recorded: Recorded | None, track: str, head: Head
) -> tuple[datetime, list[BuildReference]]:
    last = recorded.tracks.get(track) if recorded else None
    horizon = image.horizon(head.at)
    reached = last.since if last and last.since and last.since <= horizon else None
    if last and reached and last.digest == head.digest:
        return reached, []
    builds = {build.digest: build for build in recorded.index.builds if build.track == track} if recorded else {}
    if last and reached and last.digest in builds and builds[last.digest].seen <= head.at:
        history = client.history(track, builds[last.digest].seen, newest=head.digest)
    else:
        history = client.history(track, horizon)
    first: dict[str, datetime] = {}
    for sighting in _in_the_past(history, head.at):
        first.setdefault(sighting.digest, sighting.at)
    first.setdefault(head.digest, head.at)
    return reached or horizon, [
        BuildReference(track, digest, at) for digest, at in first.items() if digest not in builds
    ]


def _at_the_latest(head: Head, now: datetime) -> Head:
    """An upstream whose clock is ahead of ours is not taken at its word."""
    return replace(head, at=min(head.at, now))


def _in_the_past(history: list[Sighting], now: datetime) -> list[Sighting]:
    """A history, oldest first, in which nothing is later than `now`, in the same order."""
    count = len(history)
    latest = (now - (count - number) * TICK for number in range(count))
    return [Sighting(min(sighting.at, at), sighting.digest) for sighting, at in zip(history, latest, strict=True)]


def _unresolved(recorded: Recorded | None, heads: Mapping[str, Head]) -> list[Build]:
    """Recorded builds that no SBOM was found for: it may have been attached since."""
    if recorded is None or not recorded.has_unresolved:
        return []
    unresolved = (build for build in recorded.index.builds if build.version is None and build.sbom is None)
    return [build for build in unresolved if build.track in heads and not build.gone]


def _is_due(build: Build, head: Head) -> bool:
    """Whether to ask for an SBOM again: of what a track points at and of new builds always, of others for at least a
    day at the age of 4, 8, 16… days. It follows from the time alone: that somebody has asked is nothing to record.
    """
    age = head.at - build.seen
    if build.digest == head.digest or age < _NEW:
        return True
    since_doubled = age - timedelta(days=2 ** (age.days.bit_length() - 1))
    return since_doubled < max(timedelta(days=1), age / 16)
