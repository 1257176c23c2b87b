"""What a release may be called: its tag is the version of the package, and `latest` is the highest of all."""

import subprocess
from pathlib import Path

import pytest

from tests.publish.repository import git
from tests.workflows.workflow import workflow

(STEP,) = (step for step in workflow("release.yml")["jobs"]["version"]["steps"] if step.get("name") == "Version")


def release(folder: Path, tag: str, version: str, *others: str) -> tuple[int, dict[str, str], str]:
    """Exit code, outputs and log of the step, in a repository that has the tags."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "pyproject.toml").write_text(f'[project]\nname = "x"\nversion = "{version}"\n')
    git(folder, "add", "pyproject.toml")
    git(folder, "commit", "--quiet", "--message", "x")
    for each in (tag, *others):
        git(folder, "tag", each)
    output = folder / "output"
    output.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEP["run"]],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "GITHUB_REF_NAME": tag, "GITHUB_OUTPUT": str(output)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, dict(line.split("=", 1) for line in output.read_text().splitlines()), done.stdout


@pytest.mark.parametrize(
    ("tag", "others", "is_latest"),
    [
        ("v1.2.3", (), "true"),
        ("v1.10.0", ("v1.9.0", "v1.2.3"), "true"),
        ("v1.9.1", ("v1.9.0", "v1.10.0"), "false"),
        ("v2.0.0", ("v3.0.0-rc1", "v9", "version-10.0.0"), "true"),
    ],
)
def test_only_the_highest_version_is_latest(tmp_path: Path, tag: str, others: tuple[str, ...], is_latest: str) -> None:
    code, outputs, _ = release(tmp_path, tag, tag[1:], *others)
    assert (code, outputs) == (0, {"version": tag[1:], "is-latest": is_latest})


def test_a_tag_that_is_not_the_packages_version_is_no_release(tmp_path: Path) -> None:
    code, outputs, log = release(tmp_path, "v1.2.3", "1.2.2")
    assert (code, outputs) == (1, {})
    assert log == "::error::the tag says 1.2.3, pyproject.toml 1.2.2\n"
