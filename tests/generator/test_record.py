"""What is recorded: tracks, files and their stamps, as rules over whatever is learned and whatever lies about."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from generator.record.index import Track
from generator.record.merge import merge_tracks
from generator.record.store import Store
from tests.generator.conftest import Index
from tests.query.made import build
from tests.query.made import digest as digest_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
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


OWN = [".index.json.a1b2c3d4", ".README.md.________", ".packages.json.zzzzzzzz", ".feed.md.00000000"]
OTHERS = [
    ".index.json.swp",
    ".index.json.a1b2c3d",
    ".index.json.a1b2c3d4e",
    ".index.json.A1B2C3D4",
    ".index.toml.a1b2c3d4",
    ".my.index.json.a1b2c3d4",
    "..json.a1b2c3d4",
    "index.json.a1b2c3d4",
    ".gitattributes",
    ".env.local.json",
    ".json.json.backup_1.gz",
]
names = st.from_regex(r"\.([a-zA-Z0-9]{0,6}\.)?(json|md|toml|Json)?\.?[a-z0-9_A-Z]{6,10}", fullmatch=True)


@pytest.mark.parametrize("place", ["", "nginx"])
def test_a_refresh_removes_what_one_before_it_left_half_written_and_nothing_else(nginx: Index, place: str) -> None:
    nginx.refresh()
    (nginx.folder / place / ".index.json.folder12").mkdir()
    (nginx.folder / "notes").mkdir()
    for name in (*OWN, *OTHERS):
        (nginx.folder / place / name).write_text("somebody's")
        (nginx.folder / "notes" / name).write_text("somebody's")
    assert nginx.refresh()["nginx"].errors == []
    left = {path.name for path in (nginx.folder / place).iterdir()}
    assert left & {*OWN, *OTHERS} == set(OTHERS)
    assert len(list((nginx.folder / "notes").iterdir())) == len(OWN) + len(OTHERS), "it is no image's folder"


@given(st.sets(names | st.sampled_from(OWN)))
def test_no_name_is_swept_but_one_that_a_write_gives(present: set[str]) -> None:
    with TemporaryDirectory() as folder:
        for name in present:
            (Path(folder) / name).touch()
        Store(Path(folder)).sweep([""])
        kept = {path.name for path in Path(folder).iterdir()}
    assert kept == {name for name in present if not re.fullmatch(r"\.[A-Za-z0-9]+\.(json|md)\.[a-z0-9_]{8}", name)}


def test_a_dry_run_sweeps_nothing(nginx: Index) -> None:
    nginx.refresh()
    (nginx.folder / OWN[0]).touch()
    nginx.refresh(write=False)
    assert (nginx.folder / OWN[0]).exists()
