"""Builds over time: a lane for each release line of each track, on one scale that is true to the calendar. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from generator.record.index import Build

LANES = 6
PLACES = 150
TICKS = 10
NARROW = 4

_CALENDAR = range(1970, 3000)

_line = re.compile(r"(?:[0-9]+:)?([0-9]{1,9})(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Mark:
    """Builds that are so close that one mark shows them, oldest first; `x` is a percentage of the width."""

    x: float
    builds: tuple[Build, ...]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """A release line, such as 1.27."""

    name: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A boundary of the calendar; where `is_wide`, only a wide chart has room for its label."""

    x: float
    label: str
    is_wide: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """The newest lane of each track first; `left_out` are lanes of which there are too many."""

    tracks: dict[str, tuple[Lane, ...]]
    ticks: tuple[Tick, ...]
    left_out: int


def chart(builds: Iterable[Build]) -> Chart | None:
    """None where no version is known, so that there is nothing to tell apart."""
    lines: dict[str, dict[str, list[Build]]] = {}
    for build in sorted(builds, key=lambda build: build.order):
        if build.version and build.seen.year in _CALENDAR:
            lines.setdefault(build.track, {}).setdefault(release_line(build.version), []).append(build)
    shown = {
        track: sorted(of_track.items(), key=lambda line: line[1][-1].order, reverse=True)[:LANES]
        for track, of_track in sorted(lines.items())
    }
    times = [build.seen for of_track in shown.values() for _, of_line in of_track for build in of_line]
    if not times:
        return None
    scale = _Scale(min(times), max(times))
    return Chart(
        tracks={
            track: tuple(Lane(name, tuple(_marks(of_line, scale))) for name, of_line in of_track)
            for track, of_track in shown.items()
        },
        ticks=tuple(_ticks(scale)),
        left_out=sum(map(len, lines.values())) - sum(map(len, shown.values())),
    )


def release_line(version: str) -> str:
    """The first two numbers of a version."""
    found = _line.match(version)
    return found[1] + (found[2] or "") if found else "other"


class _Scale:
    """Puts a moment between `start` and `end` at a percentage, with room for a mark at both ends."""

    def __init__(self, start: datetime, end: datetime) -> None:
        room = max((end - start) * 0.02, timedelta(hours=12))
        self.start, self.end = start - room, end + room

    def at(self, moment: datetime) -> float:
        return round(100 * ((moment - self.start) / (self.end - self.start)), 2)


def _marks(builds: list[Build], scale: _Scale) -> Iterator[Mark]:
    places: dict[int, list[Build]] = {}
    for build in builds:
        places.setdefault(round(scale.at(build.seen) * PLACES / 100), []).append(build)
    versions: set[str | None] = set()
    for of_place in places.values():
        is_new = any(build.version not in versions for build in of_place)
        versions.update(build.version for build in of_place)
        yield Mark(scale.at(of_place[-1].seen), tuple(of_place), is_new)


def _ticks(scale: _Scale) -> Iterator[Tick]:
    """The finest division of the calendar that leaves room for labels."""
    found: list[tuple[datetime, str]] = []
    for division in (_days(scale, 1), _days(scale, 7), *(_months(scale, step) for step in (1, 3, 6, 12, 60, 120))):
        found = list(islice(division, TICKS + 1))
        if len(found) <= TICKS:
            break
    step = -(-len(found) // NARROW)
    for number, (moment, label) in enumerate(found[:TICKS]):
        yield Tick(scale.at(moment), label, is_wide=number % step != 0)


def _days(scale: _Scale, step: int) -> Iterator[tuple[datetime, str]]:
    """Midnights, of Mondays where `step` is a week."""
    at = scale.start.replace(hour=0, minute=0, second=0, microsecond=0)
    while at <= scale.end:
        if at >= scale.start and at.toordinal() % step == 1 % step:
            yield at, f"{at.day} {at:%b}"
        at += timedelta(days=1)


def _months(scale: _Scale, step: int) -> Iterator[tuple[datetime, str]]:
    """First days of every month, quarter or year, as `step` months are."""
    month = scale.start.year * 12 + scale.start.month - 1
    while (at := datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)) <= scale.end:
        if at >= scale.start and month % step == 0:
            yield at, f"{at:%Y}" if step >= 12 else f"{at:%b %Y}"
        month += 1
