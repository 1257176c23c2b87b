"""With `REVERSE_REGISTRY_AUTH=passthrough`: a private image, with credentials that the upstream knows, over TLS."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Containerd, Docker, Node, Oras, Podman, Skopeo
from tests.clients.conftest import kubelet
from tests.clients.https import Https, behind, nginx
from tests.clients.program import Program, need
from tests.clients.serving import recorded
from tests.example import refresh
from tests.upstream import ExampleUpstream

USER, PASSWORD = "user", "secret"
PRIVATE = frozenset({"chainguard/nginx", "chainguard/postgres"})


@pytest.fixture(scope="module")
def https(upstream: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    """Knows nginx, which is private since it was indexed, and python, which is not."""
    index = recorded(tmp_path_factory.mktemp("index"), upstream, nginx="nginx", python="python")
    upstream.options.private = PRIVATE
    with behind(nginx, tmp_path_factory.mktemp("https"), index, REVERSE_REGISTRY_AUTH="passthrough") as running:
        yield running


@pytest.fixture
def credentials(https: Https, tmp_path: Path) -> dict[str, str]:
    """The environment for podman, buildah and skopeo, where `login` leaves what it was given."""
    return {"SSL_CERT_FILE": str(https.authority), "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}


@pytest.fixture(autouse=True)
def nothing_leaks(upstream: ExampleUpstream) -> Iterator[None]:
    """The CDN is never told who asks."""
    upstream.requests.clear()
    yield
    assert not [request for request in upstream.requests.matching(side="cdn") if request.authorization]


@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_podman_and_buildah(name: str, https: Https, credentials: dict[str, str], short_path: Path) -> None:
    need(name)
    client = dataclasses.replace(Podman.of(name, short_path), environment=credentials)
    assert_needs_login(client, https, "pull", "--quiet", f"{https.host}/nginx:1.27.4")
    client("pull", "--quiet", f"{https.host}/postgres:latest")


def test_skopeo(https: Https, credentials: dict[str, str]) -> None:
    need("skopeo")
    skopeo = Skopeo(environment=credentials)
    assert_needs_login(skopeo, https, "inspect", f"docker://{https.host}/nginx:1.27.4")
    assert "1.27.4" in skopeo.json("list-tags", f"docker://{https.host}/nginx")["Tags"]


def test_docker(docker: Docker, https: Https) -> None:
    assert_needs_login(docker, https, "pull", f"{https.host}/nginx:1.27.4")
    docker("pull", f"{https.host}/nginx:1.28")
    docker("logout", https.host)


def assert_needs_login(client: Program, https: Https, *pull: str) -> None:
    client.refused(*pull)
    login = ("login", f"--username={USER}", "--password-stdin", https.host)
    client.refused(*login, text="wrong")
    client.refused(*pull)
    client(*login, text=PASSWORD)
    client(*pull)


@pytest.fixture
def hosts(https: Https, tmp_path: Path) -> Path:
    """containerd's folder of registries."""
    folder = tmp_path / "certs.d"
    (folder / https.host).mkdir(parents=True)
    (folder / https.host / "hosts.toml").write_text(f'[host."{https.url}"]\nca = "{https.authority}"\n')
    return folder


def test_containerd(ctr: Containerd, https: Https, hosts: Path) -> None:
    pull = ("images", "pull", "--snapshotter=native", f"--hosts-dir={hosts}")
    reference = f"{https.host}/nginx:1.27.4"
    ctr.refused(*pull, reference)
    ctr.refused(*pull, f"--user={USER}:wrong", reference)
    ctr(*pull, f"--user={USER}:{PASSWORD}", reference)


def test_the_kubelet_with_an_image_pull_secret(https: Https, hosts: Path, tmp_path: Path) -> None:
    reference = f"{https.host}/nginx:1.27.4"
    with kubelet(tmp_path, hosts) as pull:
        pull.refused(reference)
        pull.refused(reference, USER, "wrong")
        assert pull(reference, USER, PASSWORD).startswith("sha256:")


def test_oras(oras: Oras, https: Https, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(https.authority))
    with pytest.raises(ValueError, match="Unauthorized"):
        oras.client().get_manifest(f"{https.host}/nginx:1.27.4")
    client = oras.client()
    client.login(USER, PASSWORD, hostname=https.host, config_path=str(tmp_path / "config.json"))
    assert len(client.get_manifest(f"{https.host}/nginx:1.27.4")["manifests"]) == 2


@pytest.mark.parametrize(
    "reference",
    [
        "1.27.4",
        "sha256:de527d6936e6e5e55f41e49e12b52ab83d49438bd765838618282c1867e536ba",
    ],
)
def test_node(node: Node, https: Https, reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(https.authority))
    with pytest.raises(AssertionError, match="statusCode: 401"):
        node("getManifest", https.host, "nginx", reference)
    manifest = node("getManifest", https.host, "nginx", reference, USER, PASSWORD)
    assert node("getImageConfig", https.host, "nginx", manifest["config"]["digest"], USER, PASSWORD)["os"] == "linux"
    assert "1.27.4" in node("getTags", https.host, "nginx", USER, PASSWORD)


def test_a_public_image_needs_no_login(https: Https, credentials: dict[str, str]) -> None:
    need("skopeo")
    Skopeo(environment=credentials)("inspect", f"docker://{https.host}/python:3.13.1")


@pytest.fixture(scope="module")
def there() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        running.options.credentials = ("alice", "hers")
        yield running


@pytest.fixture(scope="module")
def both(
    upstream: ExampleUpstream, there: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Https]:
    index = tmp_path_factory.mktemp("index")
    upstream.options.private = frozenset()
    (index / "images.toml").write_text(
        f'upstream = "{upstream.host}/chainguard"\n[images.nginx]\n[images.theirs]\n'
        f'repository = "{there.repository("python")}"\nsince = "always"\n'
    )
    done = refresh(index)
    assert done.returncode == 0, done.stderr
    upstream.options.private, there.options.private = PRIVATE, frozenset({"chainguard/python"})
    with behind(nginx, tmp_path_factory.mktemp("https"), index, REVERSE_REGISTRY_AUTH="passthrough") as running:
        yield running


@pytest.mark.parametrize("name", ["docker", "podman", "skopeo"])
def test_another_registry_by_its_own_credentials(
    name: str,
    both: Https,
    upstream: ExampleUpstream,
    there: ExampleUpstream,
    docker: Docker,
    short_path: Path,
) -> None:
    """The user is `HOST_PORT/USER`, and what upstream is asked is asked without it."""
    need(name)
    reference = f"{both.host}/theirs:3.13.1"
    environment = {"SSL_CERT_FILE": str(both.authority), "REGISTRY_AUTH_FILE": str(short_path / "auth.json")}
    clients: dict[str, tuple[Program, list[str]]] = {
        "docker": (docker, ["pull", reference]),
        "podman": (
            dataclasses.replace(Podman.of("podman", short_path), environment=environment),
            ["pull", reference],
        ),
        "skopeo": (Skopeo(environment=environment), ["inspect", f"docker://{reference}"]),
    }
    client, pull = clients[name]
    login = ["login", "--password-stdin", both.host, f"--username={there.host.replace(':', '_')}/alice"]
    upstream.requests.clear()
    client.refused(*pull)
    client.refused(*login, text="wrong")
    client(*login, text="hers")
    client(*pull)
    assert not [request for request in upstream.requests if request.authorization or request.body]
