"""A drop-in mirror: the names that images have upstream, with and without containerd's `ns`."""

from pathlib import Path
from urllib.parse import quote_plus

import httpx
import pytest

from server.index.catalogue import Index
from tests.server.conftest import Serve, error, image, write
from tests.upstream import ExampleUpstream

NAME = "chainguard/nginx"


@pytest.fixture
def latest(upstream: ExampleUpstream) -> str:
    return upstream.store("nginx").tags["latest"]


@pytest.mark.parametrize("registry", ["", "?ns={host}", "?ns={HOST}"])
def test_the_path_of_an_images_repository_is_that_image(
    client: httpx.Client, upstream: ExampleUpstream, latest: str, registry: str
) -> None:
    query = registry.format(host=upstream.host, HOST=upstream.host.upper())
    assert client.head(f"/v2/{NAME}/manifests/1.27.4{query}").headers["docker-content-digest"] == latest
    get = client.get(f"/v2/{NAME}/manifests/1.27.4{query}")
    asked = f"?ns={quote_plus(query.removeprefix('?ns='))}" if query else ""
    assert get.headers["location"] == f"/v2/{NAME}/manifests/{latest}{asked}"
    assert client.get(f"/v2/{NAME}/tags/list{query}").json() == {"name": NAME, "tags": ["1.27.3", "1.27.4", "latest"]}
    assert len(upstream.requests) == 0
    manifest = client.get(f"/v2/{NAME}/manifests/1.27.4{query}", follow_redirects=True)
    assert manifest.headers["docker-content-digest"] == latest
    blob = next(iter(upstream.store("nginx").blobs))
    assert client.get(f"/v2/{NAME}/blobs/{blob}{query}").status_code == 307
    assert client.get(f"/v2/{NAME}/referrers/{latest}{query}").status_code == 200
    assert client.get(f"/v2/{NAME}/manifests/latest{query}").headers["docker-content-digest"] == latest


def test_both_names_share_what_is_in_memory(client: httpx.Client, upstream: ExampleUpstream, latest: str) -> None:
    for name in ("nginx", NAME):
        assert client.get(f"/v2/{name}/manifests/{latest}").status_code == 200
    assert upstream.requests.count("/manifests/") == 1


@pytest.mark.parametrize("registry", ["docker.io", "cgr.dev", "localhost", "localhost:1", "[::1]", "a b", "%00"])
@pytest.mark.parametrize("endpoint", ["manifests/1.27.4", "manifests/latest", "tags/list", f"blobs/sha256:{'0' * 64}"])
def test_a_registry_that_the_index_knows_nothing_of_is_unknown(
    client: httpx.Client, upstream: ExampleUpstream, endpoint: str, registry: str
) -> None:
    for _ in range(2):
        for name in ("nginx", NAME):
            assert error(client.get(f"/v2/{name}/{endpoint}?ns={registry}")) == (404, "NAME_UNKNOWN")
    assert len(upstream.requests) == 0


def test_with_a_registry_a_name_is_a_path_there(client: httpx.Client, upstream: ExampleUpstream) -> None:
    assert client.head(f"/v2/nginx/manifests/1.27.4?ns={upstream.host}").status_code == 404
    assert client.get(f"/v2/chainguard/postgres/manifests/latest?ns={upstream.host}").status_code == 200
    content = upstream.store("nginx").manifests[upstream.store("nginx").tags["latest"]]
    upstream.store("elsewhere/redis").push(content, "latest")
    assert client.get(f"/v2/elsewhere/redis/manifests/latest?ns={upstream.host}").content == content.data


def test_a_path_below_upstream_is_not_looked_for_below_it_again(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    content = upstream.store("nginx").manifests[upstream.store("nginx").tags["latest"]]
    upstream.store("chainguard/redis").push(content, "latest")
    for name in ("redis", "chainguard/redis"):
        assert client.get(f"/v2/{name}/manifests/latest").content == content.data


def test_our_own_name_is_no_other_registry(serve: Serve, latest: str) -> None:
    client = serve(public_url="https://registry.example.com")
    answer = client.head("/v2/nginx/manifests/1.27.4?ns=registry.example.com")
    assert answer.headers["docker-content-digest"] == latest


@pytest.mark.parametrize("registry", ["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.IO"])
def test_docker_hub_has_three_names(index: Path, upstream: ExampleUpstream, registry: str) -> None:
    write(index, upstream, {"redis": image(upstream, "nginx", repository="docker.io/redis", auth=None)})
    loaded = Index(index)
    for path in ("library/redis", "redis"):
        located = loaded.locate_at(registry, path)
        assert located
        assert located[0] is loaded.images["redis"]


def test_capitals_and_default_ports_of_a_host_do_not_matter(index: Path, upstream: ExampleUpstream) -> None:
    write(index, upstream, {"redis": image(upstream, "nginx", repository="CGR.dev:443/chainguard/redis", auth=None)})
    loaded = Index(index)
    assert loaded.locate("redis")[1].url("x") == "https://cgr.dev/v2/chainguard/redis/x"
    assert loaded.locate_at("cgr.dev", "chainguard/redis")


def test_an_images_own_name_goes_before_anothers_path(index: Path, serve: Serve, upstream: ExampleUpstream) -> None:
    older = upstream.store("nginx").history("latest")[0].digest
    mine = image(upstream, "nginx", tags={"1.27.4": older})
    write(index, upstream, {"nginx": image(upstream, "nginx"), NAME: mine | {"repository": f"{upstream.host}/x/y"}})
    assert serve().head(f"/v2/{NAME}/manifests/1.27.4").headers["docker-content-digest"] == older
