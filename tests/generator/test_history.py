"""A tag's history: all of it, however the upstream hands it out, and however often a run is cut short."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import MalformedError
from generator.images import parse
from generator.refresh import Refresh
from generator.upstream.history import Sighting, parse_page, read
from tests.generator.conftest import ALWAYS, QUICK, Expected, Index
from tests.upstream import Answer, Build, ExampleUpstream, Fault, Options, Package
from tests.upstream.images import CATALOGUE, NGINX, Move

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def small(number: int) -> Build:
    made = START + number * DAY
    return Build("small", "x", made, (Package("small", f"1.{number}-r0"),))


@pytest.mark.parametrize(
    "options",
    [
        Options(page_limit=1),
        Options(page_limit=2),
        Options(page_limit=3),
        Options(history_shuffled=True),
        Options(page_limit=3, history_shuffled=True),
        Options(redirect_blobs=False),
        Options(token_expiry=True),
    ],
    ids=repr,
)
def test_however_it_is_handed_out_it_is_the_same(options: Options, expected: Expected, tmp_path: Path) -> None:
    with ExampleUpstream(options) as upstream:
        index = Index(upstream, tmp_path, ALWAYS)
        index.refresh()
        assert index.content() == expected(upstream)


@pytest.mark.parametrize("page_limit", [2, 1000])
def test_times_may_have_no_fractions(page_limit: int, tmp_path: Path) -> None:
    with ExampleUpstream(Options(history_fractions=False, page_limit=page_limit)) as upstream:
        index = Index(upstream, tmp_path, ALWAYS)
        assert len(index.refresh()["nginx"].new) == 10
        assert all(build.seen.microsecond == 0 for build in index.image("nginx").builds)
        before = index.content()
        index.refresh()
        assert index.content() == before


def test_records_may_come_twice(nginx: Index) -> None:
    record = {"updateTimestamp": "2025-01-09T01:58:03.412Z", "digest": NGINX[0].build.digest}
    body = json.dumps({"history": [record, record]}).encode()
    nginx.upstream.inject(Fault(Answer(200, {}, body), path="/history/latest[?]", times=None))
    nginx.refresh()
    assert nginx.versions("nginx") == ["1.27.3-r0", "1.29.1-r0"]


@pytest.mark.parametrize(
    ("since", "versions"),
    [
        ('since = "always"', ["16.6-r0", "17.2-r0", "17.4-r1"]),
        ("since = 2025-02-01", ["17.2-r0", "17.4-r1"]),
        ("since = 2025-02-03T02:41:58.719Z", ["17.2-r0", "17.4-r1"]),
        ("since = 2025-02-03T02:41:58.720Z", ["17.4-r1"]),
        ('since = "now"', ["17.4-r1"]),
        ("since = 2199-01-01", ["17.4-r1"]),
    ],
)
def test_since_is_how_far_back_it_is_read(
    upstream: ExampleUpstream, tmp_path: Path, since: str, versions: list[str]
) -> None:
    index = Index(upstream, tmp_path, f"[images.postgres]\n{since}\n")
    index.refresh()
    assert index.versions("postgres") == versions
    before = index.content()
    index.refresh()
    assert index.content() == before


def test_by_default_it_is_read_ninety_days_back(upstream: ExampleUpstream, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for days in (91, 89, 1):
        upstream.push(small(days), "latest", at=now - days * DAY)
    index = Index(upstream, tmp_path, '[images.small]\ntracks = ["latest"]\n')
    index.refresh()
    assert index.versions("small") == ["1.89-r0", "1.1-r0"]


def test_since_may_be_set_further_back_later(nginx: Index, expected: Expected) -> None:
    nginx.images = "[images.nginx]\nsince = 2026-01-01\n"
    nginx.refresh()
    assert nginx.versions("nginx") == ["1.29.1-r0"]
    nginx.images = ALWAYS
    nginx.refresh()
    assert nginx.content() == expected(nginx.upstream)


def test_a_track_may_be_added_later(nginx: Index, expected: Expected) -> None:
    nginx.images = f'{ALWAYS}tracks = ["latest"]\n'
    nginx.refresh()
    nginx.images = ALWAYS
    nginx.refresh()
    assert nginx.content() == expected(nginx.upstream)


def test_without_a_history_an_image_starts_from_now(tmp_path: Path) -> None:
    with ExampleUpstream(Options(history=False)) as upstream:
        index = Index(upstream, tmp_path, ALWAYS)
        index.refresh()
        assert index.versions("nginx") == ["1.29.1-r0"]
        before = index.content()
        index.refresh()
        assert index.content() == before
        upstream.point("nginx", "latest", NGINX[4].build.digest)
        index.refresh()
        assert sorted(filter(None, index.versions("nginx"))) == ["1.28.0-r0", "1.29.1-r0"]


@pytest.mark.parametrize("status", [400, 405, 501])
def test_a_registry_that_refuses_the_question_for_history_has_none(nginx: Index, status: int) -> None:
    nginx.upstream.inject(Fault(Answer(status), path="/_chainguard/", times=None))
    assert nginx.refresh()["nginx"].errors == []
    assert nginx.versions("nginx") == ["1.29.1-r0"]


@pytest.mark.parametrize(
    "answer", [Answer(410), Answer(422), Answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>")], ids=repr
)
def test_so_has_one_that_has_no_such_question(nginx: Index, answer: Answer) -> None:
    nginx.upstream.inject(Fault(answer, path="/history/", times=None))
    assert nginx.refresh()["nginx"].errors == []
    assert nginx.versions("nginx") == ["1.29.1-r0"]


def test_a_history_that_is_denied_is_not_taken_for_none(nginx: Index) -> None:
    nginx.upstream.inject(Fault(Answer(403), path="/_chainguard/", times=None))
    assert len(nginx.refresh()["nginx"].errors) == 1


def test_builds_that_are_gone_are_skipped_with_a_count(nginx: Index) -> None:
    for move in (NGINX[0], NGINX[2]):
        nginx.upstream.forget("nginx", move.build.digest)
    outcome = nginx.refresh()["nginx"]
    assert (len(outcome.new), outcome.gone, outcome.errors) == (8, 2, [])
    assert nginx.versions("nginx") == ["1.27.4-r0", "1.27.4-r2", "1.28.0-r0", "1.29.1-r0"]
    nginx.upstream.requests.clear()
    assert nginx.refresh()["nginx"].gone == 0
    assert len(nginx.upstream.requests) == 3, "those that are gone are not asked for again"


def test_a_build_that_lost_its_platforms_is_recorded_without_a_version(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    build = small(1)
    digest = upstream.push(build, "latest")
    for image, attestations in build.platforms:
        upstream.forget("small", image.digest)
        upstream.forget("small", attestations.digest)
    index = Index(upstream, tmp_path, '[images.small]\ntracks = ["latest"]\nsince = "always"\n')
    outcome = index.refresh()["small"]
    assert outcome.errors == []
    assert outcome.notes == [f"{digest} (latest): version unknown: no SBOM is attached"]
    (recorded,) = index.builds("small")
    assert recorded.version is None
    assert index.tags("small") == {f"latest-{build.created:%Y%m%d%H%M}": digest}


def test_a_head_that_is_gone_leaves_the_track_where_it_was(nginx: Index) -> None:
    nginx.refresh()
    recorded = nginx.image("nginx")
    lost = nginx.upstream.push(Build("nginx", "x", START, (Package("nginx", "9-r0"),)), "latest")
    nginx.upstream.inject(Fault(Answer(404), path=f"/manifests/{lost}", times=None))
    outcome = nginx.refresh()["nginx"]
    (note,) = outcome.notes
    assert (outcome.gone, note.endswith(f"latest points at {lost}, of which it lacks the manifest or an image")) == (
        0,
        True,
    )
    assert nginx.image("nginx").tracks["latest"].digest == recorded.tracks["latest"].digest
    assert nginx.image("nginx").builds == recorded.builds


def test_the_newest_is_learned_first(nginx: Index) -> None:
    list(nginx.run(jobs=1))
    digests = {move.build.digest: move.at for move in reversed(NGINX)}
    asked = [
        request.path.rpartition("/")[2] for request in nginx.upstream.requests.matching("GET .*/manifests/sha256:")
    ]
    builds = [digests[digest] for digest in asked if digest in digests]
    assert len(builds) == 10
    assert builds == sorted(builds, reverse=True)


# Cut short, and continued.


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_failed_in_parts_is_continued_to_the_same_bytes(
    seed: int, expected: Expected, tmp_path: Path
) -> None:
    with ExampleUpstream(seed=seed) as upstream:
        limits = replace(QUICK, attempts=1)
        index = Index(upstream, tmp_path, ALWAYS, limits)
        failed = 0
        for _ in range(3):
            upstream.inject(Fault(Answer(503), path="/manifests/sha256|/blobs/", probability=0.08, times=None))
            failed += bool(index.refresh()["nginx"].errors)
            upstream.faults.clear()
        assert failed
        index.refresh()
        assert index.content() == expected(upstream)
        upstream.requests.clear()
        index.refresh()
        assert len(upstream.requests) == 3


class Cut(BaseException):
    """As from the keyboard."""


@pytest.mark.parametrize("after", [1, 3, 7])
def test_a_run_that_is_cut_short_keeps_what_it_learned(
    nginx: Index, expected: Expected, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.refresh.schedule._CHECKPOINT", 2)
    learned = 0

    def progress(more: int, _: int) -> None:
        nonlocal learned
        learned += more
        if learned == after:
            raise Cut

    nginx.write_images()
    wanted = parse((nginx.folder / "images.toml").read_bytes(), "images.toml")
    with pytest.raises(Cut):
        list(Refresh(nginx.store, wanted, QUICK, 2, on_progress=progress).run())
    if after > 1:
        index = nginx.image("nginx")
        assert 0 < len(index.builds) <= after
        assert all(track.since is None for track in index.tracks.values())
        assert set(index.tags.values()) <= {build.digest for build in index.builds}
    known = len(nginx.builds("nginx")) + len(nginx.builds("nginx", "latest-dev")) if after > 1 else 0
    nginx.upstream.requests.clear()
    assert len(nginx.refresh()["nginx"].new) == 10 - known
    assert nginx.content() == expected(nginx.upstream)


def by_time(catalogue: tuple[Move, ...]) -> list[Move]:
    return sorted(catalogue, key=lambda move: move.at)


@pytest.mark.parametrize("seed", range(4))
def test_refreshed_in_any_steps_the_index_is_the_same_to_the_byte(
    seed: int, expected: Expected, tmp_path: Path
) -> None:
    choose = random.Random(seed)
    with ExampleUpstream(Options(page_limit=choose.choice([3, 1000])), catalogue=()) as upstream:
        index = Index(upstream, tmp_path, ALWAYS)
        for move in by_time(NGINX):
            upstream.push(move.build, move.tag, at=move.at)
            if choose.random() < 0.4:
                index.refresh()
        index.refresh()
        assert index.content() == expected(upstream)


def test_a_checkpoint_settles_nothing_that_a_whole_run_would_settle_otherwise(
    upstream: ExampleUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two builds of one minute: the one that was current first has the tag to the minute, though learned last."""
    monkeypatch.setattr("generator.refresh.schedule._CHECKPOINT", 1)
    same = [Build("twin", text, START, (Package("twin", "1-r0"),)) for text in ("a", "b")]
    for minutes, build in enumerate(same):
        upstream.push(build, "latest", at=START + timedelta(seconds=20 + 10 * minutes))
    upstream.inject(Fault(Answer(503), path=f"/manifests/{same[0].digest}", times=None))
    index = Index(upstream, tmp_path, '[images.twin]\ntracks = ["latest"]\nsince = "always"\n')
    assert index.refresh()["twin"].errors
    assert index.tags("twin").keys() == {"1", "1-r0"}
    upstream.faults.clear()
    index.refresh()
    assert index.tags("twin")["1-r0-202601010000"] == same[0].digest
    assert index.tags("twin")["1-r0-20260101000000"] == same[1].digest


