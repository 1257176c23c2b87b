"""A whole refresh: every image observed and learned in parallel, each recorded as soon as it is known."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

from generator.errors import BrokenIndexError, ReverseRegistryError, StorageError, TransientError, UpstreamError
from generator.images import Image, Images
from generator.learn import Learned, learn, learn_again
from generator.observe import Observation, Sighted, observe
from generator.record.index import Auth, Build, Catalogue, ImageIndex, Summary, Track, encode, schema
from generator.record.known import Known
from generator.record.merge import derived_again, image_index, merge_builds, merge_tracks, summarize
from generator.record.packages import compact, expand
from generator.record.stamps import FILE as STAMPS
from generator.record.stamps import Stamps, program, stamp, vouched
from generator.record.store import Store
from generator.render.pages import render_catalogue, render_image
from generator.upstream import Client, Connections, Limits
from generator.upstream.auth import Realm

_CHECKPOINT = 50
_FAILURES = 3

_Answer = Observation | Learned | None


class _NotTriedError(UpstreamError):
    """The upstream has failed too often for this image: its other builds wait for the next refresh."""


@dataclass
class Outcome:
    """What a refresh did for one image; every text is one line."""

    image: Image
    new: list[Build] = field(default_factory=list)
    gone: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class _Work:
    """An image in the course of a refresh."""

    image: Image
    client: Client
    known: Known | None
    outcome: Outcome
    observation: Observation | None = None
    pending: int = 0
    awaited: set[Sighted] = field(default_factory=set)
    learned: list[Learned] = field(default_factory=list)
    unsaved: int = 0
    failures: int = 0
    untried: int = 0

    @property
    def auth(self) -> Auth | None:
        realm = self.client.realm
        return Auth(realm=realm.url, service=realm.service) if realm else None


class Refresh:
    """One run over an index. `on_progress` is told of builds: (learned since the last call, newly found)."""

    def __init__(
        self,
        store: Store,
        images: Images,
        limits: Limits,
        jobs: int,
        *,
        write: bool = True,
        on_progress: Callable[[int, int], None] = lambda learned, found: None,
    ) -> None:
        self._store = store
        self._images = images
        self._limits = limits
        self._jobs = jobs
        self._write = write
        self._on_progress = on_progress
        self._connections = Connections(jobs, limits.patience)
        self._summaries: dict[str, Summary] = {}
        self._stamps: dict[str, str] = {}
        self._derived: set[str] = set()
        self._settled: set[str] = set()

    def run(self, names: Iterable[str] = ()) -> Iterator[Outcome]:
        """Refreshes the images named, or all; yields each as it is done. Frozen ones are only rendered.

        Raises `StorageError` where the index cannot be written, and `BrokenIndexError` where it cannot be read.
        """
        chosen = [self._images.images[name] for name in dict.fromkeys(names)] or list(self._images.images.values())
        self._recall()
        try:
            with self._connections:
                yield from self._refresh([image for image in chosen if not image.frozen])
        finally:
            if self._write:
                self._publish()

    def _recall(self) -> None:
        """What the last run left, as far as it can be read: all of it can be made again."""
        if self._write:
            self._store.sweep(["", *self._images.images])
        with contextlib.suppress(BrokenIndexError):
            catalogue, stamps = self._store.document("index.json", Catalogue), self._store.document(STAMPS, Stamps)
            if catalogue and stamps:
                self._stamps, self._summaries = stamps.images, catalogue.images

    def _is_fresh(self, known: Known, name: str) -> bool:
        """Whether tags, pages and catalogue are already what this program makes of the image's index.json."""
        summary, folder = self._summaries.get(name), self._store.folder / name
        if summary is None or not summary.refreshed or self._stamps.get(name) != vouched(known.stamp, summary):
            return False
        return (folder / "README.md").exists() and (folder / "packages.json").exists()

    def _refresh(self, images: list[Image]) -> Iterator[Outcome]:
        stopping = self._connections.stopping
        works: dict[Future[_Answer], tuple[_Work, Sighted | None]] = {}
        done: SimpleQueue[Future[_Answer]] = SimpleQueue()
        pool = ThreadPoolExecutor(self._jobs)

        def start(work: _Work, sighted: Sighted | None) -> None:
            future = pool.submit(_ask, work, sighted)
            works[future] = work, sighted
            future.add_done_callback(done.put)

        try:
            for image in images:
                outcome = Outcome(image)
                try:
                    work = self._begin(image, outcome)
                except ReverseRegistryError as error:
                    outcome.errors.append(str(error))
                    yield outcome
                    continue
                start(work, None)
            while works:
                future = done.get()
                work, sighted = works.pop(future)
                if sighted is None:
                    self._observed(work, future)
                    for each in work.observation.sighted if work.observation else ():
                        start(work, each)
                else:
                    self._learned(work, sighted, future)
                if not work.pending:
                    if work.untried:
                        work.outcome.errors.append(f"{work.untried} more builds were not tried after these")
                    self._save(work, finished=True)
                    yield work.outcome
                elif work.unsaved >= _CHECKPOINT:
                    self._save(work, finished=False)
        except BaseException:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for work in {id(work): work for work, _ in works.values()}.values():
                with contextlib.suppress(StorageError):
                    self._save(work, finished=False)
            raise
        pool.shutdown()

    def _begin(self, image: Image, outcome: Outcome) -> _Work:
        known = Known.of(self._store, image)
        if known and known.repository != str(image.repository):
            raise UpstreamError(
                f"{image.name}: was recorded from {known.repository}, images.toml says {image.repository}; "
                f"give it another name, or remove the folder {image.name} to begin anew"
            )
        realm = Realm(known.auth.realm, known.auth.service) if known and known.auth else None
        if realm:
            realm.check(image.repository.plain)
        return _Work(image, Client(image.repository, self._connections, self._limits, realm), known, outcome)

    def _observed(self, work: _Work, future: Future[_Answer]) -> None:
        try:
            observation = future.result()
        except Exception as error:
            work.outcome.errors.append(_line(error))
            return
        assert isinstance(observation, Observation)  # noqa: S101
        work.observation = observation
        work.pending = len(observation.sighted)
        work.awaited = set(observation.sighted)
        work.outcome.notes += [f"{work.image.repository} has no tag {track}" for track in observation.missing]
        self._on_progress(0, work.pending)

    def _learned(self, work: _Work, sighted: Sighted, future: Future[_Answer]) -> None:
        work.pending -= 1
        self._on_progress(1, 0)
        try:
            learned = future.result()
        except _NotTriedError:
            work.untried += 1
            return
        except Exception as error:
            work.outcome.errors.append(f"{sighted.digest}: {_line(error)}")
            return
        work.awaited.discard(sighted)
        if learned is None:
            work.outcome.gone += 1
            return
        assert isinstance(learned, Learned)  # noqa: S101
        work.learned.append(learned)
        work.unsaved += 1
        if learned.reason:
            work.outcome.notes.append(
                f"{learned.build.digest} ({learned.build.track}): version unknown: {learned.reason}"
            )

    def _save(self, work: _Work, *, finished: bool) -> None:
        """Records what has been learned of an image so far. Raises `StorageError`."""
        if work.observation is None:
            return
        if self._is_settled(work, work.observation):
            self._settled.add(work.image.name)
            return
        try:
            self._record(work, work.observation, finished)
        except StorageError:
            raise
        except Exception as error:
            if finished:
                work.outcome.errors.append(_line(error))

    def _is_settled(self, work: _Work, observation: Observation) -> bool:
        """Whether there is nothing to record."""
        known = work.known
        if known is None or observation.sighted or not self._is_fresh(known, work.image.name):
            return False
        tracks = {
            track: Track(digest=head.digest, since=observation.since[track])
            for track, head in observation.heads.items()
        }
        return known.auth == work.auth and tracks.items() <= known.tracks.items()

    def _record(self, work: _Work, observation: Observation, finished: bool) -> None:
        image, known = work.image, work.known.index if work.known else None
        contents = expand(self._store.packages(image.name))
        if known and not contents and any(build.sbom for build in known.builds):
            raise BrokenIndexError(f"{image.name}/packages.json: is missing; restore it from git")
        recorded = [
            learn_again(build, contents[build.key], image)
            if image.package and build.version is None and build.key in contents
            else build
            for build in (known.builds if known else ())
        ]
        builds = merge_builds(recorded, (each.build for each in work.learned))
        contents |= {e.build.key: e.packages for e in work.learned if e.packages is not None}
        keys = {build.key for build in builds}
        awaited = [(each.track, each.at) for each in work.awaited if (each.track, each.digest) not in keys]
        incomplete = {track for track, _ in awaited}
        since = {track: None if track in incomplete else at for track, at in observation.since.items()}
        heads = {track: head.digest for track, head in observation.heads.items()}
        index, tagged = image_index(
            name=image.name,
            repository=str(image.repository),
            auth=work.auth,
            tracks=merge_tracks(known.tracks if known else {}, heads, since, builds),
            watched=image.tracks,
            builds=builds,
            published=known.tags if known else {},
            constraint=image.constraint,
            awaited=awaited,
        )
        work.unsaved = 0
        if finished:
            before = {build.key for build in known.builds} if known else set()
            work.outcome.new = [build for build in builds if build.key not in before]
            work.outcome.notes += tagged.warnings
        if self._write and builds:
            self._store.write(f"{image.name}/packages.json", compact(image.name, builds, contents))
            self._store.write(f"{image.name}/index.json", index)
            self._derived.add(image.name)

    def _publish(self) -> None:
        """The catalogue and the pages, from what is on disk; an image whose files are broken keeps no other's away.

        The stamps come last: what they vouch for has been written.
        """
        summaries: dict[str, Summary] = {}
        stamps: dict[str, str] = {}
        broken: BrokenIndexError | None = None
        for name, image in sorted(self._images.images.items()):
            summaries[name] = _summary(image, None)
            try:
                known = None if name in self._settled else Known.of(self._store, image)
                if name in self._settled or (known and name not in self._derived and self._is_fresh(known, name)):
                    summaries[name], stamps[name] = self._summaries[name], self._stamps[name]
                elif known:
                    index = known.index if name in self._derived else self._derive_again(known.index, image)
                    self._render(index, image)
                    summaries[name] = _summary(image, index)
                    stamps[name] = vouched(stamp(image, encode(index)), summaries[name])
            except BrokenIndexError as error:
                broken = error
        catalogue = Catalogue(upstream=str(self._images.upstream), images=summaries)
        self._store.write("schema.json", schema())
        self._store.write("index.json", catalogue)
        self._store.write("README.md", render_catalogue(catalogue, self._images.address, self._images.site))
        self._store.write(STAMPS, Stamps(program=program(), images=stamps))
        if broken:
            raise broken

    def _derive_again(self, index: ImageIndex, image: Image) -> ImageIndex:
        """For an image that is frozen, failed or was not asked for: images.toml may have changed all the same."""
        again = derived_again(index, image.tracks, image.constraint)
        self._store.write(f"{image.name}/index.json", again)
        return again

    def _render(self, index: ImageIndex, image: Image) -> None:
        contents = expand(self._store.packages(image.name))
        for page, text in render_image(index, image.tracks, contents, image.address).items():
            self._store.write(f"{image.name}/{page}", text)


def _ask(work: _Work, sighted: Sighted | None) -> _Answer:
    """What a thread does: looks at an image's tracks, or learns one build."""
    if sighted is None:
        return observe(work.client, work.image, work.known)
    if work.failures >= _FAILURES:
        raise _NotTriedError
    try:
        learned = learn(work.client, work.image, sighted)
    except TransientError:
        work.failures += 1
        raise
    work.failures = 0
    return learned


def _summary(image: Image, index: ImageIndex | None) -> Summary:
    if index is None:
        return Summary(repository=str(image.repository), refreshed=False, frozen=image.frozen)
    return summarize(index, image.tracks, frozen=image.frozen)


def _line(error: Exception) -> str:
    return str(error) if isinstance(error, ReverseRegistryError) else f"internal error: {type(error).__name__}: {error}"
