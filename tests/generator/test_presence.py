"""`check --upstream` records as gone what the upstream misses twice, a day apart; it may come back."""

from datetime import UTC, datetime, timedelta

import pytest

from generator.check import Revision, check
from generator.images import load
from generator.refresh.presence import Presence, check_presence
from tests.command import command
from tests.generator.conftest import QUICK, Index
from tests.generator.test_corrections import commit, problems
from tests.upstream import Answer, ExampleUpstream, Fault
from tests.upstream.images import NGINX

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NEWEST = NGINX[6].build.digest


@pytest.fixture
def known(nginx: Index) -> Index:
    nginx.refresh()
    return nginx


def look(index: Index, now: datetime, sample: int | None = None) -> list[Presence]:
    wanted = load(index.folder / "images.toml")
    return list(check_presence(index.store, wanted, now, sample=sample, limits=QUICK))


def answer(upstream: ExampleUpstream, digest: str, status: int) -> None:
    upstream.faults.clear()
    upstream.inject(Fault(Answer(status), path=f"/manifests/{digest}", times=None))


def test_where_all_is_there_no_byte_changes(known: Index) -> None:
    before = known.content()
    (found,) = look(known, NOW)
    assert (found.asked, found.gone, found.missed) == (10, (), ())
    assert known.content() == before


def test_what_is_missed_twice_a_day_apart_is_gone_since_the_first_time(known: Index, upstream: ExampleUpstream) -> None:
    tags = known.tags("nginx")
    answer(upstream, NEWEST, 404)
    assert look(known, NOW)[0].missed == (NEWEST,)
    assert look(known, NOW + DAY - timedelta(seconds=1))[0].gone == ()
    assert known.tags("nginx") == tags
    assert look(known, NOW + DAY)[0].gone == (NEWEST,)
    assert {build.gone for build in known.image("nginx").builds if build.digest == NEWEST} == {NOW}
    image = known.image("nginx")
    assert NEWEST not in image.tags.values()
    assert image.tags["1"] == tags["1.28.0"]
    assert image.gone["1.29.1"].digest == NEWEST
    assert image.gone["1.29.1"].since == NOW
    assert problems(known) == []
    assert "gone upstream since 2026-03-01" in (known.folder / "nginx/README.md").read_text()


def test_what_is_missed_once_only_is_not_gone(known: Index, upstream: ExampleUpstream) -> None:
    before = known.content()
    answer(upstream, NEWEST, 404)
    look(known, NOW)
    upstream.faults.clear()
    look(known, NOW + DAY)
    answer(upstream, NEWEST, 404)
    assert look(known, NOW + 2 * DAY)[0].gone == ()
    upstream.faults.clear()
    look(known, NOW + 3 * DAY)
    assert known.content() == before


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_fault_or_a_refusal_is_never_gone(known: Index, upstream: ExampleUpstream, status: int) -> None:
    before = known.content()
    answer(upstream, NEWEST, status)
    for days in range(3):
        (found,) = look(known, NOW + days * DAY)
        assert (found.gone, found.missed) == ((), ())
        assert found.errors
    assert known.content() == before


def test_a_build_that_comes_back_has_its_tags_again(known: Index, upstream: ExampleUpstream) -> None:
    before = known.content()
    answer(upstream, NEWEST, 404)
    look(known, NOW)
    look(known, NOW + DAY)
    upstream.faults.clear()
    assert look(known, NOW + 2 * DAY)[0].back == (NEWEST,)
    assert known.content() == before


def test_a_refresh_after_it_changes_no_byte_and_check_against_accepts_it(
    known: Index, upstream: ExampleUpstream
) -> None:
    commit(known)
    answer(upstream, NEWEST, 404)
    look(known, NOW)
    look(known, NOW + DAY)
    upstream.faults.clear()
    after = known.content()
    known.refresh()
    assert known.content() == after
    assert [each.what for each in check(known.folder, Revision(known.folder, "HEAD")) if not each.is_note] == []


def test_samples_go_round_and_what_was_missed_comes_first(known: Index, upstream: ExampleUpstream) -> None:
    upstream.requests.clear()
    for _ in range(4):
        assert look(known, NOW, sample=3)[0].asked == 3
    asked = [request.target for request in upstream.requests if "/manifests/sha256:" in request.target]
    assert (len(asked), len(set(asked))) == (12, 10)
    answer(upstream, NEWEST, 404)
    look(known, NOW)
    assert look(known, NOW + DAY, sample=1)[0].gone == (NEWEST,)


def test_an_image_that_the_registry_promises_to_keep_is_not_asked_about(
    known: Index, upstream: ExampleUpstream
) -> None:
    known.images += "keep = true\n"
    known.refresh()
    upstream.requests.clear()
    assert look(known, NOW) == []
    assert len(upstream.requests) == 0


def test_the_command_says_what_it_found(known: Index, upstream: ExampleUpstream) -> None:
    answer(upstream, NEWEST, 404)
    done = command("check", "--upstream", "--sample", 50, "--index", known.folder)
    assert done.returncode == 0
    assert f"nginx: {NEWEST} is missed upstream" in done.stdout
    assert "10 builds asked for, 0 gone" in done.stdout
