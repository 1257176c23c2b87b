"""The committed example is what a refresh of the example upstream gives, and `make run` serves it."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from tests.clients.conftest import free_port
from tests.command import EVERY_COMMAND, command
from tests.example import HOST, INDEX, NAMES, ROOT, record
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


def test_refreshing_the_frozen_example_changes_no_byte(tmp_path: Path) -> None:
    index = shutil.copytree(INDEX, tmp_path / "index")
    assert command("refresh", *NAMES, "--index", index).returncode == 0
    assert contents(index) == contents(INDEX)


def demo(port: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.demo", "--port", port]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_make_run_shows_the_whole_product_and_leaves_nothing(number: signal.Signals) -> None:
    port = free_port()
    process = demo(str(port))
    guard = threading.Timer(60, process.kill)
    guard.start()
    assert process.stdout
    shown = ""
    while "Ctrl-C ends" not in shown:
        line = process.stdout.readline()
        assert line, shown
        shown += line
    assert shown.index("An example upstream") < shown.index("nginx: 10 new builds") < shown.index("docker pull")
    assert f"docker pull localhost:{port}/nginx:1.27.4\n" in shown
    index = Path(shown.partition("REVERSE_REGISTRY_INDEX=")[2].split()[0])
    assert json.loads((index / "nginx/index.json").read_text())["tags"]["1.27.4"] in shown
    base = f"http://localhost:{port}/v2/nginx"
    manifest = httpx.get(f"{base}/manifests/1.27.4", follow_redirects=True)
    child = httpx.get(f"{base}/manifests/{manifest.json()['manifests'][0]['digest']}").json()
    blob = httpx.get(f"{base}/blobs/{child['layers'][0]['digest']}", follow_redirects=True)
    assert len(blob.content) == child["layers"][0]["size"]
    assert children(process.pid) == []
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    guard.cancel()
    assert (process.returncode, output.strip(), errors) == (0, "stopped; nothing was left behind", "")
    assert not index.parent.exists()


@pytest.mark.parametrize("number", ["80000", "0", "-1", "x", "", "8000 8001", "\u0663"])
def test_make_run_says_what_a_port_is(number: str) -> None:
    output, errors = demo(number).communicate(timeout=60)
    said = f"make run: PORT={number} is no port; choose one from 1 to 65535, as in make run PORT=8000\n"
    assert (output, errors) == ("", said)


def test_make_run_says_which_port_is_taken() -> None:
    with ExampleUpstream() as upstream:
        port = upstream.host.rpartition(":")[2]
        output, errors = demo(port).communicate(timeout=60)
    assert (output, errors) == ("", f"make run: port {port} is in use; choose another: make run PORT={int(port) + 1}\n")


def test_make_run_takes_no_more_than_its_lock_file() -> None:
    def locked(name: str) -> set[str]:
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        return {line.partition("==")[0].partition("[")[0] for line in lines if "==" in line}

    absent = locked("dev") - locked("run")
    installed = packages_distributions().items()
    modules = {module for module, owners in installed if {*map(canonicalize_name, owners)} <= absent}
    assert {"cryptography", "pytest", "yaml"} <= modules
    blocked = "".join(f"sys.modules[{module!r}] = None; " for module in sorted(modules))
    code = f"import sys; {blocked}import tests.demo, server.app; {EVERY_COMMAND}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
