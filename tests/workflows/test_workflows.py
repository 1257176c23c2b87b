"""Every workflow is valid, pinned, and may do no more than it has to."""

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.example import ROOT
from tests.workflows.workflow import ACTION, FOLDER, NAMES, VENV, load, workflow

ACTIONLINT = (str(VENV / "actionlint"), "-shellcheck=", "-pyflakes=")
PINNED = re.compile(r" *(- )?uses: ([\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./)")


def jobs(name: str) -> dict[str, Any]:
    return dict(workflow(name)["jobs"])


@pytest.mark.skipif(sys.platform != "linux", reason="actionlint is installed on Linux only")
def test_actionlint_has_nothing_to_say() -> None:
    files = [str(FOLDER / name) for name in NAMES]
    done = subprocess.run([*ACTIONLINT, *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="actionlint is installed on Linux only")
def test_actionlint_would_have() -> None:
    text = (FOLDER / "ci.yml").read_text().replace("!cancelled()", "!canceled()")
    done = subprocess.run([*ACTIONLINT, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'undefined function "canceled"' in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_to_a_commit_with_their_version_beside_it(name: str) -> None:
    lines = [line for line in (FOLDER / name).read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_each_job_may_do_what_it_has_to_and_no_more() -> None:
    assert {name: workflow(name)["permissions"] for name in NAMES} == {
        "ci.yml": {"contents": "read"},
        "refresh.yml": {},
        "release.yml": {},
    }
    signing = {"id-token": "write", "attestations": "write"}
    assert {name: {job: each.get("permissions") for job, each in jobs(name).items()} for name in NAMES} == {
        "ci.yml": {"test": None, "image": None},
        "refresh.yml": {
            "refresh": {"contents": "write"},
            "pages": {"pages": "write", "id-token": "write"},
            "image": {"contents": "read", "packages": "write"},
        },
        "release.yml": {
            "version": {"contents": "read"},
            "image": {"contents": "read", "packages": "write", **signing},
            "package": {"contents": "read", **signing},
            "pypi": {"id-token": "write"},
        },
    }


@pytest.mark.parametrize("name", NAMES)
def test_no_job_goes_on_for_ever(name: str) -> None:
    assert all(int(job["timeout-minutes"]) <= 60 for job in jobs(name).values())


@pytest.mark.parametrize("name", NAMES)
def test_no_text_from_outside_becomes_part_of_a_script(name: str) -> None:
    scripts = [step["run"] for job in jobs(name).values() for step in job["steps"] if "run" in step]
    assert not any("${{" in script for script in scripts)


def test_no_input_becomes_part_of_a_script_of_the_action() -> None:
    steps = load(ACTION)["runs"]["steps"]
    assert [step["name"] for step in steps if "${{" in step["run"]] == []
    assert all(step["shell"] == "bash" for step in steps)


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_what_does_not_push_has_no_credentials_of_git_at_hand(name: str) -> None:
    checkouts = [
        step["with"] for job in jobs(name).values() for step in job["steps"] if "checkout" in step.get("uses", "")
    ]
    assert checkouts
    assert all(each["persist-credentials"] == "false" for each in checkouts)


def test_what_is_built_has_a_base_that_cannot_change() -> None:
    base = next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("ARG BASE="))
    assert re.search(r":3\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", base)


def test_an_image_is_built_and_tried_at_each_change_as_it_is_for_a_release() -> None:
    ci, release = (
        {step["name"]: step["run"] for step in jobs(name)["image"]["steps"] if step.get("name") in ("Build", "Try")}
        for name in ("ci.yml", "release.yml")
    )
    assert ci == release
    assert list(ci) == ["Build", "Try"]


def test_the_schedule_runs_one_at_a_time_and_also_by_hand() -> None:
    refresh = workflow("refresh.yml")
    assert refresh["concurrency"] == "refresh"
    assert "workflow_dispatch" in refresh["on"]
    assert re.fullmatch(r"\d+ \* \* \* \*", refresh["on"]["schedule"][0]["cron"])


def test_what_comes_in_is_checked_against_what_was_there() -> None:
    steps = jobs("ci.yml")["test"]["steps"]
    step = next(step for step in steps if "--against" in step.get("run", ""))
    assert step["env"] == {"BASE": "${{ github.event.pull_request.base.sha || github.event.before }}"}
    assert next(step["with"]["fetch-depth"] for step in steps if "checkout" in step.get("uses", "")) == "0"
