"""A server over an index that was really refreshed, for real clients to pull from."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.example import ROOT, record
from tests.upstream import ExampleUpstream

ALL_CLIENTS = "REVERSE_REGISTRY_ALL_CLIENTS"


@dataclass(frozen=True)
class Served:
    """A running server: `host` is its `host:port`, `index` the folder that it serves."""

    host: str
    index: Path

    def digest(self, image: str, tag: str) -> str:
        """What the index states."""
        tags: dict[str, str] = json.loads((self.index / image / "index.json").read_text())["tags"]
        return tags[tag]


@pytest.fixture(scope="session")
def example_upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], Served]]:
    """Starts `uvicorn server.app:app` over an index, as the README says."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(index: Path) -> Served:
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "server.app:app", "--port", str(port), "--log-level", "warning"]
        environment = {**os.environ, "REVERSE_REGISTRY_INDEX": str(index)}
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment))
        wait_for(f"http://127.0.0.1:{port}/healthz")
        return Served(f"localhost:{port}", index)

    yield start
    for process in processes:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def served(
    example_upstream: ExampleUpstream, serve: Callable[[Path], Served], tmp_path_factory: pytest.TempPathFactory
) -> Served:
    folder = tmp_path_factory.mktemp("index")
    record(folder, example_upstream.host)
    return serve(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            httpx.get(url)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def need(*programs: str) -> None:
    """Skips where a program is not installed, by name; under `.ci/run` that is a failure."""
    for program in programs:
        if shutil.which(program) is None:
            reason = f"{program} is not installed"
            if os.environ.get(ALL_CLIENTS):
                pytest.fail(f"{reason}, and {ALL_CLIENTS} is set")
            pytest.skip(reason)


def run(*command: str | Path, seconds: float = 100, **environment: str) -> str:
    """What a command prints; its error output is in the failure."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
