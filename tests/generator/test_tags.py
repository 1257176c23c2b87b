"""Tags exactly as the table of the design's section 5 says, whatever is refreshed in whatever order."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from generator.record.index import Build, Gone, ImageIndex
from generator.record.merge import image_index, merge_builds
from generator.record.tags import Tagged, tag, unique_tags, version_of

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def digest(text: object) -> str:
    return f"sha256:{hashlib.sha256(str(text).encode()).hexdigest()}"


def build(
    version: str | None,
    created: str | datetime | None = "2026-02-18T17:56:09Z",
    *,
    track: str = "latest",
    seen: datetime | None = None,
    name: object = None,
    type_: str = "apk",
) -> Build:
    made = datetime.fromisoformat(created) if isinstance(created, str) else created
    began = seen or (made or START) + timedelta(minutes=15)
    return Build(
        digest=digest(name or (version, created, track, seen)),
        media_type="application/vnd.oci.image.index.v1+json",
        size=1,
        track=track,
        version=version,
        purl=f"pkg:{type_}/wolfi/demo@1" if version else None,
        created=made,
        seen=began,
        platforms={},
        sbom=None,
    )


def tagged(*builds: Build, published: Mapping[str, str] | None = None, constraint: str | None = None) -> Tagged:
    tracks = {each.track for each in builds}
    return tag(builds, published or {}, tracks, re.compile(constraint) if constraint else None)


def names(*builds: Build, constraint: str | None = None) -> set[str]:
    return set(tagged(*builds, constraint=constraint).tags)


def at(day: int, minute: int = 0) -> str:
    return (START + timedelta(days=day, minutes=minute)).isoformat()


@pytest.mark.parametrize(
    ("track", "tags"),
    [
        ("latest", {"1.27.4-r2-202602181756", "1.27.4-r2", "1.27.4", "1.27", "1"}),
        ("latest-dev", {"1.27.4-r2-dev-202602181756", "1.27.4-r2-dev", "1.27.4-dev", "1.27-dev", "1-dev"}),
        ("edge", {"1.27.4-r2-edge-202602181756", "1.27.4-r2-edge", "1.27.4-edge", "1.27-edge", "1-edge"}),
    ],
)
def test_the_tags_of_a_build(track: str, tags: set[str]) -> None:
    only = build("1.27.4-r2", track=track)
    assert tagged(only).tags == dict.fromkeys(tags, only.digest)


def test_lines_follow_the_version_and_exact_versions_the_date() -> None:
    old, new = build("1.9.9-r0", at(1)), build("1.10.0-r0", at(2))
    again = build("1.9.9-r0", at(3))
    tags = tagged(old, new, again).tags
    assert tags["1.9.9-r0"] == tags["1.9.9"] == tags["1.9"] == again.digest
    assert tags["1.10.0-r0"] == tags["1.10"] == tags["1"] == new.digest
    assert tags["1.9.9-r0-202601020000"] == old.digest


def test_a_revision_is_higher_whatever_its_date() -> None:
    higher, later = build("1.0.0-r10", at(1)), build("1.0.0-r9", at(2))
    assert tagged(higher, later).tags["1.0.0"] == higher.digest


def test_of_builds_made_at_once_the_one_seen_last_is_the_newest() -> None:
    first = build("1.0-r0", at(1), seen=START + timedelta(days=2), name="z")
    second = build("1.0-r0", at(1), seen=START + timedelta(days=3), name="a")
    assert tagged(second, first).tags["1.0-r0"] == second.digest


@pytest.mark.parametrize("version", ["1.28.0_rc1-r0", "1.28.0_alpha-r0", "1.28.0_beta2-r0", "1.28.0_pre20260101-r0"])
def test_a_pre_release_moves_no_line(version: str) -> None:
    release, pre = build("1.27.0-r0", at(1)), build(version, at(2))
    tags = tagged(release, pre).tags
    assert tags["1"] == release.digest
    assert "1.28" not in tags
    assert tags[version] == tags[version.removesuffix("-r0")] == pre.digest


def test_a_patch_after_the_release_is_in_its_line() -> None:
    release, patched = build("9.9-r0", at(1)), build("9.9_p1-r0", at(2))
    tags = tagged(release, patched).tags
    assert tags["9.9"] == tags["9"] == tags["9.9_p1"] == patched.digest


@pytest.mark.parametrize(
    ("type_", "version", "tags"),
    [
        ("deb", "1:2.39.5-0+deb12u1", {"1_2.39.5-0_deb12u1", "2.39.5", "2.39", "2"}),
        ("rpm", "2:1.0^git1-1.fc40", {"2_1.0_git1-1.fc40", "1.0_git1", "1.0", "1"}),
        ("deb", "2.40~rc1-1", {"2.40_rc1-1", "2.40_rc1"}),
    ],
)
def test_epochs_and_what_a_tag_cannot_hold_are_mapped(type_: str, version: str, tags: set[str]) -> None:
    exact = next(iter(sorted(tags, key=len, reverse=True)))
    only = build(version, type_=type_)
    assert tagged(only).tags.keys() == tags | {f"{exact}-202602181756"}


def test_versions_that_map_to_one_tag_give_it_to_the_higher() -> None:
    lower, higher = build("1.0~a-1", at(1), type_="deb"), build("1.0+a-1", at(2), type_="deb")
    tags = tagged(lower, higher).tags
    assert tags["1.0_a-1"] == higher.digest
    assert tags["1.0_a-1-202601020000"] == lower.digest


def test_a_tag_that_is_too_long_is_left_out_with_a_warning() -> None:
    version = f"1.2.3+{'a' * 110}-1"
    result = tagged(build(version, type_="deb"))
    assert result.tags.keys() == {f"1.2.3_{'a' * 110}-1", f"1.2.3_{'a' * 110}", "1.2.3", "1.2", "1"}
    assert len(result.warnings) == 1
    assert "is left out: 131 characters, a tag holds 128" in result.warnings[0]
    assert result.warnings[0].isascii()


def test_what_the_upstream_calls_its_tracks_stays_its_own() -> None:
    on_track = build("1.0-r0", track="1")
    assert "1-1" in names(on_track)
    beside = build("1.0-r0")
    assert "1" not in tag([beside], {}, ["latest", "1"]).tags


def test_a_version_that_does_not_meet_the_constraint_has_no_tags() -> None:
    low, high = build("1.27.4-r2", at(1)), build("2.0.0-r0", at(2))
    assert names(low, high, constraint=r"^1\.2") == names(low)


@pytest.mark.parametrize("constraint", [r"\.27", r"r2$", r"^1\.27", r"7\.4"])
def test_a_constraint_is_met_wherever_in_the_version_it_is_found(constraint: str) -> None:
    met, other = build("1.27.4-r2", at(1)), build("1.28.0-r0", at(2))
    tags = tagged(met, other, constraint=constraint).tags
    assert set(tags.values()) == {met.digest}
    assert {"1.27.4-r2", "1.27.4-r2-202601020000", "1.27", "1"} <= tags.keys()


@pytest.mark.parametrize("order", [1, -1])
def test_of_one_name_for_an_exact_version_and_for_a_line_the_exact_version_has_it(order: int) -> None:
    """A package may have no revision: then the line `1.27` is written as the version `1.27` is."""
    exact, newer = build("1.27", at(1)), build("1.27.4-r2", at(2))
    tags = tagged(*[exact, newer][::order]).tags
    assert tags["1.27"] == exact.digest
    assert (tags["1"], tags["1.27.4"]) == (newer.digest, newer.digest)


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_rebuild_is_the_one_made_last_whenever_each_was_seen(order: int) -> None:
    older = build("1.27.4-r2", at(1), seen=START + timedelta(days=9))
    newer = build("1.27.4-r2", at(2), seen=START + timedelta(days=3))
    tags = tagged(*[older, newer][::order]).tags
    assert {tags[name] for name in ("1.27.4-r2", "1.27.4", "1.27", "1")} == {newer.digest}


@pytest.mark.parametrize("created", ["2026-02-18T22:56:09+05:00", "2026-02-18T09:26:09-08:30", "2026-02-18T17:56:09Z"])
def test_the_minute_of_a_unique_tag_is_of_utc(created: str) -> None:
    assert "1.27.4-r2-202602181756" in names(build("1.27.4-r2", created))
    assert "latest-202602181756" in names(build(None, created))


def test_a_unique_tag_is_never_the_name_of_a_track() -> None:
    unknown = build(None)
    of_track = tag([unknown], {}, {"latest", "latest-202602181756"}).tags
    assert of_track == {"latest-20260218175609": unknown.digest}


def test_a_constraint_of_later_leaves_unique_tags_where_they_are() -> None:
    low, high = build("1.27.4-r2", at(1)), build("2.0.0-r0", at(2))
    before = tagged(low, high).tags
    after = tagged(low, high, published=before, constraint="^1").tags
    assert after.keys() - names(low) == {"2.0.0-r0-202601030000"}


@pytest.mark.parametrize("track", ["latest", "latest-dev", "edge"])
def test_a_build_of_unknown_version_has_the_tag_of_its_track_and_minute(track: str) -> None:
    assert names(build(None, track=track)) == {f"{track}-202602181756"}
    assert names(build(None, track=track), constraint="^9") == {f"{track}-202602181756"}


def test_the_tag_of_an_unknown_version_stays_when_that_becomes_known() -> None:
    unknown, known = build(None, name="x"), build("1.0-r0", name="x")
    before = tagged(unknown).tags
    assert tagged(known, published=before).tags == before | tagged(known).tags
    assert "latest-202602181756" not in names(known)


def test_builds_of_one_minute_and_unknown_version_are_told_apart() -> None:
    builds = [build(None, at(0), seen=START + number * MINUTE, name=number) for number in range(4)]
    tags = tagged(*builds).tags
    assert tags == {
        "latest-202601010000": builds[0].digest,
        "latest-20260101000000": builds[1].digest,
        f"latest-20260101000000-{builds[2].digest[7:19]}": builds[2].digest,
        f"latest-20260101000000-{builds[3].digest[7:19]}": builds[3].digest,
    }


@pytest.mark.parametrize("created", [None, "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_build_that_hides_its_date_has_the_one_at_which_it_was_seen(created: str | None) -> None:
    assert "1.0-r0-202601020304" in names(build("1.0-r0", created, seen=datetime(2026, 1, 2, 3, 4, 59, tzinfo=UTC)))


def test_builds_of_one_minute_are_told_apart_by_their_seconds() -> None:
    first = build("1.0-r0", "2026-01-01T00:00:59Z", seen=START + MINUTE)
    second = build("1.0-r0", "2026-01-01T00:00:01Z", seen=START + 2 * MINUTE)
    tags = tagged(second, first).tags
    assert tags["1.0-r0-202601010000"] == first.digest
    assert tags["1.0-r0-20260101000001"] == second.digest


def test_builds_of_one_second_are_told_apart_by_their_digests() -> None:
    builds = [build("1.0-r0", at(0), seen=START + number * MINUTE) for number in (1, 2, 3, 4)]
    result = tagged(*builds)
    assert {name for name in result.tags if name.startswith("1.0-r0-")} == {
        "1.0-r0-202601010000",
        "1.0-r0-20260101000000",
        f"1.0-r0-20260101000000-{builds[2].digest[7:19]}",
        f"1.0-r0-20260101000000-{builds[3].digest[7:19]}",
    }
    assert result.warnings == ()


def test_no_build_was_made_after_it_was_seen() -> None:
    """A date in the future is not taken at its word: such a build would be the newest for ever."""
    ahead = build("1.0-r0", "9999-12-31T23:00:00Z", seen=START)
    after = build("1.0-r0", at(1), seen=START + timedelta(days=1))
    tags = tagged(ahead, after).tags
    assert tags["1.0-r0-202601010000"] == ahead.digest
    assert tags["1.0"] == after.digest


GONE = datetime(2026, 3, 1, tzinfo=UTC)


def is_gone(build: Build) -> Build:
    return replace(build, gone=GONE)


def test_moving_tags_point_at_the_newest_build_that_is_there() -> None:
    low, high = build("1.0.0-r0", at(0)), build("1.0.1-r0", at(1))
    result = tagged(low, is_gone(high))
    assert [result.tags[name] for name in ("1", "1.0", "1.0.0")] == [low.digest] * 3
    of_high = {"1.0.1", "1.0.1-r0", "1.0.1-r0-202601020000"}
    assert result.gone == dict.fromkeys(of_high, Gone(digest=high.digest, since=GONE))
    assert not of_high & result.tags.keys()


def test_a_rebuild_that_is_gone_leaves_the_version_to_the_build_before_it() -> None:
    first, again = build("1.0-r0", at(0)), build("1.0-r0", at(1))
    result = tagged(first, is_gone(again))
    assert result.tags["1.0-r0"] == first.digest
    assert result.gone.keys() == {"1.0-r0-202601020000"}


def test_a_build_that_comes_back_has_the_tags_that_it_had() -> None:
    builds = [build("1.0-r0", at(0)), build("1.0-r0", at(0), name="of the same minute")]
    before = tagged(*builds)
    assert tagged(*map(is_gone, builds), published=before.tags).gone.keys() == before.tags.keys()
    assert tagged(*builds, published=before.tags) == before


def test_builds_of_one_minute_with_other_versions_or_tracks_do_not_collide() -> None:
    builds = [build("1.0-r0"), build("1.1-r0"), build("1.0-r0", track="latest-dev")]
    assert len([name for name in names(*builds) if name.endswith("-202602181756")]) == 3


def test_one_digest_on_two_tracks_has_the_tags_of_both() -> None:
    one, other = build("1.0-r0", name="same"), build("1.0-r0", track="latest-dev", name="same")
    assert {"1.0", "1.0-dev", "1.0-r0-202602181756", "1.0-r0-dev-202602181756"} <= names(one, other)


def test_a_unique_tag_is_withheld_while_an_earlier_build_may_be_of_its_minute() -> None:
    later = build("1.0-r0", "2026-01-01T00:00:40Z", seen=START + 5 * MINUTE)
    in_between = [("latest", START + MINUTE)]
    assert tag([later], {}, ["latest"], awaited=in_between).tags.keys() == {"1.0-r0", "1.0", "1"}
    before = [("latest", START - MINUTE), ("latest", START + 6 * MINUTE), ("latest-dev", START + MINUTE)]
    assert "1.0-r0-202601010000" in tag([later], {}, ["latest"], awaited=before).tags


# Whatever happens upstream, and however often anybody looks.

VERSIONS = ["1.0.0-r0", "1.0.0-r1", "1.1.0_rc1-r0", "1.1.0-r0", None]
moves = st.lists(
    st.tuples(
        st.sampled_from(["latest", "edge"]),
        st.integers(min_value=0, max_value=60),
        st.sampled_from(VERSIONS),
        st.integers(min_value=0, max_value=8),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def history(moves: Iterable[tuple[str, int, str | None, int, bool]]) -> list[Build]:
    """Builds in the order in which they were first seen, many of them in one minute; some moves roll back."""
    builds: dict[tuple[str, str], Build] = {}
    for number, (track, ago, version, choice, is_rollback) in enumerate(moves):
        seen = START + number * timedelta(seconds=10)
        earlier = [each for each in builds.values() if each.track == track]
        if is_rollback and earlier:
            # The same digest once more: what was recorded of it stays.
            made = earlier[choice % len(earlier)]
        else:
            made = build(version, seen - timedelta(seconds=ago), track=track, seen=seen, name=number)
        builds.setdefault((made.track, made.digest), made)
    return list(builds.values())


histories = moves.map(history)


def unique(builds: Iterable[Build], tags: Mapping[str, str]) -> dict[str, str]:
    return {name: each.digest for each in builds for name in unique_tags(each) if tags.get(name) == each.digest}


@settings(max_examples=300)
@given(histories, st.data())
def test_refreshed_at_once_or_in_any_steps_the_tags_are_the_same(builds: list[Build], data: st.DataObject) -> None:
    """Each step has seen the upstream up to some time, and may be cut short having learned any part of that."""
    tracks = {each.track for each in builds}
    at_once = tag(merge_builds((), builds), {}, tracks).tags
    known: tuple[Build, ...] = ()
    published: dict[str, str] = {}
    horizons = sorted(data.draw(st.lists(st.integers(min_value=1, max_value=len(builds)), max_size=5)))
    for horizon in horizons:
        sighted = builds[:horizon]
        learned = data.draw(st.lists(st.sampled_from(sighted), max_size=8))
        known = merge_builds(known, learned)
        awaited = [(each.track, each.seen) for each in sighted if each not in known]
        published = tag(known, published, tracks, awaited=awaited).tags
    published = tag(merge_builds(known, builds), published, tracks).tags
    assert published == at_once


@given(histories, st.data())
def test_a_unique_tag_never_moves_whatever_is_learned_in_whatever_order(
    builds: list[Build], data: st.DataObject
) -> None:
    tracks = {each.track for each in builds}
    order = data.draw(st.permutations(builds))
    known: tuple[Build, ...] = ()
    published: dict[str, str] = {}
    settled: dict[str, str] = {}
    for each in order:
        known = merge_builds(known, [each])
        published = tag(known, published, tracks).tags
        assert settled.items() <= unique(known, published).items()
        settled = unique(known, published)


@given(histories, st.data())
def test_the_same_builds_give_the_same_tags_in_whatever_order_they_came(
    builds: list[Build], data: st.DataObject
) -> None:
    tracks = {each.track for each in builds}
    order = data.draw(st.permutations(builds))
    merged = merge_builds((), [*order, *order])
    assert merged == merge_builds(merge_builds((), builds), builds)
    assert tag(order, {}, tracks) == tag(builds, {}, tracks) == tag(merged, {}, tracks)


@given(histories)
def test_moving_tags_follow_the_version_order(builds: list[Build]) -> None:
    tracks = {each.track for each in builds}
    tags = tag(builds, {}, tracks).tags
    by_digest = {each.digest: each for each in builds}
    settled = unique(builds, tags)
    for name, digest_ in tags.items():
        assert name not in settled or settled[name] == digest_
        version = version_of(by_digest[digest_])
        assert version or name in settled
        if version and name == "1":
            others = [version_of(each) for each in builds if each.track == "latest"]
            assert all(not other or other.is_prerelease or other.text[0] != "1" or other <= version for other in others)


def test_what_was_recorded_of_a_build_stays_and_only_the_unknown_is_filled_in() -> None:
    known = build("1.0-r0", name="x")
    other = build("9.9-r9", at(9), name="x")
    assert merge_builds([known], [other]) == (known,)
    unknown = build(None, name="x")
    assert merge_builds([unknown], [other]) == (other,)
    assert merge_builds([unknown], [build(None, at(9), name="x")]) == (unknown,)


@given(histories, st.data())
def test_a_unique_tag_never_moves_whatever_is_corrected_or_gone_meanwhile(
    builds: list[Build], data: st.DataObject
) -> None:
    """It is in one of tags, retracted and gone, at the digest at which it ever was; and done again nothing changes."""
    tracks = {each.track for each in builds}
    before: ImageIndex | None = None
    changes = st.tuples(st.integers(0, len(builds) - 1), st.sampled_from(VERSIONS), st.booleans())
    for place, version, is_away in data.draw(st.lists(changes, min_size=1, max_size=6)):
        purl = "pkg:apk/wolfi/demo@1" if version else None
        builds[place] = replace(builds[place], version=version, purl=purl, gone=GONE if is_away else None)
        now = recorded(builds, tracks, before)
        if before:
            given_ = {name for each in before.builds for name in unique_tags(each)} & before.digests.keys()
            assert {name: before.digests[name] for name in given_}.items() <= now.digests.items()
            assert before.retracted.keys() <= now.digests.keys()
        assert recorded(builds, tracks, now) == now
        assert not now.tags.keys() & now.retracted.keys()
        assert not {each.digest for each in builds if each.gone} & set(now.tags.values())
        before = now


def recorded(builds: Iterable[Build], tracks: Iterable[str], before: ImageIndex | None) -> ImageIndex:
    ordered = merge_builds((), builds)
    index, _ = image_index(
        name="demo",
        repository="example.com/demo",
        auth=None,
        tracks={},
        watched=tuple(tracks),
        builds=ordered,
        before=before,
        constraint=None,
    )
    return index
