"""A version that was wrong or unknown is put right at the next refresh; nothing that was ever given is taken away."""

import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from generator.check import Revision, check
from generator.record.index import Settings
from tests.command import command as run
from tests.generator.conftest import Index
from tests.upstream import Answer, Build, ExampleUpstream, Fault, Package

MADE = datetime(2026, 1, 1, tzinfo=UTC)
UNIQUE = "1.0-r0-202601010000"
ONE = '[images.demo]\nsince = "always"\ntracks = ["latest"]\n'


def demo(*packages: str, hour: int = 0) -> Build:
    """An image `demo` with packages of these names, and versions of their own."""
    made = MADE.replace(hour=hour)
    of = {"demo": "1.0-r0", "engine": "2.0-r0"}
    return Build("demo", "1.0-r0", made, tuple(Package(name, of.get(name, "9-r0")) for name in packages))


@pytest.fixture
def index(upstream: ExampleUpstream, tmp_path: Path) -> Index:
    """One build, recorded as demo 1.0-r0."""
    upstream.push(demo("demo", "engine"), "latest")
    made = Index(upstream, tmp_path / "index", ONE)
    made.refresh()
    assert made.versions("demo") == ["1.0-r0"]
    return made


def commit(index: Index) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=index.folder, check=True, capture_output=True)


def problems(index: Index, against: str | None = None) -> list[str]:
    revision = Revision(index.folder, against) if against else None
    return [f"{each.file}: {each.what}" for each in check(index.folder, revision) if not each.is_note]


def test_a_known_version_is_put_right_when_images_toml_names_another_package(index: Index) -> None:
    digest = index.tags("demo")["1.0"]
    index.images += 'package = "engine"\n'
    outcome = index.refresh()["demo"]
    assert [(old.version, new.version) for old, new in outcome.corrected] == [("1.0-r0", "2.0-r0")]
    image = index.image("demo")
    assert image.tags == dict.fromkeys(("2.0-r0-202601010000", "2.0-r0", "2.0", "2"), digest)
    assert {tag: (each.digest, each.reason) for tag, each in image.retracted.items()} == {
        UNIQUE: (digest, "its build is of 2.0-r0, not of 1.0-r0")
    }


def test_what_is_recorded_suffices_without_asking_for_the_build(index: Index, upstream: ExampleUpstream) -> None:
    index.images += 'package = "engine"\n'
    upstream.requests.clear()
    index.refresh()
    assert {request.method for request in upstream.requests if "/manifests/" in request.target} == {"HEAD"}


def test_a_second_refresh_after_a_correction_changes_no_byte(index: Index) -> None:
    index.images += 'package = "engine"\n'
    index.refresh()
    before = index.content()
    assert index.refresh()["demo"].corrected == []
    assert index.content() == before


def test_a_correction_that_is_taken_back_gives_the_retracted_tag_back(index: Index) -> None:
    before, plain = index.image("demo"), index.images
    index.images += 'package = "engine"\n'
    index.refresh()
    index.images = plain
    index.refresh()
    assert index.image("demo").tags == before.tags
    assert index.image("demo").retracted.keys() == {"2.0-r0-202601010000"}