# The reading itself.

Page = Callable[[datetime | None, datetime | None], frozenset[Sighting]]


def pages(records: list[Sighting], limit: int, *, is_newest_first: bool, includes_end: bool) -> Iterator[Page]:
    def page(start: datetime | None, end: datetime | None) -> frozenset[Sighting]:
        found = [
            record
            for record in sorted(records, reverse=is_newest_first)
            if (start is None or record.at >= start)
            and (end is None or record.at < end or (includes_end and record.at == end))
        ]
        return frozenset(found[:limit])

    yield page


times = st.lists(st.integers(min_value=0, max_value=10**6), unique=True, max_size=40)


@given(times, st.integers(min_value=2, max_value=7), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_every_record_is_found_whichever_end_an_answer_begins_at(
    offsets: list[int], limit: int, is_newest_first: bool, includes_end: bool, since: int
) -> None:
    records = [Sighting(START + timedelta(seconds=offset), f"sha256:{offset % 7:064x}") for offset in offsets]
    horizon = START + timedelta(seconds=since)
    wanted = sorted(record for record in records if record.at >= horizon)
    (page,) = pages(records, limit, is_newest_first=is_newest_first, includes_end=includes_end)
    assert read(page, horizon) == wanted
    if wanted and limit > 2:
        assert read(page, horizon, newest=wanted[-1].digest) == wanted


def test_an_upstream_that_gives_a_little_more_each_time_is_asked_a_bounded_number_of_times() -> None:
    asked: list[object] = []

    def page(start: datetime | None, end: datetime | None) -> frozenset[Sighting]:
        asked.append((start, end))
        return frozenset({Sighting(START + timedelta(seconds=len(asked)), f"sha256:{len(asked):064x}")})

    with pytest.raises(MalformedError, match="has not ended after 1000 questions"):
        read(page, None)
    assert len(asked) == 1000


def test_an_upstream_that_never_ends_is_refused() -> None:
    count = iter(range(10**9))

    def page(start: datetime | None, end: datetime | None) -> frozenset[Sighting]:
        first = next(count) * 50_000
        return frozenset(Sighting(START + timedelta(seconds=first + n), "sha256:0") for n in range(50_000))

    with pytest.raises(MalformedError, match="more than 200000 records"):
        read(page, START)


@pytest.mark.parametrize("body", [b"{}", b'{"history": null}', b'{"history": []}'])
def test_an_empty_history_is_one(body: bytes) -> None:
    assert parse_page(body, "") == frozenset()


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"history": {}}', "Expected `array | null`"),
        (b'{"history": [{}]}', "missing required field `updateTimestamp`"),
        (f'{{"history": [{{"updateTimestamp": "2026-01-01", "digest": "{DIGEST}"}}]}}'.encode(), "RFC3339"),
        (f'{{"history": [{{"updateTimestamp": "2026-01-01T00:00:00", "digest": "{DIGEST}"}}]}}'.encode(), "timezone"),
        (b'{"history": [{"updateTimestamp": "2026-01-01T00:00:00Z", "digest": "sha256:0"}]}', "matching regex"),
    ],
)
def test_a_malformed_history_is_one_line(body: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=rf"^history of x: .*{message}"):
        parse_page(body, "history of x")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z"])
def test_times_at_the_ends_of_the_calendar_are_one_line(nginx: Index, time: str) -> None:
    body = f'{{"history": [{{"updateTimestamp": "{time}", "digest": "{DIGEST}"}}]}}'.encode()
    nginx.upstream.inject(Fault(Answer(200, {}, body), path="/history/", times=None))
    (error,) = nginx.refresh()["nginx"].errors
    assert error == f"{nginx.upstream.repository('nginx')}: history of latest: a time out of range"


def test_the_whole_catalogue_is_learned(upstream: ExampleUpstream, tmp_path: Path) -> None:
    images = "".join(f'[images.{name}]\nsince = "always"\n' for name in ("nginx", "python", "postgres"))
    index = Index(upstream, tmp_path, images)
    outcomes = index.refresh()
    new = sum(len(outcome.new) for outcome in outcomes.values())
    assert new == len({(move.build.image, move.tag, move.build.digest) for move in CATALOGUE}) == 21
