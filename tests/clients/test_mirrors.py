"""Under the upstream's names: the configuration of clients.md, over TLS."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Containerd, Podman, Skopeo
from tests.clients.conftest import dockerd, kubelet
from tests.clients.documents import block
from tests.clients.https import SITE, Https, behind, nginx
from tests.clients.program import need
from tests.clients.serving import Served
from tests.command import command
from tests.upstream import ExampleUpstream

TITLES = ("index/images.toml", "images.toml")
PATH, VERSION = "chainguard/nginx", "1.29.1"


@pytest.fixture(scope="module")
def image(example_upstream: ExampleUpstream) -> str:
    """Its name upstream."""
    return f"{example_upstream.host}/{PATH}"


@pytest.fixture(scope="module")
def index(example_upstream: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    images = [block("clients.md", title, {"cgr.dev": example_upstream.host}) for title in TITLES]
    (folder / "images.toml").write_text("\n".join(images))
    done = command("refresh", "--index", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def https(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    with behind(nginx, tmp_path_factory.mktemp("https"), index) as running:
        yield running


@pytest.fixture
def digest(https: Https, index: Path) -> str:
    return Served(https.host, index).digest("nginx", VERSION)


@pytest.fixture
def hosts(https: Https, example_upstream: ExampleUpstream, tmp_path: Path) -> Path:
    """containerd's folder of registries."""
    folder = tmp_path / "certs.d"
    (folder / example_upstream.host).mkdir(parents=True)
    text = block("clients.md", "/etc/containerd/certs.d/cgr.dev/hosts.toml", {SITE: https.host})
    (folder / example_upstream.host / "hosts.toml").write_text(f'{text}  ca = "{https.authority}"\n')
    return folder


@pytest.fixture
def registries(https: Https, example_upstream: ExampleUpstream, tmp_path: Path) -> dict[str, str]:
    """The environment for a configuration of podman's, buildah's and skopeo's."""
    path = tmp_path / "registries.conf"
    title = "/etc/containers/registries.conf.d/reverse-registry.conf"
    path.write_text(block("clients.md", title, {SITE: https.host, "cgr.dev": example_upstream.host}))
    return {"CONTAINERS_REGISTRIES_CONF": str(path), "SSL_CERT_FILE": str(https.authority)}


def test_containerd(ctr: Containerd, hosts: Path, digest: str, image: str) -> None:
    ctr.pull(f"{image}:{VERSION}", f"--hosts-dir={hosts}")
    assert digest in ctr("images", "list", f"name=={image}:{VERSION}")


def test_containerd_by_digest(ctr: Containerd, hosts: Path, digest: str, image: str) -> None:
    ctr.pull(f"{image}@{digest}", f"--hosts-dir={hosts}")
    assert ctr("images", "list", "--quiet").split() == [f"{image}@{digest}"]


def test_containerd_for_the_kubelet(hosts: Path, digest: str, tmp_path: Path, image: str) -> None:
    with kubelet(tmp_path, hosts) as pull:
        assert pull(f"{image}:{VERSION}").startswith("sha256:")
        assert pull(f"{image}@{digest}") == pull(f"{image}:{VERSION}")


@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_podman_and_buildah(name: str, registries: dict[str, str], digest: str, short_path: Path, image: str) -> None:
    need(name)
    client = dataclasses.replace(Podman.of(name, short_path), environment=registries)
    client.pull(f"{image}:{VERSION}")
    assert digest in client("images", "--digests")
    client.pull(f"{image}@{digest}")


def test_skopeo(registries: dict[str, str], digest: str, image: str) -> None:
    need("skopeo")
    path = registries["CONTAINERS_REGISTRIES_CONF"]
    skopeo = Skopeo(("skopeo", f"--registries-conf={path}"), registries)
    assert skopeo("inspect", "--no-tags", "--format={{.Digest}}", f"docker://{image}:{VERSION}").strip() == digest


def test_docker_for_docker_hub(https: Https, digest: str, short_path: Path) -> None:
    mirrors = block("clients.md", "/etc/docker/daemon.json", {SITE: https.host})
    with dockerd(short_path, mirrors, SSL_CERT_FILE=str(https.authority)) as docker:
        assert f"Digest: {digest}" in docker("pull", f"nginx:{VERSION}")


@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_podman_and_buildah_take_an_authority_from_a_folder(name: str, https: Https, short_path: Path) -> None:
    need(name)
    Podman.of(name, short_path).pull(f"{https.host}/nginx:{VERSION}", f"--cert-dir={certificates(https, short_path)}")


def test_skopeo_takes_an_authority_from_a_folder(skopeo: Skopeo, https: Https, tmp_path: Path) -> None:
    skopeo.pull(f"{https.host}/nginx:{VERSION}", f"--src-cert-dir={certificates(https, tmp_path)}")


def certificates(https: Https, folder: Path) -> Path:
    (folder / "certs").mkdir()
    (folder / "certs" / "ca.crt").write_bytes(https.authority.read_bytes())
    return folder / "certs"
