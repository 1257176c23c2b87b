"""What has become of an image's tracks since they were last looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from generator.errors import NotFoundError, UpstreamError
from generator.images import Image
from generator.record.index import Build
from generator.record.known import Known
from generator.upstream import Client
from generator.upstream.client import Head


@dataclass(frozen=True, slots=True)
class Sighted:
    """A build that is to be learned: `track` pointed at `digest` from `at` on."""

    track: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """`since`: how far back each track is known once all of `sighted` (newest first) has been learned."""

    heads: Mapping[str, Head]
    missing: tuple[str, ...]
    sighted: tuple[Sighted, ...]
    since: Mapping[str, datetime]


def observe(client: Client, image: Image, known: Known | None) -> Observation:
    """One HEAD for each track, and the history of those that moved or are not known far enough back.

    Raises `UpstreamError`, also where the upstream has none of the tracks.
    """
    heads: dict[str, Head] = {}
    since: dict[str, datetime] = {}
    sighted: list[Sighted] = []
    for track in image.tracks:
        try:
            head = client.head(track)
        except NotFoundError:
            continue
        heads[track] = head
        reached, found = _look(client, image, known, track, head)
        since[track] = reached
        sighted.extend(found)
    if not heads:
        raise UpstreamError(f"{image.repository}: has no tag {' or '.join(image.tracks)}")
    sighted.extend(Sighted(b.track, b.digest, b.seen) for b in _unresolved(known, heads))
    sighted.sort(key=lambda each: (each.at, each.track), reverse=True)
    missing = tuple(track for track in image.tracks if track not in heads)
    return Observation(heads, missing, tuple(sighted), since)


def _look(client: Client, image: Image, known: Known | None, track: str, head: Head) -> tuple[datetime, list[Sighted]]:
    recorded = known.tracks.get(track) if known else None
    horizon = image.horizon(head.at)
    reached = recorded.since if recorded and recorded.since and recorded.since <= horizon else None
    if recorded and reached and recorded.digest == head.digest:
        return reached, []
    builds = {build.digest: build for build in known.index.builds if build.track == track} if known else {}
    if recorded and reached and recorded.digest in builds:
        history = client.history(track, builds[recorded.digest].seen, newest=head.digest)
    else:
        history = client.history(track, horizon)
    first: dict[str, datetime] = {}
    for sighting in history:
        first.setdefault(sighting.digest, sighting.at)
    first.setdefault(head.digest, head.at)
    return reached or horizon, [Sighted(track, digest, at) for digest, at in first.items() if digest not in builds]


def _unresolved(known: Known | None, heads: Mapping[str, Head]) -> list[Build]:
    """Recorded builds that no SBOM was found for: it may have been attached since."""
    if known is None or not known.has_unresolved:
        return []
    return [b for b in known.index.builds if b.version is None and b.sbom is None and b.track in heads]
