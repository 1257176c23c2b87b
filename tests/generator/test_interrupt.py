"""A refresh that is told to stop does so at once, keeps what it has learned, and the next one goes on from there."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.example import ROOT, refresh
from tests.generator.conftest import ALWAYS
from tests.upstream import ExampleUpstream, Fault, Hang
from tests.upstream.images import NGINX


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_refresh_keeps_what_it_learned(number: signal.Signals, tmp_path: Path) -> None:
    hung = NGINX[0].build.digest
    with ExampleUpstream() as upstream:
        (tmp_path / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n{ALWAYS}')
        upstream.inject(Fault(Hang(60), path=f"/manifests/{hung}"))
        command = [sys.executable, "-m", "generator", "refresh", "--index", str(tmp_path)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        until_quiet(upstream)
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - began < 5
        assert (process.returncode, said) == (130, "reverse-registry: interrupted; what was learned is kept\n")
        index = json.loads((tmp_path / "nginx" / "index.json").read_text())
        assert hung not in {build["digest"] for build in index["builds"]}
        assert len(index["builds"]) == 9
        assert "1 new build: 1.27.3-r0" in refresh(tmp_path).stdout


def until_quiet(upstream: ExampleUpstream) -> None:
    """Waits until nothing but the hung request is under way."""
    deadline = time.monotonic() + 20
    count = -1
    while time.monotonic() < deadline and (len(upstream.requests) < 20 or count != len(upstream.requests)):
        count = len(upstream.requests)
        time.sleep(0.5)
