"""A whole refresh: every image observed and learned in parallel, each recorded as soon as it is known."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from math import inf
from time import monotonic

from generator.errors import ReverseRegistryError, StorageError, UpstreamError
from generator.images import Image, Images
from generator.record.recorded import Recorded
from generator.record.store import Store
from generator.refresh.image import ImageRefresh
from generator.refresh.learn import Learned
from generator.refresh.observe import BuildReference, Observation
from generator.refresh.outcome import Outcome
from generator.refresh.recorder import Recorder
from generator.refresh.tasks import Tasks
from generator.trust.policy import Verifier
from generator.upstream import Client, Connections, Limits
from generator.upstream.challenge import Realm
from generator.upstream.credentials import CredentialStore

_CHECKPOINT = 50


class Refresh:
    """One run over an index. `on_progress` is told of builds: (learned since the last call, newly found).

    When `budget` is used up, what was learned is recorded and the rest left to the next run. `verifiers` are those of
    the images, by name, whose attestations have to be signed; with `verify_recorded` builds that were recorded before
    anybody had to are held against them, too.
    """

    def __init__(
        self,
        store: Store,
        images: Images,
        limits: Limits,
        jobs: int,
        *,
        write: bool = True,
        budget: timedelta | None = None,
        verifiers: Mapping[str, Verifier] | None = None,
        verify_recorded: bool = False,
        credentials: CredentialStore | None = None,
        on_progress: Callable[[int, int], None] = lambda learned, found: None,
    ) -> None:
        self._store = store
        self._images = images
        self._limits = limits
        self._jobs = jobs
        self._deadline = monotonic() + budget.total_seconds() if budget else inf
        self._on_progress = on_progress
        self._verifiers = verifiers or {}
        self._verify_recorded = verify_recorded
        self._credentials = credentials
        self._connections = Connections(jobs, limits.patience)
        self._recorder = Recorder(store, images, write=write)
        self._named: tuple[str, ...] = ()

    def run(self, names: Iterable[str] = ()) -> Iterator[Outcome]:
        """Refreshes the images named, or all; yields each as it is done. Frozen ones are only rendered.

        Raises `StorageError` where the index cannot be written, and `BrokenIndexError` where it cannot be read.
        """
        self._named = tuple(dict.fromkeys(names))
        chosen = [self._images.images[name] for name in self._named] or list(self._images.images.values())
        self._recorder.recall()
        try:
            with self._connections:
                yield from self._refresh([image for image in chosen if not image.frozen])
        finally:
            self._recorder.publish()
        yield from self._recorder.unasked

    def _refresh(self, images: list[Image]) -> Iterator[Outcome]:
        tasks = Tasks(self._jobs)
        try:
            for image in images:
                outcome = Outcome(image)
                try:
                    work = self._begin(image, outcome)
                except ReverseRegistryError as error:
                    outcome.errors.append(str(error))
                    yield outcome
                    continue
                tasks.start(work, work.observe, partial(self._observed, tasks, work))
            for work in tasks.finished(self._deadline):
                if not work.pending:
                    work.close()
                    self._recorder.save(work, finished=True)
                    yield work.outcome
                elif work.unsaved >= _CHECKPOINT:
                    self._recorder.save(work, finished=False)
            yield from self._time_is_up(tasks)
        except BaseException:
            self._connections.stopping.set()
            for work in tasks.give_up():
                with contextlib.suppress(StorageError):
                    self._recorder.save(work, finished=False)
            raise

    def _time_is_up(self, tasks: Tasks) -> Iterator[Outcome]:
        unfinished = tasks.give_up()
        if unfinished:
            self._connections.stopping.set()
        for work in unfinished:
            work.outcome.waiting = max(work.pending, 1)
            work.close()
            self._recorder.save(work, finished=True)
            yield work.outcome

    def _begin(self, image: Image, outcome: Outcome) -> ImageRefresh:
        recorded = Recorded.of(self._store, image)
        if recorded and recorded.repository != str(image.repository):
            raise UpstreamError(
                f"{image.name}: was recorded from {recorded.repository}, images.toml says {image.repository}; "
                f"give it another name, or remove the folder {image.name} to begin anew"
            )
        realm = Realm(recorded.auth.realm, recorded.auth.service) if recorded and recorded.auth else None
        if realm:
            realm.check(image.repository.plain)
        client = Client(image.repository, self._connections, self._limits, realm, self._credentials)
        is_fresh = recorded is not None and self._recorder.is_fresh(recorded, image.name)
        verifier = self._verifiers.get(image.name)
        work = ImageRefresh(image, client, recorded, outcome, verifier, is_fresh)
        work.is_named = image.name in self._named
        work.verify_recorded = self._verify_recorded
        work.refused = self._recorder.refused(image.name)
        return work

    def _observed(self, tasks: Tasks, work: ImageRefresh, result: Callable[[], Observation]) -> None:
        work.take_observation(result)
        self._on_progress(0, work.pending)
        for reference in work.observation.builds if work.observation else ():
            tasks.start(work, partial(work.learn, reference), partial(self._learned, work, reference))

    def _learned(self, work: ImageRefresh, reference: BuildReference, result: Callable[[], Learned | None]) -> None:
        self._on_progress(1, 0)
        work.take_build(reference, result)
