"""The index as an image, pushed to a real registry and taken from it again."""

import contextlib
import json
import shutil
import socket
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.clients.processes import daemon, free_port, listens, wait_until
from tests.clients.program import need
from tests.example import INDEX
from tests.query.made import refused, run
from tests.upstream import ExampleUpstream

CONFIGURATION = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    need("docker-registry")
    port = free_port()
    (tmp_path / "registry.yml").write_text(CONFIGURATION.format(folder=tmp_path / "stored", port=port))
    words = ("docker-registry", "serve", str(tmp_path / "registry.yml"))
    with daemon(tmp_path / "log", *words) as process:
        wait_until(lambda: listens(port), process, tmp_path / "log")
        yield f"127.0.0.1:{port}"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return Path(shutil.copytree(INDEX, tmp_path / "index"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_what_is_pushed_is_the_index_for_every_platform(
    registry: str, index: Path, tmp_path: Path, architecture: str
) -> None:
    need("skopeo")
    (index / "example/nginx/.index.json.abc").write_text("left by a killed refresh")
    assert run("push", f"{registry}/mine/index", index=index).exit_code == 0
    words = ("skopeo", "--override-arch", architecture, "copy", "--quiet", "--src-tls-verify=false")
    copied = tmp_path / "copied"
    subprocess.run([*words, f"docker://{registry}/mine/index:latest", f"dir:{copied}"], check=True, capture_output=True)
    manifest = json.loads((copied / "manifest.json").read_bytes())
    (layer,) = manifest["layers"]
    with tarfile.open(copied / layer["digest"].partition(":")[2]) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert files(tmp_path / "unpacked") == files(INDEX)
    config = json.loads((copied / manifest["config"]["digest"].partition(":")[2]).read_bytes())
    assert (config["architecture"], config["os"]) == (architecture, "linux")


def test_the_same_index_has_the_same_digest_and_a_changed_one_another(registry: str, index: Path) -> None:
    def push() -> str:
        done = run("push", f"{registry}/index:v1", index=index)
        assert done.exit_code == 0
        return done.output.rpartition("@")[2].strip()

    first = push()
    headers = {"Accept": "application/vnd.oci.image.index.v1+json"}
    stored = httpx.head(f"http://{registry}/v2/index/manifests/v1", headers=headers)
    assert stored.headers["docker-content-digest"] == first
    (index / "images.toml").touch()
    assert push() == first
    (index / "images.toml").write_text("")
    assert push() != first


def test_what_cannot_be_pushed_is_one_line(index: Path, tmp_path: Path) -> None:
    for place in ("index", "ghcr.io", "ghcr.io/Me/index", "ghcr.io/me/index:no tag", "https://ghcr.io/me/index"):
        assert "is no place for an image" in refused("push", place, index=index)
    assert "has no index.json; refresh it first" in refused("push", "localhost:1/x", index=tmp_path)


def test_a_registry_that_takes_nothing_is_told(index: Path) -> None:
    with ExampleUpstream() as upstream:
        said = refused("push", f"{upstream.host}/chainguard/index", index=index)
    assert said.startswith(f"{upstream.host}/chainguard/index: could not be pushed: ")
    assert said.endswith("; is `docker login` done?")


def test_a_registry_that_is_not_there_is_tried_three_times(index: Path) -> None:
    """Each try finds the address taken by somebody who hangs up."""
    tries: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, address = listener.accept()
                    connection.close()
                    tries.append(address)

        threading.Thread(target=hang_up, daemon=True).start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        assert "could not be pushed: " in refused("push", f"{host}/index", index=index)
        assert len(tries) == 3
