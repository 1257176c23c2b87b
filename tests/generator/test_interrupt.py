"""A refresh that is told to stop does so at once, keeps what it has learned, and the next one goes on from there."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from generator.check import check
from generator.refresh.image import ImageRefresh
from tests.clients.processes import is_asleep
from tests.command import command
from tests.example import ROOT
from tests.generator.conftest import ALWAYS
from tests.upstream import ExampleUpstream, Fault, Hang
from tests.upstream.images import NGINX


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_refresh_keeps_what_it_learned(number: signal.Signals, tmp_path: Path) -> None:
    hung = NGINX[0].build.digest
    with ExampleUpstream() as upstream:
        (tmp_path / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n{ALWAYS}')
        upstream.inject(Fault(Hang(3600), path=f"/manifests/{hung}"))
        words = [sys.executable, "-m", "generator", "refresh", "--index", str(tmp_path)]
        process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            until_quiet(upstream, process)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
        assert (process.returncode, said) == (130, "reverse-registry: interrupted; what was learned is kept\n")
        index = json.loads((tmp_path / "nginx" / "index.json").read_text())
        assert hung not in {build["digest"] for build in index["builds"]}
        assert len(index["builds"]) == 9
        assert "1 new build: 1.27.3-r0" in command("refresh", "--index", tmp_path).stdout


def test_a_refresh_whose_time_is_up_keeps_what_it_learned_and_goes_on_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is up as soon as all but the build whose manifest hangs have been learned."""
    hung, learned = NGINX[0].build.digest, list[object]()
    take_build = ImageRefresh.take_build

    def taking(work: ImageRefresh, *build: Any) -> None:
        take_build(work, *build)
        learned.append(build)

    def leave(code: int) -> NoReturn:
        """While the request that hangs is still under way: the time was up."""
        assert [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
        raise SystemExit(code)

    monkeypatch.setattr(ImageRefresh, "take_build", taking)
    monkeypatch.setattr("generator.refresh.tasks.monotonic", lambda: time.monotonic() + 3600 * (len(learned) == 9))
    monkeypatch.setattr("os._exit", leave)
    with ExampleUpstream() as upstream:
        (tmp_path / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n{ALWAYS}')
        upstream.inject(Fault(Hang(120), path=f"/manifests/{hung}"))
        done = command("refresh", "--index", tmp_path, "--budget", "1h")
        assert done.returncode == 0
        assert "nginx: the time was up; the next refresh goes on from there" in done.stdout
        assert "1 unfinished as the time was up" in done.stdout
        assert not [finding for finding in check(tmp_path) if not finding.is_note]
        catalogue = json.loads((tmp_path / "index.json").read_text())
        assert catalogue["images"]["nginx"]["builds"] == 9
        assert "1 new build: 1.27.3-r0" in command("refresh", "--index", tmp_path).stdout


def test_a_refresh_that_is_killed_leaves_an_index_that_names_what_was_recorded(tmp_path: Path) -> None:
    """An image is in the catalogue, with its pages, as soon as it is recorded; not at the end of the run."""
    with ExampleUpstream() as upstream:
        (tmp_path / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n[images.python]\n{ALWAYS}')
        upstream.inject(Fault(Hang(120), path="chainguard/nginx/manifests/latest"))
        words = [sys.executable, "-m", "generator", "refresh", "--index", str(tmp_path)]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not (tmp_path / "refreshed.json").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.communicate()
        assert not [finding for finding in check(tmp_path) if not finding.is_note]
        catalogue = json.loads((tmp_path / "index.json").read_text())
        assert [name for name, image in catalogue["images"].items() if image["refreshed"]] == ["python"]


@pytest.mark.parametrize("budget", ["40", "soon", "0m", "-1m", "1.5h"])
def test_a_budget_that_is_none_says_how_to_write_it(budget: str, tmp_path: Path) -> None:
    (tmp_path / "images.toml").write_text("")
    said = command("refresh", "--index", tmp_path, f"--budget={budget}")
    assert said.returncode == 2
    assert "is no duration" in said.stderr


def until_quiet(upstream: ExampleUpstream, refresh: "subprocess.Popen[str]") -> None:
    """Waits until all but one request, which hangs, have been answered, and the refresh waits for that one alone."""
    quiet = 0
    while quiet < 3:
        assert refresh.poll() is None
        time.sleep(0.02)
        hanging = [request for request in upstream.requests if request.status is None]
        quiet = quiet + 1 if len(hanging) == 1 and is_asleep(refresh.pid) else 0
