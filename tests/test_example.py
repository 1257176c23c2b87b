"""The committed example is what a refresh of the example upstream gives, and `make run` serves it."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx

from tests.clients.conftest import free_port, wait_for
from tests.example import HOST, INDEX, NAMES, ROOT, record, refresh
from tests.upstream import ExampleUpstream


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but `refreshed.json`, which changes with the program."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "refreshed.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_refresh_anew_gives_the_committed_bytes(tmp_path: Path) -> None:
    with ExampleUpstream() as upstream:
        record(tmp_path, upstream.host)
        host = upstream.host.encode()
    recorded = {name: data.replace(host, HOST.encode()) for name, data in contents(tmp_path).items()}
    assert recorded == contents(INDEX)


def test_the_committed_catalogue_tells_of_the_committed_example(tmp_path: Path) -> None:
    images = json.loads((INDEX / "index.json").read_text())["images"]
    for name in NAMES:
        index = json.loads((INDEX / name / "index.json").read_text())
        assert images[name]["builds"] == len(index["builds"])
        assert images[name]["tags"] == len(index["tags"])
        assert index["tags"][images[name]["version"]] == images[name]["digest"]


def test_refreshing_the_frozen_example_changes_no_byte() -> None:
    before = contents(INDEX)
    assert refresh(INDEX, *NAMES).returncode == 0
    assert contents(INDEX) == before


def test_make_run_serves_the_example_until_it_is_interrupted() -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.demo", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    guard = threading.Timer(60, process.kill)
    guard.start()
    wait_for(f"http://127.0.0.1:{port}/healthz")
    base = f"http://localhost:{port}/v2/example/nginx"
    manifest = httpx.get(f"{base}/manifests/1.27.4", follow_redirects=True)
    child = httpx.get(f"{base}/manifests/{manifest.json()['manifests'][0]['digest']}").json()
    blob = httpx.get(f"{base}/blobs/{child['layers'][0]['digest']}", follow_redirects=True)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    guard.cancel()
    assert process.returncode == 0
    assert f"docker pull localhost:{port}/example/nginx:1.27.4" in output
    assert manifest.status_code == 200
    assert len(blob.content) == child["layers"][0]["size"]


def test_make_run_says_which_port_is_taken() -> None:
    with ExampleUpstream() as upstream:
        port = upstream.host.rpartition(":")[2]
        command = [sys.executable, "-m", "tests.demo", "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stderr == f"make run: port {port} is in use; choose another: make run PORT={int(port) + 1}\n"
