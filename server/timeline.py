"""Versions over time: the builds of each release line, as places on a chart."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .index import Build
from .packages import natural

LANES = 8
LINES = 60
PLACES = 120
TICKS = 4

_line = re.compile(r"(?:[0-9]+:)?([0-9]{1,9})(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Mark:
    """Builds that stand so close that one mark shows them; `x` is a percentage of the width."""

    x: float
    builds: list[tuple[datetime, Build]]
    is_new: bool


@dataclass(slots=True)
class Line:
    """A release line, such as 1.27; its builds oldest first."""

    name: str
    builds: list[tuple[datetime, Build]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    @property
    def first(self) -> datetime:
        return self.builds[0][0]

    @property
    def last(self) -> datetime:
        return self.builds[-1][0]

    @property
    def versions(self) -> Sequence[str]:
        """Highest first, as far as a display can tell."""
        return sorted({build.version or "" for _, build in self.builds}, key=natural, reverse=True)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest line first; only the newest `LANES` have marks. `ticks` are places and what stands there."""

    lines: list[Line]
    ticks: list[tuple[float, str]]

    @classmethod
    def of(cls, builds: Iterable[Build]) -> "Timeline":
        dated = [(build.when, build) for build in builds if build.version and build.when]
        dated.sort(key=lambda each: each[0])
        lines: dict[str, Line] = {}
        for when, build in dated:
            name = line(build.version or "")
            lines.setdefault(name, Line(name)).builds.append((when, build))
        newest = sorted(lines.values(), key=lambda each: each.first, reverse=True)[:LINES]
        if not newest:
            return cls([], [])
        start = min(each.first for each in newest[:LANES])
        span = max(each.last for each in newest[:LANES]) - start
        for each in newest[:LANES]:
            each.marks = _marks(each, start, span)
        written = {f"{start + span * step / TICKS:{_form(span)}}": _place(step / TICKS) for step in range(TICKS + 1)}
        return cls(newest, [(place, text) for text, place in written.items()])


def line(version: str) -> str:
    """The first two numbers of a version."""
    found = _line.match(version)
    return found[1] + (found[2] or "") if found else "other"


def _marks(line: Line, start: datetime, span: timedelta) -> list[Mark]:
    places: dict[int, list[tuple[datetime, Build]]] = {}
    first: dict[str | None, int] = {}
    for when, build in line.builds:
        place = round((when - start) / span * PLACES) if span else 0
        places.setdefault(place, []).append((when, build))
        first.setdefault(build.version, place)
    return [Mark(_place(place / PLACES), builds, place in first.values()) for place, builds in places.items()]


def _form(span: timedelta) -> str:
    return "%b %Y" if span > timedelta(days=31 * TICKS) else "%Y-%m-%d"


def _place(share: float) -> float:
    """Percent, with room for a mark at both ends."""
    return round(1 + 98 * share, 2)
