"""Real clients pull by version and get the digest that the index states."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import Served, free_port, need, run, wait_for
from tests.example import refresh
from tests.upstream import ExampleUpstream

IMAGE, VERSION = "example/nginx", "1.27.4"


def test_skopeo_inspects_a_version(served: Served) -> None:
    need("skopeo")
    reference = f"docker://{served.host}/{IMAGE}:{VERSION}"
    assert run("skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", reference).strip() == served.digest(
        IMAGE, VERSION
    )


def test_skopeo_copies_every_platform_of_a_version_byte_for_byte(served: Served, tmp_path: Path) -> None:
    need("skopeo")
    copied = copy_all(f"{served.host}/{IMAGE}:{VERSION}", tmp_path / "dir")
    assert copied == served.digest(IMAGE, VERSION)


def copy_all(reference: str, folder: Path) -> str:
    """Copies all platforms, asserts that each manifest and blob came as it is, and gives the digest of the whole.

    Debian's skopeo writes an image index in its own order of keys, so that one is asked for on its own.
    """
    run("skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{reference}", f"dir:{folder}")
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}").encode()
    for child in json.loads(raw)["manifests"]:
        manifest = (folder / f"{hex_of(child['digest'])}.manifest.json").read_bytes()
        assert digest_of(manifest) == child["digest"]
        parts = json.loads(manifest)
        for blob in (parts["config"], *parts["layers"]):
            assert digest_of((folder / hex_of(blob["digest"])).read_bytes()) == blob["digest"]
    return digest_of(raw)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def hex_of(digest: str) -> str:
    return digest.removeprefix("sha256:")


def test_skopeo_copies_one_platform_of_a_version(served: Served, tmp_path: Path) -> None:
    need("skopeo")
    reference = f"docker://{served.host}/example/python:3.13.1-dev"
    run("skopeo", "copy", "--src-tls-verify=false", "--override-arch=arm64", reference, f"dir:{tmp_path}/dir")
    manifest = json.loads((tmp_path / "dir" / "manifest.json").read_text())
    config = json.loads((tmp_path / "dir" / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    assert config["architecture"] == "arm64"


def test_skopeo_lists_the_tags_of_the_index_and_the_upstreams_own(served: Served) -> None:
    need("skopeo")
    listed = json.loads(run("skopeo", "list-tags", "--tls-verify=false", f"docker://{served.host}/{IMAGE}"))["Tags"]
    assert {"1.27.4", "1.27", "1", "1.27.4-r2", "latest", "latest-dev"} <= set(listed)


def test_skopeo_pulls_an_image_that_the_index_does_not_know(
    example_upstream: ExampleUpstream, serve: Callable[[Path], Served], tmp_path: Path
) -> None:
    need("skopeo")
    (tmp_path / "images.toml").write_text(f'upstream = "{example_upstream.host}/chainguard"\n')
    assert refresh(tmp_path).returncode == 0
    host = serve(tmp_path).host
    command = ("skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}")
    direct = run(*command, f"docker://{example_upstream.repository('nginx')}:latest")
    assert run(*command, f"docker://{host}/nginx:latest") == direct


def test_podman_pulls_a_version(served: Served, short_path: Path) -> None:
    need("podman")
    podman = ("podman", f"--root={short_path}/root", f"--runroot={short_path}/run", "--storage-driver=vfs")
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    run(*podman, "pull", "--quiet", "--tls-verify=false", reference)
    digests = json.loads(run(*podman, "image", "inspect", "--format={{json .RepoDigests}}", reference))
    assert f"{served.host}/{IMAGE}@{served.digest(IMAGE, VERSION)}" in digests


def test_docker_pulls_a_version(served: Served, dockerd: str) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    output = run("docker", f"--host={dockerd}", "pull", reference)
    assert f"Digest: {served.digest(IMAGE, VERSION)}" in output
    assert reference in run("docker", f"--host={dockerd}", "image", "ls", "--format={{.Repository}}:{{.Tag}}")


def test_containerd_pulls_a_version(served: Served, containerd: Path) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    ctr = ("ctr", f"--address={containerd}")
    run(*ctr, "images", "pull", "--plain-http", "--snapshotter=native", reference)
    assert served.digest(IMAGE, VERSION) in run(*ctr, "images", "list", f"name=={reference}")


def test_a_plain_registry_can_be_the_upstream(
    example_upstream: ExampleUpstream, docker_registry: str, serve: Callable[[Path], Served], tmp_path: Path
) -> None:
    """Debian's docker-registry: no tokens, no CDN, no history; an image and its attestations copied there."""
    need("skopeo")
    copy = ("skopeo", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false")
    source = f"docker://{example_upstream.repository('python')}"
    target = f"docker://{docker_registry}/mirror/python"
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", f"{source}:latest")
    run(*copy, f"{source}:latest", f"{target}:latest")
    for child in json.loads(raw)["manifests"]:
        attestation = child["digest"].replace(":", "-") + ".att"
        run(*copy, f"{source}:{attestation}", f"{target}:{attestation}")
    (tmp_path / "images.toml").write_text(
        f'upstream = "{docker_registry}/mirror"\n[images.python]\ntracks = ["latest"]\n'
    )
    done = refresh(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    served = serve(tmp_path)
    assert copy_all(f"{served.host}/python:3.13", tmp_path / "dir") == served.digest("python", "3.13.2-r0")


@contextlib.contextmanager
def daemon(log: Path, *command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon of ours, with what it started ended after it."""
    with log.open("wb") as output:
        words = [str(word) for word in command]
        process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(answers: Callable[[], object], process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{process.args!r} did not come up:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def short_path() -> Iterator[Path]:
    """podman takes no path of over 50 characters."""
    with tempfile.TemporaryDirectory(prefix="rr") as name:
        yield Path(name)


@pytest.fixture
def dockerd(tmp_path: Path) -> Iterator[str]:
    """The address of a docker daemon of ours alone."""
    need("docker", "dockerd", "containerd", "iptables")
    address, log = f"unix://{tmp_path}/docker.sock", tmp_path / "dockerd.log"
    command = (
        "dockerd",
        f"--host={address}",
        f"--data-root={tmp_path}/docker",
        f"--exec-root={tmp_path}/docker-run",
        f"--pidfile={tmp_path}/docker.pid",
        "--storage-driver=vfs",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
    )
    with daemon(log, *command) as process:
        wait_until(lambda: succeeds("docker", f"--host={address}", "version"), process, log)
        yield address


@pytest.fixture
def containerd(tmp_path: Path) -> Iterator[Path]:
    """The socket of a containerd of ours alone."""
    need("containerd", "ctr")
    socket, log = tmp_path / "containerd.sock", tmp_path / "containerd.log"
    command = (
        "containerd",
        "--config=/dev/null",
        "--address",
        socket,
        "--root",
        tmp_path / "c",
        "--state",
        tmp_path / "s",
    )
    with daemon(log, *command) as process:
        wait_until(lambda: succeeds("ctr", f"--address={socket}", "version"), process, log)
        yield socket


@pytest.fixture
def docker_registry(tmp_path: Path) -> Iterator[str]:
    """The host of Debian's docker-registry."""
    need("docker-registry")
    port, log = free_port(), tmp_path / "registry.log"
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path}/registry\n"
        f"http:\n  addr: 127.0.0.1:{port}\nlog:\n  level: error\n"
    )
    with daemon(log, "docker-registry", "serve", config):
        wait_for(f"http://127.0.0.1:{port}/v2/")
        yield f"localhost:{port}"
