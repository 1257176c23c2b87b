"""What the Dockerfile starts, started here as it stands: the image itself is built and tried by release.yml."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.example import INDEX, ROOT
from tests.workflows.workflow import VENV

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instruction(pattern: str) -> str:
    found = re.search(rf"^{pattern}$", DOCKERFILE, re.MULTILINE)
    assert found, pattern
    return found[1]


def command(pattern: str) -> list[str]:
    """In the form that no shell stands between: signals reach the server itself."""
    words = json.loads(instruction(pattern))
    return [str(VENV / words[0]), *words[1:]]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    shutil.copytree(INDEX, tmp_path / "index")
    make = instruction(r"RUN (/venv/bin/python3 -m generator site /site --index /index)").split()
    here = {"/venv/bin/python3": sys.executable, "/site": f"{tmp_path}/site", "/index": f"{tmp_path}/index"}
    subprocess.run([here.get(word, word) for word in make], cwd=ROOT, check=True, capture_output=True)
    given = dict(re.findall(r"([A-Z_]+)=([^\s\\]+)", DOCKERFILE[DOCKERFILE.rindex("ENV ") :].partition("USER")[0]))
    assert given.pop("REVERSE_REGISTRY_INDEX") == "/index"
    assert given.pop("REVERSE_REGISTRY_SITE") == "/site"
    assert given.pop("UVICORN_HOST") == "0.0.0.0"
    assert given.pop("UVICORN_PORT") == "8000"
    environment = {
        "REVERSE_REGISTRY_INDEX": f"{tmp_path}/index",
        "REVERSE_REGISTRY_SITE": f"{tmp_path}/site",
        "UVICORN_HOST": "127.0.0.1",
        "UVICORN_PORT": f"{free_port()}",
    }
    return {"PATH": os.environ["PATH"]} | {key: value for key, value in given.items() if key != "PATH"} | environment


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(r"CMD (\[.*\])"), cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def is_healthy(environment: dict[str, str]) -> bool:
    words = command(r"HEALTHCHECK .*CMD (\[.*\])")
    return subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 0


def wait_until_healthy(environment: dict[str, str], server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not is_healthy(environment):
        assert server.poll() is None
        assert time.monotonic() < deadline


def test_the_server_is_healthy_once_it_serves_and_ends_when_told(
    environment: dict[str, str], server: subprocess.Popen[str]
) -> None:
    wait_until_healthy(environment, server)
    server.send_signal(signal.SIGTERM)
    assert "Application shutdown complete" in server.communicate(timeout=30)[1]
    assert not is_healthy(environment)


def test_the_site_is_that_of_the_index(environment: dict[str, str], server: subprocess.Popen[str]) -> None:
    wait_until_healthy(environment, server)
    host = f"http://127.0.0.1:{environment['UVICORN_PORT']}"
    made = Path(environment["REVERSE_REGISTRY_SITE"])
    for path in ("", "nginx/"):
        assert httpx.get(f"{host}/{path}").content == (made / path / "index.html").read_bytes()


def test_it_runs_as_nobody_in_particular_by_number() -> None:
    assert int(instruction(r"USER (\d+):\d+")) > 0
    assert DOCKERFILE.rindex("USER") > DOCKERFILE.rindex("COPY")


def test_every_package_is_verified_and_the_generators_stay_in_the_stage_that_makes_the_site() -> None:
    *_, build, site, final = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    assert DOCKERFILE.count(" install ") == DOCKERFILE.count("--require-hashes") == 2
    assert "requirements/server.txt" in build
    assert "requirements/generator.txt" in site
    assert re.findall(r"COPY --from=site (.*)", final) == ["/site /site"]
    assert "generator" not in build + final


def test_nothing_but_what_is_copied_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    copied = {words[1] for words in map(str.split, DOCKERFILE.splitlines()) if words[:1] == ["COPY"]}
    assert {line[1:] for line in ignored if line.startswith("!")} == {
        each for each in copied if not each.startswith("--from=")
    }
