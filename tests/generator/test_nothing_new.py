"""Where nothing is new, a refresh reads next to nothing; where anything else has changed, it still notices."""

from pathlib import Path

import pytest

from generator.check import check
from tests.generator.conftest import Index
from tests.upstream import Answer, ExampleUpstream, Fault
from tests.upstream.images import nginx as build

NEW = build("1.29.2-r0", "2026-02-20T10:00:05Z", ssl="3.5.2-r0")
PAGE = "nginx/README.md"


@pytest.fixture
def known(nginx: Index) -> Index:
    """nginx after its first refresh."""
    nginx.refresh()
    return nginx


def generated(index: Index) -> list[Path]:
    return sorted(path for path in index.folder.rglob("*.*") if path.suffix in {".json", ".md"})


def test_no_file_is_touched(known: Index) -> None:
    before = [(path, path.read_bytes(), path.stat().st_mtime_ns) for path in generated(known)]
    known.refresh()
    assert [(path, path.read_bytes(), path.stat().st_mtime_ns) for path in generated(known)] == before


def test_packages_are_not_read(known: Index) -> None:
    (known.folder / "nginx" / "packages.json").write_text("no JSON")
    assert known.refresh()["nginx"].errors == []


def test_builds_are_not_read(known: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.record.store.Store.image", None)
    assert known.refresh()["nginx"].errors == []


def test_another_program_makes_tags_and_pages_anew(known: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    before = known.content()
    (known.folder / PAGE).write_text("as an older template made it")
    known.refresh()
    assert known.content()[PAGE] == b"as an older template made it"
    monkeypatch.setattr("generator.record.stamps.program", lambda: "another")
    known.refresh()
    assert known.content() == before


@pytest.mark.parametrize("file", [PAGE, "README.md", "index.json", "schema.json", "refreshed.json"])
@pytest.mark.parametrize("how", ["gone", "broken"])
def test_what_is_gone_or_broken_is_made_again(known: Index, file: str, how: str) -> None:
    before = {path: path.read_bytes() for path in generated(known)}
    if how == "gone":
        (known.folder / file).unlink()
    elif file != PAGE:
        (known.folder / file).write_text("{")
    known.refresh()
    assert {path: path.read_bytes() for path in generated(known)} == before


def test_a_record_that_was_taken_back_in_git_has_its_pages_taken_back(known: Index) -> None:
    old = known.content()
    known.upstream.push(NEW, "latest")
    known.refresh()
    for file in ("nginx/index.json", "nginx/packages.json"):
        (known.folder / file).write_bytes(old[file])
    known.images += "frozen = true\n"
    known.refresh()
    assert known.content()[PAGE] == old[PAGE]


def test_pages_that_a_refresh_did_not_live_to_write_are_written_by_the_next(
    known: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.upstream.push(NEW, "latest")
    with monkeypatch.context() as patch:
        for publish in "publish", "publish_progress":
            patch.setattr(f"generator.refresh.recorder.Recorder.{publish}", lambda _: None)
        known.refresh()
    assert b"1.29.2" not in known.content()[PAGE]
    known.refresh()
    assert b"1.29.2" in known.content()[PAGE]
    assert b"1.29.2" in known.content()["README.md"]


def test_other_settings_make_other_tags(known: Index) -> None:
    plain, images = known.content(), known.images
    known.images += "constraint = '^1\\.27'\n"
    known.refresh()
    assert "1.29.1" not in known.tags("nginx")
    known.images = images
    known.refresh()
    assert known.content() == plain


def test_settings_of_a_frozen_image_count_without_asking_its_upstream(known: Index, upstream: ExampleUpstream) -> None:
    upstream.requests.clear()
    known.images += "constraint = '^1\\.27'\nfrozen = true\n"
    known.refresh()
    assert "1.29.1" not in known.tags("nginx")
    assert len(upstream.requests) == 0


def test_settings_of_an_image_that_was_not_asked_for_count_at_once(upstream: ExampleUpstream, tmp_path: Path) -> None:
    index = Index(upstream, tmp_path, '[images.python]\n[images.nginx]\nsince = "always"\n')
    index.refresh()
    index.images += "constraint = '^1\\.27'\n"
    index.refresh("python")
    assert "1.29.1" not in index.tags("nginx")
    before = index.content()
    index.refresh()
    assert index.content() == before


def test_settings_of_an_image_whose_upstream_fails_count_all_the_same(known: Index, upstream: ExampleUpstream) -> None:
    """Else `check` would find tags that do not follow from images.toml, and nothing at all would be published."""
    known.images += "constraint = '^1\\.27'\n"
    upstream.inject(Fault(Answer(500), times=None))
    assert known.refresh()["nginx"].errors
    assert "1.29.1" not in known.tags("nginx")
    assert not [finding for finding in check(known.folder) if not finding.is_note]


def test_an_image_whose_record_was_away_for_one_refresh_is_served_again(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    index = Index(upstream, tmp_path / "index", "[images.python]\n[images.nginx]\n")
    index.refresh()
    before = index.content()
    (index.folder / "nginx").rename(tmp_path / "away")
    index.refresh("python")
    (tmp_path / "away").rename(index.folder / "nginx")
    index.refresh()
    assert index.content() == before


def test_a_record_without_its_packages_is_said_and_kept(known: Index) -> None:
    (known.folder / "nginx" / "packages.json").unlink()
    index = (known.folder / "nginx" / "index.json").read_bytes()
    assert "packages.json: is missing" in known.refresh()["nginx"].errors[0]
    assert (known.folder / "nginx" / "index.json").read_bytes() == index


def test_a_frozen_image_is_not_read_either(known: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    known.images += "frozen = true\n"
    known.refresh()
    before = known.content()
    monkeypatch.setattr("generator.record.store.Store.image", None)
    known.refresh()
    assert known.content() == before
