"""What upstream says of what is recorded: whether builds are there, as they are recorded; where tokens come from."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import urlsplit

from generator.check.finding import Finding
from generator.check.image import differing
from generator.errors import MalformedError, NotFoundError, TransientError, UpstreamError
from generator.images import Image
from generator.record.index import Auth, Build, ImageIndex
from generator.record.packages import Contents
from generator.refresh.learn import learn
from generator.refresh.observe import BuildReference
from generator.resolve import Snapshot
from generator.trust.policy import Verifier
from generator.upstream import Client, Connections, Limits
from generator.upstream.credentials import CredentialStore

_JOBS = 16
_MOST_FAILURES = 2
# Clocks differ.
_APART = timedelta(days=1)
_FILLED_IN = frozenset({"version", "purl", "sbom", "label", "unknown"})


@dataclass(frozen=True, slots=True)
class Claim:
    """What is recorded of an image, and which of its builds are to be asked for.

    Where they `are_new` all is learned again that a refresh would have learned; else it is enough that they are there.
    """

    image: Image
    index: ImageIndex
    packages: Contents
    builds: tuple[Build, ...]
    are_new: bool
    verifier: Verifier | None


@dataclass(frozen=True, slots=True)
class Answer:
    """`confirmed` are fields of index.json that upstream says are so: `auth`, `tracks.latest`."""

    name: str
    findings: tuple[Finding, ...]
    confirmed: frozenset[str] = frozenset()


@dataclass
class _Asking:
    claim: Claim
    client: Client
    failures: int = 0
    untried: int = 0

    histories: dict[str, dict[str, datetime]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    @property
    def file(self) -> str:
        return f"{self.claim.index.name}/index.json"

    def history(self, track: str) -> dict[str, datetime]:
        """The digests that the track ever pointed at, and since when first; empty where upstream keeps no history."""
        with self.lock:
            if track not in self.histories:
                newest_first = reversed(self.client.history(track, None))
                self.histories[track] = {sighting.digest: sighting.at for sighting in newest_first}
            return self.histories[track]


def ask_upstream(claims: Iterable[Claim], limits: Limits | None = None) -> Iterator[Answer]:
    """In the order of the claims, all that is wrong with each. Reads no token but of the realm that upstream names."""
    limits = limits or Limits()
    credentials = CredentialStore.from_environment()
    with Connections(_JOBS, limits.patience) as connections, ThreadPoolExecutor(_JOBS) as pool:
        asked = [
            _Asking(claim, Client(claim.image.repository, connections, limits, None, credentials)) for claim in claims
        ]
        origins = list(pool.map(_origin, asked))
        builds = [(each, build) for each in asked for build in each.claim.builds]
        answers = zip(builds, pool.map(lambda pair: _build(*pair), builds), strict=True)
        found: dict[str, list[Finding]] = {}
        for (each, _), problems in answers:
            found.setdefault(each.file, []).extend(problems)
        for each, origin in zip(asked, origins, strict=True):
            untried = f"{each.untried} builds were not asked for after these failures"
            more = [Finding(each.file, untried)] if each.untried else []
            findings = (*origin.findings, *found.get(each.file, ()), *more)
            yield Answer(origin.name, findings, origin.confirmed)


def _origin(each: _Asking) -> Answer:
    """Where the tracks are now, and on the way there who gives tokens."""
    index, client = each.claim.index, each.client
    confirmed: set[str] = set()
    findings: list[Finding] = []
    for track, at in index.tracks.items():
        try:
            if client.head(track).digest == at.digest:
                confirmed.add(f"tracks.{track}")
        except NotFoundError:
            continue
        except (UpstreamError, MalformedError) as error:
            each.failures += isinstance(error, TransientError)
            findings.append(Finding(each.file, f"tracks.{track} could not be asked for: {error}"))
    realm = client.realm
    auth = Auth(realm=realm.url, service=realm.service) if realm else None
    if auth == index.auth:
        confirmed.add("auth")
    elif not findings:
        # A refresh that has a token sees no challenge; and where a registry's own tokens come from, no other has a say.
        is_note = auth is None and index.auth is not None and urlsplit(index.auth.realm).netloc == _host(index)
        what = f"auth is {_auth(index.auth)}, should be {_auth(auth)} as upstream says"
        findings.append(Finding(each.file, what, is_note=is_note))
    return Answer(index.name, tuple(findings), frozenset(confirmed))


def _build(each: _Asking, build: Build) -> list[Finding]:
    if each.failures >= _MOST_FAILURES:
        each.untried += 1
        return []
    what = f"build {build.digest} ({build.track})"
    try:
        problems = list((_gone if build.gone else _learned if each.claim.are_new else _there)(each, build))
    except NotFoundError:
        problems = ["is not there: upstream has no such manifest"]
    except (UpstreamError, MalformedError) as error:
        each.failures += isinstance(error, TransientError)
        problems = [f"could not be asked for: {error}"]
    return [Finding(each.file, f"{what}: {problem}") for problem in problems]


def _gone(each: _Asking, build: Build) -> Iterator[str]:
    try:
        each.client.manifest(build.digest)
    except NotFoundError:
        return
    yield f"gone is {build.gone:%Y-%m-%dT%H:%M:%SZ}, should not be there: upstream has it"


def _there(each: _Asking, build: Build) -> Iterator[str]:
    """What the manifest alone tells."""
    snapshot = Snapshot(each.client, each.client.manifest(build.digest))
    if snapshot.top.media_type != build.media_type:
        yield f"mediaType is {build.media_type}, should be {snapshot.top.media_type} as upstream has it"
    if snapshot.top.size != build.size:
        yield f"size is {build.size}, should be {snapshot.top.size} as upstream has it"
    stated = snapshot.top.manifest.created
    if stated and stated.replace(microsecond=0) != build.created:
        yield f"created is {_time(build.created)}, should be {_time(stated)} as upstream has it"
    if snapshot.is_index and dict(snapshot.platforms) != dict(build.platforms):
        yield f"platforms is {_platforms(build.platforms)}, should be {_platforms(snapshot.platforms)}"


def _learned(each: _Asking, build: Build) -> Iterator[str]:
    """All that a refresh would have recorded, but when the build was current: that, only its history tells."""
    claim = each.claim
    learned = learn(each.client, claim.image, BuildReference(build.track, build.digest, build.seen), claim.verifier)
    if learned is None:
        raise NotFoundError
    may_be_filled_in = build.version is None
    for name, there, due in differing(build, learned.build):
        if not (may_be_filled_in and name in _FILLED_IN):
            yield f"{name} is {there}, should be {due} as upstream has it"
    if not may_be_filled_in and claim.packages.get(build.key) != learned.packages:
        yield "its packages are not those of its SBOM upstream"
    yield from _current(each, build)


def _current(each: _Asking, build: Build) -> Iterator[str]:
    """Whether the track ever pointed there, and not since before, as far as upstream keeps its history."""
    past = each.history(build.track)
    if past and build.digest not in past and each.client.head(build.track).digest != build.digest:
        yield f"track is {build.track}, should be another: that never pointed there, by upstream's history"
    first = past.get(build.digest, build.seen)
    if first - build.seen > _APART:
        yield f"seen is {build.seen.isoformat()}, should not be before {first.isoformat()}, by upstream's history"


def _host(index: ImageIndex) -> str:
    return index.repository.partition("/")[0]


def _auth(auth: Auth | None) -> str:
    return f"{auth.realm} ({auth.service or 'no service'})" if auth else "null"


def _time(moment: datetime | None) -> str:
    return moment.isoformat() if moment else "null"


def _platforms(platforms: Mapping[str, str]) -> str:
    return ", ".join(f"{platform} {digest}" for platform, digest in sorted(platforms.items())) or "none"
