"""A refreshed index becomes a commit that tells what is new, and gets past whoever pushed first."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from generator.publish import News, message
from generator.record.index import Build
from tests.example import ROOT
from tests.upstream import ExampleUpstream

WHO = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *WHO, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "generator", *arguments, "--index", str(folder / "index")]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture
def clone(tmp_path: Path, upstream: ExampleUpstream) -> Path:
    """A clone of a bare repository whose index was never refreshed."""
    bare, clone = tmp_path / "bare.git", tmp_path / "clone"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(tmp_path, "clone", "--quiet", str(bare), str(clone))
    (clone / "index").mkdir()
    images = f'upstream = "{upstream.host}/chainguard"\n[images.nginx]\nsince = "always"\n[images.missing]\n'
    (clone / "index" / "images.toml").write_text(images)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "images.toml")
    git(clone, "push", "--quiet", "--set-upstream", "origin", "HEAD:main")
    return clone


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


def test_what_cannot_be_merged_is_one_line_and_leaves_no_rebase_behind(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(clone, other)
    (other / "index" / "index.json").write_text("somebody's own\n")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message", "somebody's own")
    git(other, "push", "--quiet")
    cli(clone, "refresh")
    done = cli(clone, "publish")
    assert done.returncode == 1
    assert "the next one will do" in done.stderr
    assert not (clone / ".git" / "rebase-merge").exists()


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
        "nginx 1.27.4-r2, python 3.13.1-r3 and 2 rebuilds\n\n"
        f"nginx 1.27.4-r2 on latest: sha256:{'b' * 64}\n"
        f"nginx 1.27.4-r1 on latest: sha256:{'a' * 64}\n"
        f"python of unknown version on latest: sha256:{'d' * 64}\n"
        f"python 3.13.1-r3 on latest: sha256:{'c' * 64}\n"
    )


@pytest.mark.parametrize("version", ["1\n\nSigned-off-by: x", "1\x1b[31m", "1\u202e2", "::error::x"])
def test_hostile_versions_stay_on_their_line(version: str) -> None:
    text = message([News("x", (build(version, "a"),), frozenset())])
    assert len(text.splitlines()) == 3
    assert text.isascii()
    assert "\x1b" not in text
