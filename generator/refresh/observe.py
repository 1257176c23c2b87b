"""What has become of an image's tracks since they were last looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from generator.errors import NotFoundError, UpstreamError
from generator.images import Image
from generator.record.index import Build
from generator.record.recorded import Recorded
from generator.upstream import Client
from generator.upstream.client import Head


@dataclass(frozen=True, slots=True)
class BuildReference:
    """A build that is to be learned: `track` pointed at `digest` from `at` on."""

    track: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """`since`: how far back each track is known once all of `builds` (newest first) has been learned."""

    heads: Mapping[str, Head]
    missing: tuple[str, ...]
    builds: tuple[BuildReference, ...]
    since: Mapping[str, datetime]


def observe(client: Client, image: Image, recorded: Recorded | None) -> Observation:
    """One HEAD for each track, and the history of those that moved or are not known far enough back.

    Raises `UpstreamError`, also where the upstream has none of the tracks.
    """
    heads: dict[str, Head] = {}
    since: dict[str, datetime] = {}
    found: list[BuildReference] = []
    for track in image.tracks:
        try:
            head = client.head(track)
        except NotFoundError:
            continue
        heads[track] = head
        since[track], unknown = _look(client, image, recorded, track, head)
        found.extend(unknown)
    if not heads:
        raise UpstreamError(f"{image.repository}: has no tag {' or '.join(image.tracks)}")
    found.extend(BuildReference(b.track, b.digest, b.seen) for b in _unresolved(recorded, heads))
    found.sort(key=lambda each: (each.at, each.track), reverse=True)
    missing = tuple(track for track in image.tracks if track not in heads)
    return Observation(heads, missing, tuple(found), since)


def _look(
    client: Client, image: Image, recorded: Recorded | None, track: str, head: Head
) -> tuple[datetime, list[BuildReference]]:
    last = recorded.tracks.get(track) if recorded else None
    horizon = image.horizon(head.at)
    reached = last.since if last and last.since and last.since <= horizon else None
    if last and reached and last.digest == head.digest:
        return reached, []
    builds = {build.digest: build for build in recorded.index.builds if build.track == track} if recorded else {}
    if last and reached and last.digest in builds:
        history = client.history(track, builds[last.digest].seen, newest=head.digest)
    else:
        history = client.history(track, horizon)
    first: dict[str, datetime] = {}
    for sighting in history:
        first.setdefault(sighting.digest, sighting.at)
    first.setdefault(head.digest, head.at)
    return reached or horizon, [
        BuildReference(track, digest, at) for digest, at in first.items() if digest not in builds
    ]


def _unresolved(recorded: Recorded | None, heads: Mapping[str, Head]) -> list[Build]:
    """Recorded builds that no SBOM was found for: it may have been attached since."""
    if recorded is None or not recorded.has_unresolved:
        return []
    return [b for b in recorded.index.builds if b.version is None and b.sbom is None and b.track in heads]
