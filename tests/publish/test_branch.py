"""Whatever keeps a commit from being pushed is one line with its cause and a remedy, and exit 1 until it is pushed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.publish.repository import cli, git


def refuse_with(said: str) -> Callable[[Path], object]:
    def install(clone: Path) -> None:
        hook = clone.parent / "bare.git" / "hooks" / "pre-receive"
        hook.write_text(f"#!/bin/sh\necho '{said}'\nexit 1\n")
        hook.chmod(0o755)

    return install


def without_upstream(clone: Path) -> None:
    git(clone, "branch", "--unset-upstream")


def detached(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "--detach")


def in_conflict(clone: Path) -> None:
    """Somebody else pushed another line where the refresh will write its own."""
    other = clone.parent / "other"
    git(clone.parent, "clone", "--quiet", str(clone.parent / "bare.git"), str(other))
    (other / "index" / "index.json").write_text("somebody's own\n")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message", "somebody's own")
    git(other, "push", "--quiet")


def stopped_in_a(command: str) -> Callable[[Path], object]:
    def stop(clone: Path) -> None:
        git(clone, "checkout", "--quiet", "-b", "theirs")
        for text in ("theirs", "ours"):
            (clone / "notes.txt").write_text(text)
            git(clone, "add", "notes.txt")
            git(clone, "commit", "--quiet", "--message", text)
            if text == "theirs":
                git(clone, "checkout", "--quiet", "main")
        with pytest.raises(subprocess.CalledProcessError):
            git(clone, command, "theirs")

    return stop


CAUSES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a hook": (
        refuse_with("no commits on a Friday"),
        "remote: no commits on a Friday",
        "settle that, then publish again",
    ),
    "a protected branch": (
        refuse_with("error: GH006: Protected branch update failed for refs/heads/main."),
        "GH006: Protected branch update failed",
        "allow who publishes to push to that branch, then publish again",
    ),
    "no permission": (
        refuse_with("Permission to somebody/index.git denied to github-actions[bot]."),
        "Permission to somebody/index.git denied",
        "`permissions: contents: write`",
    ),
    "no upstream": (without_upstream, "branch main has no upstream", "git push --set-upstream origin main"),
    "a detached HEAD": (detached, "on no branch (detached HEAD)", "`git switch` to the branch"),
    "a conflict": (in_conflict, "has pushed changes of the same lines; theirs stand", "git reset --keep @{upstream}"),
    "an unfinished rebase": (stopped_in_a("rebase"), "a rebase was left unfinished", "`git rebase --abort`"),
    "an unfinished merge": (stopped_in_a("merge"), "a merge was left unfinished", "`git merge --abort`"),
    "an unfinished cherry-pick": (stopped_in_a("cherry-pick"), "a cherry-pick was left", "`git cherry-pick --abort`"),
    "a remote that is gone": (
        lambda clone: (clone.parent / "bare.git").rename(clone.parent / "gone.git"),
        "does not appear to be a git repository",
        "then publish again",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_says_what_is_wrong_and_what_to_do_until_it_is_done(clone: Path, cause: str) -> None:
    bring_about, said, remedy = CAUSES[cause]
    bring_about(clone)
    cli(clone, "refresh", "nginx")
    recorded = {path: path.read_bytes() for path in (clone / "index").rglob("*.json")}
    for _ in range(3):
        done = cli(clone, "publish")
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr
        assert remedy in done.stderr
        assert {path: path.read_bytes() for path in recorded} == recorded
        assert cli(clone, "check").returncode == 0


def test_what_cannot_be_pushed_anywhere_is_not_staged_either(clone: Path) -> None:
    without_upstream(clone)
    cli(clone, "refresh", "nginx")
    assert cli(clone, "publish").returncode == 1
    assert git(clone, "diff", "--cached", "--name-only") == ""


def test_once_it_is_settled_the_commit_is_pushed(clone: Path) -> None:
    without_upstream(clone)
    cli(clone, "refresh", "nginx")
    assert cli(clone, "publish", "--no-push").returncode == 0
    assert cli(clone, "publish").returncode == 1
    git(clone, "branch", "--set-upstream-to", "origin/main")
    assert cli(clone, "publish").stdout.startswith("pushed: nginx 1.29.1-r0")
    assert git(clone, "rev-parse", "HEAD") == git(clone, "rev-parse", "origin/main")


def test_the_first_commit_of_an_empty_remote_is_pushed(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "empty.git"))
    git(tmp_path, "clone", "--quiet", str(tmp_path / "empty.git"), str(tmp_path / "fresh"))
    (tmp_path / "fresh" / "index").mkdir()
    (tmp_path / "fresh" / "index" / "images.toml").write_bytes((clone / "index" / "images.toml").read_bytes())
    cli(tmp_path / "fresh", "refresh", "nginx")
    assert cli(tmp_path / "fresh", "publish").returncode == 0
    assert git(tmp_path / "empty.git", "log", "--format=%s", "main").startswith("nginx 1.29.1-r0")


def test_a_branch_may_be_pushed_under_another_name(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "work", "--track", "origin/main")
    cli(clone, "refresh", "nginx")
    assert cli(clone, "publish").returncode == 0
    assert git(clone, "rev-parse", "work") == git(clone, "rev-parse", "origin/main")
