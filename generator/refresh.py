"""A whole refresh: every image observed and learned in parallel, each recorded as soon as it is known."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from generator.errors import BrokenIndexError, ReverseRegistryError, UpstreamError
from generator.images import Image, Images
from generator.learn import Learned, learn, learn_again
from generator.observe import Observation, Sighted, observe
from generator.record.index import Auth, Build, Catalogue, ImageIndex, Summary, schema
from generator.record.merge import image_index, merge_builds, merge_tracks, newest_release
from generator.record.packages import compact, expand
from generator.record.store import Store
from generator.render.pages import render_catalogue, render_image
from generator.upstream import Client, Connections, Limits
from generator.upstream.auth import Realm

_CHECKPOINT = 50


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
    known: ImageIndex | None
    outcome: Outcome
    observation: Observation | None = None
    pending: int = 0
    awaited: set[Sighted] = field(default_factory=set)
    learned: list[Learned] = field(default_factory=list)
    unsaved: int = 0


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
        self._connections = Connections(jobs)

    def run(self, names: Iterable[str] = ()) -> Iterator[Outcome]:
        """Refreshes the images named, or all; yields each as it is done. Frozen ones are only rendered.

        Raises `StorageError` where the index cannot be written, and `BrokenIndexError` where it cannot be read.
        """
        chosen = [self._images.images[name] for name in dict.fromkeys(names)] or list(self._images.images.values())
        with self._connections:
            yield from self._refresh([image for image in chosen if not image.frozen])
        if self._write:
            self._publish()

    def _refresh(self, images: list[Image]) -> Iterator[Outcome]:
        stopping = self._connections.stopping
        works: dict[Future[Observation | Learned | None], tuple[_Work, Sighted | None]] = {}
        pool = ThreadPoolExecutor(self._jobs)
        try:
            for image in images:
                outcome = Outcome(image)
                try:
                    work = self._begin(image, outcome)
                except ReverseRegistryError as error:
                    outcome.errors.append(str(error))
                    yield outcome
                    continue
                works[pool.submit(observe, work.client, image, work.known)] = work, None
            while works:
                for future in wait(works, return_when=FIRST_COMPLETED).done:
                    work, sighted = works.pop(future)
                    if sighted is None:
                        self._observed(work, future)
                        for each in work.observation.sighted if work.observation else ():
                            works[pool.submit(learn, work.client, work.image, each)] = work, each
                    else:
                        self._learned(work, sighted, future)
                    if not work.pending:
                        self._save(work, finished=True)
                        yield work.outcome
                    elif work.unsaved >= _CHECKPOINT:
                        self._save(work, finished=False)
        except BaseException:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for work in {id(work): work for work, _ in works.values()}.values():
                self._save(work, finished=False)
            raise
        pool.shutdown()

    def _begin(self, image: Image, outcome: Outcome) -> _Work:
        known = self._store.image(image.name)
        if known and known.repository != str(image.repository):
            raise UpstreamError(
                f"{image.name}: was recorded from {known.repository}, images.toml says {image.repository}; "
                f"give it another name, or remove the folder {image.name} to begin anew"
            )
        realm = Realm(known.auth.realm, known.auth.service) if known and known.auth else None
        if realm:
            realm.check(image.repository.plain)
        return _Work(image, Client(image.repository, self._connections, self._limits, realm), known, outcome)

    def _observed(self, work: _Work, future: "Future[Observation | Learned | None]") -> None:
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

    def _learned(self, work: _Work, sighted: Sighted, future: "Future[Observation | Learned | None]") -> None:
        work.pending -= 1
        self._on_progress(1, 0)
        try:
            learned = future.result()
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
        """Records what has been learned of an image so far."""
        observation, image, known = work.observation, work.image, work.known
        if observation is None:
            return
        try:
            contents = expand(self._store.packages(image.name))
        except BrokenIndexError as error:
            if finished:
                work.outcome.errors.append(str(error))
            return
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
        realm = work.client.realm
        index, tagged = image_index(
            name=image.name,
            repository=str(image.repository),
            auth=Auth(realm=realm.url, service=realm.service) if realm else None,
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

    def _publish(self) -> None:
        """The catalogue and the pages, from what is on disk; an image whose files are broken keeps no other's away."""
        summaries: dict[str, Summary] = {}
        broken: BrokenIndexError | None = None
        for name, image in sorted(self._images.images.items()):
            try:
                index, contents = self._store.image(name), expand(self._store.packages(name))
            except BrokenIndexError as error:
                index, contents, broken = None, {}, error
            summaries[name] = _summary(image, index)
            if index:
                for page, text in render_image(index, image.tracks, contents).items():
                    self._store.write(f"{name}/{page}", text)
        catalogue = Catalogue(upstream=str(self._images.upstream), images=summaries)
        self._store.write("schema.json", schema())
        self._store.write("index.json", catalogue)
        self._store.write("README.md", render_catalogue(catalogue))
        if broken:
            raise broken


def _summary(image: Image, index: ImageIndex | None) -> Summary:
    if index is None:
        return Summary(repository=str(image.repository), refreshed=False, frozen=image.frozen)
    newest = newest_release(index.builds, image.tracks)
    return Summary(
        repository=index.repository,
        refreshed=True,
        frozen=image.frozen,
        package=index.package,
        version=newest.version if newest else None,
        digest=newest.digest if newest else None,
        created=newest.created if newest else None,
        builds=len(index.builds),
        tags=len(index.tags),
    )


def _line(error: Exception) -> str:
    return str(error) if isinstance(error, ReverseRegistryError) else f"internal error: {type(error).__name__}: {error}"
