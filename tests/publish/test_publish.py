"""A refreshed index becomes a commit that tells what is new, and gets past whoever pushed first."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.publish import News, message
from generator.record.index import Build
from tests.publish.repository import cli, git
from tests.upstream import ExampleUpstream


def test_what_succeeded_is_committed_and_a_second_run_commits_nothing(clone: Path) -> None:
    assert cli(clone, "refresh").returncode == 1
    assert cli(clone, "check", "--against", "HEAD").returncode == 0
    done = cli(clone, "publish")
    assert done.stdout == "pushed: nginx 1.29.1-r0, nginx 1.28.0-r0, nginx 1.27.4-r2 and 2 more versions\n"
    assert git(clone, "rev-parse", "HEAD") == git(clone, "rev-parse", "origin/main")
    cli(clone, "refresh")
    assert cli(clone, "publish").stdout.endswith("nothing has changed\n")
    assert git(clone, "rev-list", "--count", "HEAD") == "2"


def test_the_commit_is_put_on_top_of_a_push_in_between(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(tmp_path / "bare.git"), str(other))
    (other / "README.md").write_text("meanwhile\n")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message", "meanwhile")
    git(other, "push", "--quiet")
    cli(clone, "refresh")
    assert cli(clone, "publish").returncode == 0
    assert git(clone, "log", "--format=%s", "origin/main").splitlines()[1:] == ["meanwhile", "images.toml"]
    assert (clone / "README.md").exists()


def test_refreshes_of_different_images_are_merged(clone: Path, tmp_path: Path) -> None:
    (clone / "index" / "images.toml").write_text(
        (clone / "index" / "images.toml").read_text().replace("[images.missing]", "[images.postgres]\n[images.python]")
    )
    cli(clone, "refresh", "postgres")
    assert cli(clone, "publish").returncode == 0
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(tmp_path / "bare.git"), str(other))
    cli(other, "refresh", "python")
    assert cli(other, "publish").returncode == 0
    cli(clone, "refresh", "nginx")
    done = cli(clone, "publish")
    assert done.returncode == 0, done.stderr
    assert git(clone, "rev-parse", "HEAD") == git(clone, "rev-parse", "origin/main")
    cli(clone, "refresh")
    assert cli(clone, "check").returncode == 0
    assert {path.parent.name for path in (clone / "index").glob("*/index.json")} == {"nginx", "postgres", "python"}


def test_a_commit_that_was_made_before_is_pushed(clone: Path) -> None:
    cli(clone, "refresh")
    assert cli(clone, "publish", "--no-push").stdout.startswith("committed: nginx")
    assert cli(clone, "publish").stdout.startswith("pushed: nginx")
    assert git(clone, "rev-parse", "HEAD") == git(clone, "rev-parse", "origin/main")
    assert cli(clone, "publish").stdout.endswith("nothing has changed\n")


def test_a_message_may_be_longer_than_an_argument_of_a_command(clone: Path) -> None:
    cli(clone, "refresh")
    recorded = (clone / "index/nginx/index.json").read_bytes()
    for number in range(500):
        path = clone / f"index/{'team/' * 60}nginx{number}/index.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(recorded)
    assert cli(clone, "publish").returncode == 0
    assert len(git(clone, "log", "-1", "--format=%b")) > 128 * 1024


def test_what_cannot_be_merged_stays_in_the_clone_and_theirs_stands(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(clone, other)
    (other / "index" / "index.json").write_text("somebody's own\n")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message", "somebody's own")
    git(other, "push", "--quiet")
    cli(clone, "refresh")
    done = cli(clone, "publish")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"commit {git(clone, 'rev-parse', '--short', 'HEAD')} stays in this clone only" in done.stderr
    assert git(clone, "log", "--format=%s", "origin/main").splitlines() == ["somebody's own", "images.toml"]
    assert git(clone, "show", "HEAD:index/nginx/index.json")
    assert git(clone, "status", "--porcelain") == ""
    assert not (clone / ".git" / "rebase-merge").exists()


def test_work_under_way_beside_the_index_is_left_alone(clone: Path, tmp_path: Path) -> None:
    (clone / "notes.txt").write_text("a\n")
    git(clone, "add", "notes.txt")
    git(clone, "commit", "--quiet", "--message", "notes")
    git(clone, "push", "--quiet")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "bare.git"), str(tmp_path / "other"))
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "--message", "meanwhile")
    git(tmp_path / "other", "push", "--quiet")
    (clone / "notes.txt").write_text("not done yet\n")
    cli(clone, "refresh")
    assert cli(clone, "publish").returncode == 0
    assert (clone / "notes.txt").read_text() == "not done yet\n"
    assert git(clone, "show", "origin/main:notes.txt") == "a"


def test_what_did_not_change_is_not_read_again(clone: Path) -> None:
    for name in ("index.json", "packages.json"):
        broken = clone / "index" / "broken" / name
        broken.parent.mkdir(exist_ok=True)
        broken.write_text("{")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "broken")
    cli(clone, "refresh")
    assert cli(clone, "publish").stdout.startswith("pushed: nginx 1.29.1-r0, ")


def test_a_repository_without_any_commit_gets_its_first(tmp_path: Path, upstream: ExampleUpstream) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n[images.postgres]\n')
    cli(tmp_path, "refresh")
    done = cli(tmp_path, "publish", "--no-push")
    assert done.stdout.startswith("committed: postgres 17.4-r1")
    assert cli(tmp_path, "publish", "--no-push").stdout.endswith("nothing has changed\n")


def test_a_folder_outside_of_git_and_a_machine_without_git_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index").mkdir()
    done = cli(tmp_path, "publish")
    assert (done.returncode, "cannot be published (not a git repository" in done.stderr) == (2, True)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert cli(tmp_path, "publish").stderr == "reverse-registry: git is not installed, and this needs it\n"


def test_a_leftover_of_a_killed_refresh_is_not_committed(clone: Path) -> None:
    cli(clone, "refresh")
    (clone / "index" / "nginx" / ".index.json.x1").write_text("half")
    cli(clone, "publish")
    assert ".index.json" not in git(clone, "ls-files")


def build(version: str | None, hex_: str) -> Build:
    return Build(
        digest=f"sha256:{hex_ * 64}",
        media_type="application/vnd.oci.image.index.v1+json",
        size=1,
        track="latest",
        version=version,
        purl=version and f"pkg:apk/wolfi/x@{version}",
        created=None,
        seen=datetime(2026, 1, 1, tzinfo=UTC),
        platforms={},
        sbom=None,
    )


def test_the_message_names_new_versions_and_counts_rebuilds() -> None:
    news = [
        News("nginx", (build("1.27.4-r1", "a"), build("1.27.4-r2", "b")), frozenset({"1.27.4-r1"})),
        News("python", (build("3.13.1-r3", "c"), build(None, "d")), frozenset()),
        News("bash", (), frozenset()),
    ]
    assert message(news) == (
        "nginx 1.27.4-r2, python 3.13.1-r3, 1 rebuild and 1 of unknown version\n\n"
        f"nginx 1.27.4-r2 on latest: sha256:{'b' * 64}\n"
        f"nginx 1.27.4-r1 on latest: sha256:{'a' * 64}\n"
        f"python of unknown version on latest: sha256:{'d' * 64}\n"
        f"python 3.13.1-r3 on latest: sha256:{'c' * 64}\n"
    )


def test_many_builds_of_an_image_are_summed_up() -> None:
    builds = [build(f"1.{minor}.0-r0", "a") for minor in range(40)] + [build("1.39.0-r0", "b"), build(None, "c")]
    assert message([News("nginx", tuple(builds), frozenset())]).splitlines()[2:] == [
        "nginx: 42 builds, 40 new versions: 1.39.0-r0, 1.38.0-r0, 1.37.0-r0, 1.36.0-r0, 1.35.0-r0 and 35 more"
    ]
    rebuilt = News("nginx", tuple(builds), frozenset(each.version for each in builds if each.version))
    assert message([rebuilt]) == "41 rebuilds and 1 of unknown version\n\nnginx: 42 builds, 0 new versions\n"


@given(st.text(), st.text(), st.integers(1, 7))
def test_nothing_hostile_gets_into_a_message(name: str, version: str, count: int) -> None:
    text = message([News(name or "x", tuple(build(version, "a") for _ in range(count)), frozenset())])
    assert re.fullmatch(r"[A-Za-z0-9._+~:/^?, \n-]*", text)
    assert len(text.splitlines()[0]) <= 72
    assert text.splitlines()[1] == ""
    assert len(text.splitlines()) == 2 + (count if count <= 5 else 1)


def test_what_does_not_fit_is_counted() -> None:
    versions = [f"1.{minor}.0-r{'0' * 12}" for minor in range(4)]
    news = News("nginx", tuple(build(version, "a") for version in versions), frozenset())
    subject = message([news]).splitlines()[0]
    assert subject == "nginx 1.3.0-r000000000000, nginx 1.2.0-r000000000000 and 2 more versions"
    assert len(message([News("a" * 50, (build("1-r0", "a"), build("2-r0", "b")), frozenset())]).splitlines()[0]) <= 72
