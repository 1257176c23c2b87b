"""Tracks, tags and the catalogue, as rules over whatever is known."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from generator.errors import BrokenIndexError
from generator.record.index import Catalogue, Gone, Retracted, Settings, Summary, Track, encode, utc
from generator.record.merge import (
    derived_again,
    main_package_name,
    merge_tracks,
    newest_release,
    summarize,
)
from generator.record.tags import moment, moves, pull_tag, tag, unique_tags
from tests.generator.record.made import NOW, image, index_of
from tests.query.made import build
from tests.query.made import digest as digest_of

TRACKS = ("latest", "latest-dev", "edge")
digests = st.sampled_from([digest_of(number) for number in range(4)])


@given(
    st.dictionaries(st.sampled_from(TRACKS), digests),
    st.dictionaries(st.sampled_from(TRACKS), digests),
    st.sets(st.tuples(st.sampled_from(TRACKS), digests)),
    st.sets(st.sampled_from(TRACKS)),
)
def test_a_track_points_at_a_build_that_is_recorded_and_is_complete_only_where_it_follows_its_head(
    known: dict[str, str], heads: dict[str, str], recorded: set[tuple[str, str]], complete: Iterable[str]
) -> None:
    before = {track: Track(digest=digest, since=NOW) for track, digest in known.items()}
    since = dict.fromkeys(complete, NOW - timedelta(days=1))
    builds = [replace(build("1-r0", "2026-01-01", track=track), digest=digest) for track, digest in recorded]
    tracks = merge_tracks(before, heads, since, builds)
    for track in TRACKS:
        if (track, heads.get(track, "")) in recorded:
            assert tracks[track] == Track(digest=heads[track], since=since.get(track))
        elif track in heads and track in known:
            assert tracks[track] == Track(digest=known[track], since=None), "a build is missing"
        else:
            assert tracks.get(track) == before.get(track)


def test_the_newest_release_is_of_the_first_track_that_has_one_and_there_where_any_is() -> None:
    old, new = build("1-r0", "2026-01-01"), build("2-r0", "2026-01-02")
    edge, unknown = build("3-r0", "2026-01-03", track="edge"), build(None, "2026-01-04")
    builds = (old, new, edge, unknown)
    for watched, expected in ((["latest"], new), (["none", "edge", "latest"], edge), (["none"], edge), ([], edge)):
        assert newest_release(builds, watched) == expected
    gone = [replace(each, gone=NOW) for each in (old, new)]
    assert newest_release([old, gone[1]], ["latest"]) == old
    assert newest_release([*gone, edge], ["latest"]) == edge
    assert newest_release(gone, ["latest"]) == gone[1]
    assert newest_release([unknown], ["latest"]) is None
    assert main_package_name([unknown], []) is None
    assert main_package_name(builds, ["latest"]) == "demo"
    with pytest.raises(BrokenIndexError, match=re.escape(new.digest)):
        main_package_name([replace(new, purl="nothing")], [])


def test_the_catalogue_says_of_an_image_what_its_index_says() -> None:
    gone = replace(build("3-r0", "2026-01-03"), gone=NOW)
    index = index_of(build("1-r0", "2026-01-01"), build("2-r0", "2026-01-02"), gone)
    assert summarize(index, image(frozen=True, private=True)) == Summary(
        repository="example.com/demo",
        refreshed=True,
        frozen=True,
        private=True,
        package="demo",
        version="2-r0",
        digest=index.builds[1].digest,
        tag="2",
        created=index.builds[1].created,
        builds=3,
        tags=len(index.tags),
    )
    never = summarize(None, image(private=True))
    assert never == Summary(repository="example.com/demo", refreshed=False, frozen=False, private=True)
    assert b"private" not in encode(Catalogue(images={"demo": summarize(None, image())}, upstream="x"))
    unknown = summarize(index_of(build(None, "2026-01-01")), image())
    assert (unknown.version, unknown.tag, unknown.digest, unknown.created, unknown.builds) == (None,) * 4 + (1,)


def test_a_build_is_pulled_by_its_version_or_else_by_what_is_its_own() -> None:
    made = build("1.2-r0", "2026-01-01")
    every = index_of(made).tags
    for name in ("1.2", "1.2-r0", "1.2-r0-202601010000"):
        assert pull_tag(every, made) == name
        every = {**every, name: digest_of("another's")}
    assert pull_tag(every, made) is None
    assert pull_tag(every, build(None, "2026-01-01")) is None


@pytest.mark.parametrize("seconds", [0, 59])
def test_a_unique_tag_waits_for_what_may_be_of_its_minute_to_the_second(seconds: int) -> None:
    created, seen = NOW + timedelta(seconds=seconds), NOW + timedelta(minutes=5)
    made = replace(build("1-r0", "2026-03-01"), created=created, seen=seen)
    second = timedelta(seconds=1)
    for at, is_given in ((NOW - second, True), (NOW, False), (seen, False), (seen + second, True)):
        tags = tag([made], {}, ["latest"], awaited=[("latest", at)]).tags
        assert ("1-r0-202603010000" in tags) == is_given


def test_a_minute_begins_with_its_first_fraction_of_a_second() -> None:
    seen = NOW + timedelta(seconds=30, milliseconds=900)
    made = replace(build("1-r0", "2026-03-01"), created=None, seen=seen)
    for at, is_given in (
        (NOW, False),
        (NOW + timedelta(milliseconds=1), False),
        (NOW - timedelta(milliseconds=1), True),
    ):
        tags = tag([made], {}, ["latest"], awaited=[("latest", at)]).tags
        assert ("1-r0-202603010000" in tags) == is_given


def test_a_build_whose_every_unique_tag_is_another_s_is_named() -> None:
    made = build("1-r0", "2026-03-01")
    names = unique_tags(made)[:3]
    result = tag([made], {}, ["latest", *names])
    assert result.warnings == (f"no unique tag for {made.digest}: {names[-1]} is another build's",)
    assert result.tags.keys() == {"1-r0", "1"}
    assert tag([made], {}, ["latest", *names[:2]]).tags[names[2]] == made.digest


def test_a_date_is_credible_up_to_a_day_after_it_was_seen() -> None:
    """Clocks differ, and so do time zones that nobody stated."""
    for ahead, is_credible in ((timedelta(days=1) - timedelta(seconds=1), True), (timedelta(days=1), False)):
        made = replace(build("1-r0", "2026-01-01"), seen=NOW, created=NOW + ahead)
        assert moment(made) == (made.created if is_credible else NOW)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for created in (None, epoch, epoch - timedelta(days=1)):
        assert moment(replace(made, created=created)) == NOW
    assert moment(replace(made, created=epoch + timedelta(seconds=1))) == epoch + timedelta(seconds=1)


def test_what_a_build_did_to_moving_tags_is_told_with_what_they_were_at() -> None:
    builds = [build(version, f"2026-01-0{day}") for day, version in enumerate(("1.0-r0", "1.1-r0", "1.0-r1", None), 1)]
    assert list(moves(reversed(builds))) == [
        (builds[0], [("1.0-r0", None), ("1.0", None), ("1", None)]),
        (builds[1], [("1.1-r0", None), ("1.1", None), ("1", "1.0-r0")]),
        (builds[2], [("1.0-r1", None), ("1.0", "1.0-r0")]),
    ]


def test_a_unique_tag_that_may_not_be_given_yet_is_not_given_by_other_settings_either() -> None:
    known, fresh = build("1-r0", "2026-01-01"), build("2-r0", "2026-01-02")
    edge = build("3-r0", "2026-01-03", track="edge")
    index = index_of(known, tracks={"latest": Track(digest=known.digest, since=None)})
    index = replace(
        index, builds=(known, fresh, edge), tracks={**index.tracks, "edge": Track(digest=edge.digest, since=NOW)}
    )
    again = derived_again(index, image(tracks=("latest", "edge")))
    assert set(unique_tags(known)[:1]) <= again.tags.keys(), "it was given before"
    assert not set(unique_tags(fresh)) & again.tags.keys()
    assert set(unique_tags(edge)[:1]) <= again.tags.keys()
    assert again.tags["2"] == fresh.digest
    gone = derived_again(
        replace(index, builds=(known, replace(fresh, gone=NOW), edge)), image(tracks=("latest", "edge"))
    )
    assert gone.gone == {name: Gone(digest=fresh.digest, since=NOW) for name in ("2", "2-r0")}


def test_other_settings_that_correct_are_recorded_with_what_they_correct() -> None:
    known = build("1-r0", "2026-01-01")
    index = replace(index_of(known), settings=Settings(package="old"), private=True)
    settings = Settings(package="new")
    again = derived_again(index, image(private=False), ((replace(known, version="2-r0"),), settings))
    assert (again.settings, again.private, again.tags["2-r0"]) == (settings, False, known.digest)
    assert again.retracted["1-r0-202601010000"].reason == "its build is of 2-r0, not of 1-r0"
    assert derived_again(index, image(constraint=re.compile("^9"))).tags == {"1-r0-202601010000": known.digest}, (
        "what was given stays"
    )
    assert derived_again(index, image()).settings == Settings(package="old")


def test_a_retracted_tag_stays_so_for_as_long_as_its_build_is_known() -> None:
    known, other = build("1-r0", "2026-01-01"), build("9-r0", "2026-01-09")
    unknown = replace(known, version=None, purl=None)
    once = index_of(unknown, other, before=index_of(known, other))
    tag_ = "1-r0-202601010000"
    assert once.retracted == {
        tag_: Retracted(digest=known.digest, reason="its build is of unknown version, not of 1-r0")
    }
    assert index_of(unknown, other, before=once).retracted == once.retracted
    both = index_of(unknown, replace(other, version="8-r0"), before=index_of(known, other))
    assert both.retracted.keys() == {tag_, "9-r0-202601090000"}
    assert index_of(known, other, before=once).retracted == {}, "it fits again"
    assert index_of(known, other, before=once).tags[tag_] == known.digest
    assert index_of(other, before=once).retracted == {}
    back = index_of(known, before=index_of(unknown))
    assert back.retracted == {}, "what it got before its version was known, it keeps"
    assert back.tags["latest-202601010000"] == known.digest


def test_whether_it_is_private_is_what_images_toml_says_now() -> None:
    index = index_of(build("1-r0", "2026-01-01"))
    assert derived_again(index, image(private=True)).private
    assert not derived_again(replace(index, private=True), image()).private
    assert not index.private


def test_a_retracted_tag_is_given_to_no_other_build_of_its_minute() -> None:
    known = build("1-r0", "2026-01-01")
    wrong = replace(known, version="2-r0")
    later = replace(build("1-r0", "2026-01-01", name="later"), purl=known.purl, seen=NOW)
    index = index_of(wrong, later, before=index_of(wrong, before=index_of(known)))
    assert index.retracted.keys() == {"1-r0-202601010000"}
    assert index.tags["1-r0-20260101000000"] == later.digest
    assert "1-r0-202601010000" not in index.tags


def test_a_tag_that_is_too_long_is_named_by_its_beginning() -> None:
    made = build(f"1.{'2' * 130}-r0", "2026-01-01")
    warnings = tag([made], {}, ["latest"]).warnings
    exact = f"1.{'2' * 130}-r0"
    assert f"tag {exact[:60]}... is left out: {len(exact)} characters, a tag holds 128" in warnings
    assert len(set(warnings)) == len(warnings)


def test_one_moment_is_written_in_one_way_wherever_a_refresh_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert str(utc(NOW.astimezone(timezone(timedelta(hours=-7))))) == str(NOW)
        assert unique_tags(build("1-r0", "2026-03-01"))[0] == "1-r0-202603010000"
    finally:
        monkeypatch.undo()
        time.tzset()