def test_a_retracted_tag_is_given_to_no_other_build(index: Index, upstream: ExampleUpstream) -> None:
    digest = index.tags("demo")["1.0"]
    index.images += 'package = "engine"\n'
    index.refresh()
    upstream.push(
        Build("demo", "1.0-r0", MADE, (Package("engine", "1.0-r0"),)), "latest", at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    index.refresh()
    image = index.image("demo")
    assert image.retracted[UNIQUE].digest == digest
    assert UNIQUE not in image.tags
    assert "1.0-r0-20260101000000" in image.tags


def test_a_package_that_no_build_has_leaves_the_version_unknown_and_says_so(index: Index) -> None:
    index.images += 'package = "nothing"\n'
    index.refresh()
    (build,) = index.image("demo").builds
    assert build.version is None
    assert build.unknown
    assert index.tags("demo").keys() == {"latest-202601010000"}
    assert index.image("demo").retracted[UNIQUE].reason == "its build is of unknown version, not of 1.0-r0"


def test_an_unknown_version_becomes_known_and_its_tag_stays(upstream: ExampleUpstream, tmp_path: Path) -> None:
    digest = upstream.push(demo("engine", "other"), "latest")
    index = Index(upstream, tmp_path, ONE)
    index.refresh()
    assert index.tags("demo") == {"latest-202601010000": digest}
    index.images += 'package = "engine"\n'
    index.refresh()
    assert {"latest-202601010000", "2.0-r0-202601010000", "2.0"} <= index.tags("demo").keys()
    assert index.image("demo").retracted == {}


def test_a_newer_program_derives_unknown_versions_again_and_known_ones_not(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what a release changes, only what was unknown is put right: a known version moves where somebody says so."""
    before = index.content()
    monkeypatch.setattr("generator.refresh.correct.learn_again", lambda build, packages, image: None)
    monkeypatch.setattr("generator.record.stamps.program", lambda: "another")
    index.refresh()
    assert index.content() == before


@pytest.mark.parametrize("how", ["frozen", "failed", "not asked for"])
def test_an_image_that_is_not_refreshed_is_put_right_all_the_same(
    index: Index, upstream: ExampleUpstream, how: str
) -> None:
    asked: Iterable[str] = ()
    index.images += 'package = "engine"\n'
    if how == "frozen":
        index.images += "frozen = true\n"
    elif how == "failed":
        upstream.inject(Fault(Answer(500), times=None))
    else:
        index.images += "[images.python]\n"
        asked = ["python"]
    outcomes = list(index.run(asked))
    assert index.versions("demo") == ["2.0-r0"]
    assert [each.image.name for each in outcomes if each.corrected] == ["demo"]
    assert problems(index) == []


def test_what_decided_is_recorded_and_left_out_where_nothing_did(index: Index) -> None:
    assert b"settings" not in index.content()["demo/index.json"]
    index.images += 'package = "engine"\n'
    index.refresh()
    assert index.image("demo").settings == Settings(package="engine")


def test_check_accepts_a_correction_and_nothing_else(index: Index) -> None:
    commit(index)
    index.images += 'package = "engine"\n'
    index.refresh()
    assert problems(index, "HEAD") == []
    file = index.folder / "demo" / "index.json"
    right = file.read_text()
    file.write_text(right.replace("2.0-r0", "3.0-r0"))
    assert any("3.0-r0" in each for each in problems(index, "HEAD"))
    file.write_text(right.replace(f'"{UNIQUE}"', '"1.0-r0-202601010001"'))
    assert any(f"tags.{UNIQUE} was" in each for each in problems(index, "HEAD"))


def test_check_does_not_take_a_version_for_corrected_that_images_toml_does_not_account_for(index: Index) -> None:
    commit(index)
    index.images += 'package = "engine"\n'
    index.refresh()
    index.images = ONE
    index.write_images()
    assert any("settings are others than before" in each for each in problems(index, "HEAD"))


def test_a_correction_is_told_by_refresh_the_page_and_the_commit(index: Index) -> None:
    commit(index)
    index.images += 'package = "engine"\n'
    index.write_images()
    said = run("refresh", "--index", index.folder).stdout
    assert "demo: 1 build of 1.0-r0: corrected to 2.0-r0" in said
    assert "1 version corrected" in said
    page = (index.folder / "demo" / "README.md").read_text()
    assert f"| `{UNIQUE}` |" in page
    assert "its build is of 2" in page
    assert run("publish", "--no-push", "--index", index.folder).returncode == 0
    message = subprocess.check_output(["git", "log", "-1", "--format=%B"], cwd=index.folder, text=True)
    assert message == "1 correction\n\ndemo: 1 build of 1.0-r0 corrected to 2.0-r0\n\n"


def test_many_builds_of_one_reason_are_one_line(upstream: ExampleUpstream, tmp_path: Path) -> None:
    for hour in range(3):
        upstream.push(demo("engine", "other", hour=hour), "latest", at=MADE.replace(hour=hour))
    notes = Index(upstream, tmp_path, ONE).refresh()["demo"].notes
    assert len(notes) == 1
    assert notes[0].startswith(
        "3 builds: version unknown: no installed package fits the image's name 'demo'; candidates: "
    )
    assert notes[0].endswith('settle it with package = "..."')


def test_a_clock_that_is_ahead_hides_no_build_that_comes_later(upstream: ExampleUpstream, tmp_path: Path) -> None:
    """Neither does a history from the future: what is seen is never later than now."""
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    upstream.push(demo("demo"), "latest", at=ahead)
    index = Index(upstream, tmp_path, ONE)
    index.refresh()
    (first,) = index.builds("demo")
    assert first.seen <= datetime.now(UTC)
    for hour in (1, 2):
        upstream.push(demo("demo", hour=hour), "latest", at=datetime.now(UTC))
    index.refresh()
    assert len(index.builds("demo")) == 3
