"""A pull through a server that has just started, by every client, from upstreams of every manner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Client, Skopeo
from tests.clients.serving import Serve, recorded
from tests.upstream import ExampleUpstream, Options
from tests.upstream.requests import Request

CLIENTS = ["skopeo", "podman", "buildah", "docker", "ctr", "oras", "node"]
MANNERS = {
    "tokens and a CDN": Options(),
    "tokens": Options(redirect_blobs=False),
    "neither": Options(tokens=False, redirect_blobs=False),
}


@pytest.fixture(scope="module", params=MANNERS)
def manner(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def upstream(manner: str) -> Iterator[ExampleUpstream]:
    with ExampleUpstream(MANNERS[manner]) as running:
        yield running


@pytest.fixture(scope="module")
def index(upstream: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("index"), upstream, nginx="nginx")


@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_a_first_pull(client: Client, manner: str, upstream: ExampleUpstream, index: Path, serve: Serve) -> None:
    served = serve(index)
    upstream.requests.clear()
    client.pull(f"{served.host}/nginx:1.27.4", *client.plain)
    image = upstream.store("nginx").manifests[served.digest("nginx", "1.27.4")].children[0]
    layer = image.document["layers"][0]["digest"].removeprefix("sha256:")
    (pulled,) = upstream.requests.matching(f"GET .*{layer}", status=200)
    match manner:
        case "tokens and a CDN":
            assert pulled.side == "cdn"
            assert not is_ours(pulled)
        case "tokens":
            assert all(is_ours(request) for request in upstream.requests)
        case "neither":
            assert not is_ours(pulled)
            assert not any(is_ours(request) for request in upstream.requests.matching("/blobs/"))


def is_ours(request: Request) -> bool:
    """Whether the server asked, rather than the client that it sent there."""
    return (request.user_agent or "").startswith("reverse-registry")


def test_an_image_that_the_index_does_not_know(
    skopeo: Skopeo, upstream: ExampleUpstream, index: Path, serve: Serve
) -> None:
    inspect = ("inspect", "--tls-verify=false", "--format={{.Digest}}")
    assert skopeo(*inspect, f"docker://{serve(index).host}/postgres:latest") == skopeo(
        *inspect, f"docker://{upstream.repository('postgres')}:latest"
    )
