"""Whether the upstream still has what is recorded: what it misses twice, a day apart, is gone; it may come back.

`checked.json` remembers what was missed once and where to go on: it is not there where there is nothing to remember.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from generator.errors import MalformedError, NotFoundError, TransientError, UpstreamError
from generator.images import Image, Images
from generator.record.index import Build, ImageIndex, Time
from generator.record.merge import derived_again
from generator.record.store import Store
from generator.refresh.recorder import Recorder
from generator.upstream import Client, Connections, Limits
from generator.upstream.challenge import Realm
from generator.upstream.credentials import CredentialStore

FILE = "checked.json"

_APART = timedelta(days=1)
_JOBS = 16
_MOST_FAILURES = 2


class Checked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`checked.json`; a build is written `<image> <digest>`."""

    last: Annotated[str, Meta(description="The build after which the next sample begins.")] = ""
    missed: Annotated[dict[str, Time], Meta(description="Since when a build was missed, once so far.")] = {}


@dataclass(frozen=True, slots=True)
class Presence:
    """What was found of one image: digests that are gone, or there again; `errors` are why some could not be asked."""

    name: str
    asked: int = 0
    missed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass
class _Asking:
    client: Client
    failures: int = 0
    there: dict[str, bool] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def ask(self, digest: str) -> None:
        """A fault, or an upstream that does not let us in, says nothing of whether a build is there."""
        if self.failures >= _MOST_FAILURES:
            return
        try:
            self.client.head(digest)
            self.there[digest] = True
        except NotFoundError:
            self.there[digest] = False
        except (UpstreamError, MalformedError) as error:
            self.failures += isinstance(error, TransientError)
            self.errors.append(f"{digest} could not be asked for: {error}")


def check_presence(
    store: Store, images: Images, now: datetime, *, sample: int | None = None, limits: Limits | None = None
) -> Iterator[Presence]:
    """Asks for at most `sample` builds, those first that were asked for longest ago, and records what is gone.

    Images with `keep` are not asked about. For who holds the store's lock. Raises `BrokenIndexError`, `StorageError`.
    """
    checked = store.document(FILE, Checked) or Checked()
    indexes = {name: index for name, image in images.images.items() if not image.keep and (index := store.image(name))}
    every = sorted({(name, build.digest) for name, index in indexes.items() for build in index.builds})
    chosen, last = _sample(every, checked, now, sample)
    asked = _ask(chosen, images, indexes, limits or Limits())
    recorded = {f"{name} {digest}" for name, digest in every}
    missed = {key: at for key, at in checked.missed.items() if key in recorded}
    recorder = Recorder(store, images, write=True)
    recorder.recall()
    has_changed = False
    for name, asking in asked.items():
        presence, verdicts = _judge(indexes[name], asking, missed, now)
        if verdicts:
            _record(store, images.images[name], indexes[name], verdicts)
            has_changed = True
        yield presence
    _remember(store, Checked(last=last, missed=missed))
    if has_changed:
        recorder.publish()


def _sample(
    every: list[tuple[str, str]], checked: Checked, now: datetime, sample: int | None
) -> tuple[list[tuple[str, str]], str]:
    """Those that were missed a day ago, then the others from where the last sample ended; and where this one does."""
    if sample is None or sample >= len(every):
        return every, ""
    keys = {f"{name} {digest}": (name, digest) for name, digest in every}
    due = [keys[key] for key, at in sorted(checked.missed.items()) if key in keys and now - at >= _APART][:sample]
    waiting = [key for key in keys if key not in checked.missed]
    after = [key for key in waiting if key > checked.last] + [key for key in waiting if key <= checked.last]
    others = after[: sample - len(due)]
    return [*due, *(keys[key] for key in others)], others[-1] if others else checked.last


def _ask(
    chosen: Iterable[tuple[str, str]], images: Images, indexes: Mapping[str, ImageIndex], limits: Limits
) -> dict[str, _Asking]:
    asked: dict[str, _Asking] = {}
    credentials = CredentialStore.from_environment()
    with Connections(_JOBS, limits.patience) as connections, ThreadPoolExecutor(_JOBS) as pool:
        for name, digest in chosen:
            if name not in asked:
                repository, auth = images.images[name].repository, indexes[name].auth
                realm = Realm(auth.realm, auth.service) if auth else None
                if realm:
                    realm.check(repository.plain)
                asked[name] = _Asking(Client(repository, connections, limits, realm, credentials))
            pool.submit(asked[name].ask, digest)
        pool.shutdown()
    return asked


def _judge(
    index: ImageIndex, asking: _Asking, missed: dict[str, datetime], now: datetime
) -> tuple[Presence, dict[str, datetime | None]]:
    """What each answer means; `missed` is brought up to date. Gives too what is to be recorded, by digest."""
    was_gone = {build.digest for build in index.builds if build.gone}
    verdicts: dict[str, datetime | None] = {}
    for digest, is_there in sorted(asking.there.items()):
        key = f"{index.name} {digest}"
        if is_there:
            missed.pop(key, None)
            if digest in was_gone:
                verdicts[digest] = None
        elif digest not in was_gone and now - missed.setdefault(key, now) >= _APART:
            verdicts[digest] = missed.pop(key)
    presence = Presence(
        index.name,
        len(asking.there),
        tuple(digest for digest in asking.there if f"{index.name} {digest}" in missed),
        tuple(digest for digest, at in verdicts.items() if at),
        tuple(digest for digest, at in verdicts.items() if at is None),
        tuple(asking.errors),
    )
    return presence, verdicts


def _record(store: Store, image: Image, index: ImageIndex, verdicts: Mapping[str, datetime | None]) -> None:
    def judged(build: Build) -> Build:
        return msgspec.structs.replace(build, gone=verdicts[build.digest]) if build.digest in verdicts else build

    builds = tuple(map(judged, index.builds))
    store.write(
        f"{image.name}/index.json",
        derived_again(index, image, (builds, index.settings)),
    )


def _remember(store: Store, checked: Checked) -> None:
    if checked != Checked():
        store.write(FILE, checked)
    else:
        (store.folder / FILE).unlink(missing_ok=True)
