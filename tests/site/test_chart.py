"""A chart that is true to the calendar."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.record.index import Build
from generator.site.chart import LANES, NARROW, TICKS, Chart, chart, release_line
from tests.query.made import build

moments = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


def at(moment: datetime, version: str = "1.0-r0", track: str = "latest") -> Build:
    made = build(version, "2025-01-01", track=track)
    return msgspec.structs.replace(made, digest=build(version, moment.date().isoformat()).digest, seen=moment)


def drawn(builds: list[Build]) -> Chart:
    found = chart(builds)
    assert found
    return found


@given(st.lists(moments, min_size=1, max_size=20))
def test_marks_stand_in_proportion_to_their_time_and_inside(times: list[datetime]) -> None:
    found = drawn([at(moment) for moment in times])
    marks = [mark for lane in found.tracks["latest"] for mark in lane.marks]
    assert sum(len(mark.builds) for mark in marks) == len(times)
    assert all(0 <= mark.x <= 100 for mark in marks)
    first, last = marks[0], marks[-1]
    span = last.builds[-1].seen - first.builds[-1].seen
    for mark in marks if span else ():
        share = (mark.builds[-1].seen - first.builds[-1].seen) / span
        assert mark.x == pytest.approx(first.x + share * (last.x - first.x), abs=0.05)


@given(moments, st.integers(min_value=0, max_value=40_000))
def test_ticks_are_boundaries_of_the_calendar_at_their_places(start: datetime, hours: int) -> None:
    end = start + timedelta(hours=hours * 5)
    found = drawn([at(start), at(end)])
    assert len(found.ticks) <= TICKS
    assert len([tick for tick in found.ticks if not tick.is_wide]) <= NARROW
    assert [tick.x for tick in found.ticks] == sorted({tick.x for tick in found.ticks})
    marks = [mark for lane in found.tracks["latest"] for mark in lane.marks]
    if len(marks) == 2:
        for tick in found.ticks:
            share = (tick.x - marks[0].x) / (marks[1].x - marks[0].x)
            moment = start + share * (end - start)
            error = max((end - start) / 2000, timedelta(hours=1))
            shown = {f"{moment + away:{form}}" for away in (-error, error) for form in ("%Y", "%b %Y")}
            shown |= {f"{(moment + away).day} {moment + away:%b}" for away in (-error, error)}
            assert tick.label in shown


def test_months_are_where_they_begin() -> None:
    found = drawn([at(datetime(2025, 1, 15, tzinfo=UTC)), at(datetime(2025, 6, 20, tzinfo=UTC))])
    assert [tick.label for tick in found.ticks] == ["Feb 2025", "Mar 2025", "Apr 2025", "May 2025", "Jun 2025"]
    days = [second.x - first.x for first, second in zip(found.ticks, found.ticks[1:], strict=False)]
    assert days == pytest.approx([days[0] * each / 28 for each in (28, 31, 30, 31)], abs=0.05)


def test_tracks_are_apart_and_the_newest_line_is_first() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    days = [(start + timedelta(days=number), f"1.{number}-r0") for number in range(9)]
    found = drawn([at(moment, version, track) for moment, version in days for track in ("latest", "next")])
    lanes = {track: [lane.name for lane in of_track] for track, of_track in found.tracks.items()}
    assert lanes == {track: ["1.8", "1.7", "1.6", "1.5", "1.4", "1.3"] for track in ("latest", "next")}
    assert LANES == 6
    assert found.left_out == 6


def test_a_version_that_is_built_anew_is_told_from_a_new_one() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    versions = ("1.0-r0", "1.0-r0", "1.0-r1")
    (lane,) = drawn([at(start + timedelta(days=9 * day), each) for day, each in enumerate(versions)]).tracks["latest"]
    assert [mark.is_new for mark in lane.marks] == [True, False, True]


def test_there_is_no_chart_of_builds_without_a_version() -> None:
    assert chart([build(None, "2025-01-01")]) is None


@pytest.mark.parametrize("year", [1, 1969, 9998, 9999])
def test_a_time_that_cannot_be_is_drawn_all_the_same_or_left_out(year: int) -> None:
    chart([at(datetime(year, 1, 1, tzinfo=UTC)), at(datetime(year, 12, 31, 23, tzinfo=UTC))])


@pytest.mark.parametrize(
    ("version", "line"), [("1.27.4-r2", "1.27"), ("17", "17"), ("2:9.1-3", "9.1"), ("nightly", "other")]
)
def test_a_line_is_the_first_two_numbers(version: str, line: str) -> None:
    assert release_line(version) == line
