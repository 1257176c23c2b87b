"""A refresh that is told to stop does so at once, keeps what it has learned, and the next one goes on from there."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from generator.check import check
from tests.example import ROOT, refresh
from tests.generator.conftest import ALWAYS
from tests.upstream import ExampleUpstream, Fault, Hang
from tests.upstream.images import NGINX


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_refresh_keeps_what_it_learned(number: signal.Signals, tmp_path: Path) -> None:
    hung = NGINX[0].build.digest
    with ExampleUpstream() as upstream:
        (tmp_path / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n{ALWAYS}')
        upstream.inject(Fault(Hang(3600), path=f"/manifests/{hung}"))
        command = [sys.executable, "-m", "generator", "refresh", "--index", str(tmp_path)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            until_quiet(upstream)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
        assert (process.returncode, said) == (130, "reverse-registry: interrupted; what was learned is kept\n")
        index = json.loads((tmp_path / "nginx" / "index.json").read_text())
        assert hung not in {build["digest"] for build in index["builds"]}
        assert len(index["builds"]) == 9
        assert "1 new build: 1.27.3-r0" in refresh(tmp_path).stdout


def test_a_refresh_whose_time_is_up_keeps_what_it_learned_and_goes_on_next_time(tmp_path: Path) -> None:
    hung = NGINX[0].build.digest
    with ExampleUpstream() as upstream:
        (tmp_path / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n{ALWAYS}')
        upstream.inject(Fault(Hang(120), path=f"/manifests/{hung}"))
        done = refresh(tmp_path, "--budget", "12s")
        assert "nginx: the time was up; the next refresh goes on from there" in done.stdout
        assert "1 unfinished as the time was up" in done.stdout
        assert not [finding for finding in check(tmp_path) if not finding.is_note]
        catalogue = json.loads((tmp_path / "index.json").read_text())
        assert catalogue["images"]["nginx"]["builds"] == 9
        assert "1 new build: 1.27.3-r0" in refresh(tmp_path).stdout


def test_a_refresh_that_is_killed_leaves_an_index_that_names_what_was_recorded(tmp_path: Path) -> None:
    """An image is in the catalogue, with its pages, as soon as it is recorded; not at the end of the run."""
    with ExampleUpstream() as upstream:
        (tmp_path / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n[images.python]\n{ALWAYS}')
        upstream.inject(Fault(Hang(120), path="chainguard/nginx/manifests/latest"))
        command = [sys.executable, "-m", "generator", "refresh", "--index", str(tmp_path)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (tmp_path / "refreshed.json").exists():
            time.sleep(0.05)
        process.kill()
        process.communicate()
        assert not [finding for finding in check(tmp_path) if not finding.is_note]
        catalogue = json.loads((tmp_path / "index.json").read_text())
        assert [name for name, image in catalogue["images"].items() if image["refreshed"]] == ["python"]


@pytest.mark.parametrize("budget", ["40", "soon", "0m", "-1m", "1.5h"])
def test_a_budget_that_is_none_says_how_to_write_it(budget: str, tmp_path: Path) -> None:
    (tmp_path / "images.toml").write_text("")
    said = subprocess.run(
        [sys.executable, "-m", "generator", "refresh", "--index", str(tmp_path), f"--budget={budget}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "is no duration" in said.stderr


def until_quiet(upstream: ExampleUpstream) -> None:
    """Waits until nothing but the hung request is under way."""
    deadline = time.monotonic() + 20
    count = -1
    while time.monotonic() < deadline and (len(upstream.requests) < 20 or count != len(upstream.requests)):
        count = len(upstream.requests)
        time.sleep(0.5)
