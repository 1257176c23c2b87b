"""Files as they are written, read and swept, and what a refresh remembers of them."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from generator.errors import BrokenIndexError, StorageError
from generator.record.index import Auth, Build, Settings
from generator.record.merge import (
    summarize,
)
from generator.record.recorded import Recorded
from generator.record.stamps import digest, program, source_stamp, stamp
from generator.record.store import Store
from generator.reference import Repository
from tests.generator.conftest import Index
from tests.generator.record.made import image, index_of
from tests.query.made import build
from tests.query.made import digest as digest_of

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


@given(st.sets(names | st.sampled_from(OWN)), st.sampled_from(["", "nginx", "Xray/ten"]))
def test_no_name_is_swept_but_one_that_a_write_gives(present: set[str], place: str) -> None:
    with TemporaryDirectory() as index:
        folder = Path(index, place)
        folder.mkdir(parents=True, exist_ok=True)
        for name in present:
            (folder / name).touch()
        Store(Path(index)).sweep([place])
        kept = {path.name for path in folder.iterdir()}
    assert kept == {name for name in present if not re.fullmatch(r"\.[A-Za-z0-9]+\.(json|md)\.[a-z0-9_]{8}", name)}


def test_a_dry_run_sweeps_nothing(nginx: Index) -> None:
    nginx.refresh()
    (nginx.folder / OWN[0]).touch()
    nginx.refresh(write=False)
    assert (nginx.folder / OWN[0]).exists()


def test_what_a_stamp_is_of_changes_it() -> None:
    first = source_stamp(image(), b"index")
    others = [
        source_stamp(image(), b"other"),
        *(
            source_stamp(image(**{field: value}), b"index")
            for field, value in {
                "repository": Repository.parse("example.com/other"),
                "package": "nginx",
                "version_label": "nginx",
                "tracks": ("latest",),
                "constraint": re.compile("nginx"),
                "frozen": True,
                "private": True,
                "address": "registry.example.com",
            }.items()
        ),
    ]
    assert len({first, *others}) == 1 + len(others)
    assert first == source_stamp(image(since="now", keep=True), b"index"), "what decides on no tag or page"
    summaries = [summarize(None, image()), summarize(None, image(frozen=True))]
    assert len({stamp(source, summary) for source in (first, others[0]) for summary in summaries}) == 4
    assert {len(each) for each in (first, stamp(first, summaries[0]), program())} == {16}
    assert digest(b"") == "e3b0c44298fc1c14"


def test_another_program_is_told_by_its_code_templates_and_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> str:
        program.cache_clear()
        return program()

    for folder in ("package", "record", "refresh", "render/templates", "resolve", "site"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr("generator.record.stamps._PACKAGE", tmp_path)
    try:
        found = [made()]
        for file in ("package/a.py", "record/a.py", "refresh/a.py", "render/templates/a.j2", "resolve/a.py"):
            (tmp_path / file).write_text(file)
            found.append(made())
        monkeypatch.setattr("generator.record.stamps.version", lambda library: f"another {library}")
        found.append(made())
        assert len(set(found)) == len(found)
        for file in ("site/a.py", "record/a.pyc", "record/notes.md"):
            (tmp_path / file).write_text(file)
        assert made() == found[-1]
    finally:
        program.cache_clear()


def test_a_file_is_written_whole_where_a_byte_differs_and_for_others_to_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "index")
    assert store.write("a/b/text.md", "grüße")
    assert not store.write("a/b/text.md", "grüße".encode())
    assert store.write("a/b/text.md", "other")
    path = tmp_path / "index/a/b/text.md"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"other", 0o644)
    assert [each.name for each in path.parent.iterdir()] == ["text.md"]
    assert store.read("a/b/none.json") is None


def test_what_cannot_be_put_in_place_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.write("text.md", "before")

    written: list[Path] = []

    def refuse(self: Path, target: Path) -> None:
        written.append(self)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError) as raised:
        store.write("text.md", "after")
    assert str(raised.value) == f"{tmp_path}/text.md: cannot be written: No space left on device"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"text.md": "before"}
    assert written[0].parent == tmp_path, "on the same disk, so that it is put in place at once or not at all"
    written[0].touch()
    store.sweep([""])
    assert not written[0].exists(), "had it been killed there, the next refresh would have removed it"


def test_what_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write("demo/index.json", "[]")
    with pytest.raises(BrokenIndexError) as raised:
        store.image("demo")
    assert str(raised.value).startswith(
        f"{tmp_path}/demo/index.json: Expected `object`, got `array`; restore it from git"
    )

    def refuse(self: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BrokenIndexError) as raised:
        store.image("demo")
    assert str(raised.value) == f"{tmp_path}/demo/index.json: cannot be read: Input/output error"


def test_one_writes_at_a_time_and_the_next_when_that_is_done(tmp_path: Path) -> None:
    with Store(tmp_path).lock():
        with pytest.raises(StorageError, match="another refresh is at work here"), Store(tmp_path).lock():
            pass
        with pytest.raises(StorageError), Store(tmp_path).lock():
            pass
    with Store(tmp_path).lock():
        pass


@pytest.mark.parametrize(
    ("builds", "has_unresolved"),
    [
        ([build("1-r0", "2026-01-01")], False),
        ([replace(build("1-r0", "2026-01-01"), sbom=None)], False),
        ([replace(build("1-r0", "2026-01-01"), version=None, purl=None)], False),
        ([build(None, "2026-01-01")], True),
        ([build("1-r0", "2026-01-01"), build(None, "2026-01-02")], True),
    ],
)
def test_what_is_recorded_says_without_being_read_whole_whether_a_build_is_unresolved(
    tmp_path: Path, builds: list[Build], has_unresolved: bool
) -> None:
    store, settings = Store(tmp_path), Settings(package="demo")
    assert Recorded.of(store, image()) is None
    index = index_of(*builds, settings=settings, auth=Auth(realm="https://example.com/token", service=None))
    store.write("demo/index.json", index)
    recorded = Recorded.of(store, image())
    assert recorded
    assert recorded.has_unresolved == has_unresolved
    assert (recorded.repository, recorded.auth, recorded.settings) == (index.repository, index.auth, settings)
    assert (recorded.tracks, recorded.index) == (index.tracks, index)
    assert recorded.source_stamp == source_stamp(image(), (tmp_path / "demo/index.json").read_bytes())


def test_a_record_that_goes_or_names_what_it_does_not_have_is_one_line(tmp_path: Path) -> None:
    store = Store(tmp_path)
    index = index_of(build("1-r0", "2026-01-01"))
    store.write("demo/index.json", replace(index, tags={**index.tags, "9": digest_of("nothing")}))
    recorded = Recorded.of(store, image())
    assert recorded
    with pytest.raises(BrokenIndexError, match=f"demo/index.json: {digest_of('nothing')} has a tag but no build"):
        _ = recorded.index
    recorded = Recorded.of(store, image())
    (tmp_path / "demo/index.json").unlink()
    assert recorded
    with pytest.raises(BrokenIndexError, match=r"demo/index\.json: has gone while it was being refreshed"):
        _ = recorded.index
