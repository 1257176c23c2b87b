"""A tag's history: which digests it pointed at, and since when (Chainguard's API, at most 1000 records an answer)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from generator.document import decode
from generator.errors import MalformedError
from generator.upstream.manifest import Digest

RECORDS = 200_000
QUESTIONS = 1000
TICK = timedelta(microseconds=1)
_ONE_MOVE = 2


class _Record(Struct, frozen=True, rename="camel"):
    update_timestamp: Annotated[datetime, Meta(tz=True)]
    digest: Digest


class _History(Struct, frozen=True):
    history: tuple[_Record, ...] | None = None


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """From `at` on, the tag pointed at `digest`."""

    at: datetime
    digest: str


Page = Callable[[datetime | None, datetime | None], frozenset[Sighting]]


def parse_page(data: bytes, what: str) -> frozenset[Sighting]:
    """Raises `MalformedError`."""
    records = decode(data, _History, what).history or ()
    return frozenset(Sighting(r.update_timestamp.astimezone(UTC), r.digest) for r in records)


def read(page: Page, since: datetime | None, newest: str | None = None) -> list[Sighting]:
    """Every sighting from `since` on, oldest first.

    An answer may hold any part of the range, in any order and with duplicates, so the range is narrowed from
    both ends until an answer brings nothing new. `newest`, the digest that the tag points at now, saves the
    question for what comes after it where the tag has moved once: so short an answer is a whole one.
    """
    page = _bounded(page)
    known = set(page(since, None))
    while known:
        last = max(known)
        if last.digest == newest and len(known) <= _ONE_MOVE:
            break
        if not _grow(known, page(last.at, None)) and not _grow(known, page(last.at + TICK, None)):
            break
    while known:
        first = min(known)
        if (since is not None and first.at <= since) or not _grow(known, page(since, first.at)):
            break
    return sorted(known)


def _bounded(page: Page) -> Page:
    """Raises `MalformedError` where a history that gives a little more each time never ends."""
    asked = 0

    def bounded(start: datetime | None, end: datetime | None) -> frozenset[Sighting]:
        nonlocal asked
        asked += 1
        if asked > QUESTIONS:
            raise MalformedError(f"a tag history that has not ended after {QUESTIONS} questions")
        return page(start, end)

    return bounded


def _grow(known: set[Sighting], more: frozenset[Sighting]) -> bool:
    before = len(known)
    known |= more
    if len(known) > RECORDS:
        raise MalformedError(f"a tag history of more than {RECORDS} records")
    return len(known) > before
