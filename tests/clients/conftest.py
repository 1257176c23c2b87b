"""The server, and the clients that pull from it."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Client, Containerd, Docker, Node, Oras, Podman, Skopeo
from tests.clients.documents import block
from tests.clients.processes import daemon, wait_until
from tests.clients.processes import free_port as free_port
from tests.clients.processes import wait_for as wait_for
from tests.clients.program import Program, missing, need
from tests.clients.serving import Serve, Served, recorded, serving
from tests.example import record
from tests.upstream import ExampleUpstream

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def example_upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def served(example_upstream: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "index").mkdir()
    record(folder / "index", example_upstream.host)
    with serving(folder / "index", folder / "log") as running:
        yield running


@pytest.fixture(scope="module")
def upstream() -> Iterator[ExampleUpstream]:
    """One that a module may change."""
    with ExampleUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def index(upstream: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("index"), upstream, nginx="nginx")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server over another index."""
    with contextlib.ExitStack() as stack:
        yield lambda index: stack.enter_context(serving(index, tmp_path / "server.log"))


@pytest.fixture
def short_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rr") as name:
        yield Path(name)


@pytest.fixture
def skopeo(tmp_path: Path) -> Skopeo:
    need("skopeo")
    return Skopeo(folder=tmp_path)


@pytest.fixture
def podman(short_path: Path) -> Podman:
    need("podman")
    return Podman.of("podman", short_path)


@pytest.fixture
def buildah(short_path: Path) -> Podman:
    need("buildah")
    return Podman.of("buildah", short_path)


@pytest.fixture(scope="session")
def docker_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with dockerd(tmp_path_factory.mktemp("docker")) as client:
        yield client


@pytest.fixture
def docker(docker_daemon: Docker) -> Iterator[Docker]:
    yield docker_daemon
    docker_daemon.forget()


@pytest.fixture(scope="session")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    with containerd_at(tmp_path_factory.mktemp("containerd")) as client:
        yield client


@pytest.fixture
def ctr(containerd: Containerd) -> Iterator[Containerd]:
    yield containerd
    containerd.forget()


@pytest.fixture
def oras(tmp_path: Path) -> Oras:
    return Oras(tmp_path)


@pytest.fixture(scope="session")
def node_modules() -> None:
    """The packages of package-lock.json, installed beside it once."""
    need("node", "npm")
    installed, lock = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=110)
    if done.returncode:
        missing(f"npm ci in {FOLDER} failed: {done.stderr[-300:]}")


@pytest.fixture
def node(node_modules: None, tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    """The one that a parametrized test names."""
    found: Client = request.getfixturevalue(request.param)
    return found


@contextlib.contextmanager
def dockerd(folder: Path, configuration: str = "{}", **environment: str) -> Iterator[Docker]:
    """A docker daemon of ours alone; `configuration` is its daemon.json."""
    need("docker", "dockerd", "containerd", "iptables")
    log = folder / "log"
    (folder / "daemon.json").write_text(configuration)
    client = Docker(("docker", f"--host=unix://{folder}/socket"), {"DOCKER_CONFIG": str(folder / "config")})
    command = (
        "dockerd",
        f"--host=unix://{folder}/socket",
        f"--data-root={folder}/data",
        f"--exec-root={folder}/run",
        f"--pidfile={folder}/pid",
        f"--config-file={folder}/daemon.json",
        "--storage-driver=vfs",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
    )
    with daemon(log, *command, environment=environment) as process:
        wait_until(lambda: client.succeeds("version"), process, log)
        yield client


@contextlib.contextmanager
def containerd_at(folder: Path, configuration: str = "version = 2\n") -> Iterator[Containerd]:
    """A containerd of ours alone; `configuration` is its config.toml, and `folder / "socket"` where it listens."""
    need("containerd", "ctr")
    socket, log = folder / "socket", folder / "containerd.log"
    (folder / "config.toml").write_text(configuration)
    client = Containerd(("ctr", f"--address={socket}"))
    folders = ("--root", folder / "root", "--state", folder / "state")
    with daemon(log, "containerd", "--config", folder / "config.toml", "--address", socket, *folders) as process:
        wait_until(lambda: client.succeeds("version"), process, log)
        yield client


@contextlib.contextmanager
def kubelet(folder: Path, hosts: Path) -> Iterator[Program]:
    """Pulls as the kubelet does, from a containerd that is configured for Kubernetes, with `hosts` as its `certs.d`."""
    need("node")
    title = "/etc/containerd/config.toml"
    configuration = block("clients.md", title, {"/etc/containerd/certs.d": str(hosts)})
    snapshots = '[plugins."io.containerd.grpc.v1.cri".containerd]\n  snapshotter = "native"\n'
    with containerd_at(folder, configuration + snapshots):
        yield Program(("node", FOLDER / "cri.mjs", folder / "socket"))
