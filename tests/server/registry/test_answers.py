"""Answers that are kept prepared say what the routes would say, and nothing that is no longer so."""

from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Serve
from tests.upstream import ExampleUpstream


@pytest.fixture
def digest(upstream: ExampleUpstream) -> str:
    return upstream.store("nginx").tags["latest"]


def test_a_manifest_in_memory_is_given_as_it_was_the_first_time(
    client: httpx.Client, upstream: ExampleUpstream, digest: str
) -> None:
    first, *later = (client.get(f"/v2/nginx/manifests/{digest}") for _ in range(3))
    assert upstream.requests.count(f"/manifests/{digest}") == 1
    for answer in later:
        assert answer.content == first.content
        assert {**answer.headers, "date": ""} == {**first.headers, "date": ""}


def test_a_platform_of_it_likewise(client: httpx.Client, upstream: ExampleUpstream, digest: str) -> None:
    child = upstream.store("nginx").manifests[digest].children[0]
    answers = [client.request(method, f"/v2/nginx/manifests/{child.digest}") for method in ("GET", "GET", "HEAD")]
    assert [answer.content for answer in answers] == [child.data, child.data, b""]
    assert {answer.headers["docker-content-digest"] for answer in answers} == {child.digest}
    assert {answer.headers["content-length"] for answer in answers} == {str(len(child.data))}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_condition_is_heeded_once_the_answer_is_prepared(client: httpx.Client, digest: str, method: str) -> None:
    path = f"/v2/nginx/manifests/{digest}"
    tag = [client.request(method, path) for _ in range(2)][1].headers["etag"]
    assert client.request(method, path, headers={"If-None-Match": tag}).status_code == 304
    assert client.request(method, path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_a_page_of_a_list_is_asked_for_once_the_list_is_prepared(client: httpx.Client) -> None:
    whole = [client.get("/v2/nginx/tags/list") for _ in range(2)][1].json()
    assert whole == {"name": "nginx", "tags": ["1.27.3", "1.27.4", "latest"]}
    assert client.get("/v2/nginx/tags/list?n=1").json()["tags"] == ["1.27.3"]
    assert client.get("/v2/nginx/tags/list?last=1.27.3").json()["tags"] == ["1.27.4", "latest"]


def test_a_manifest_that_had_to_make_room_is_asked_for_again(
    serve: Serve, upstream: ExampleUpstream, digest: str
) -> None:
    store = upstream.store("nginx")
    older = store.history("latest")[0].digest
    client = serve(manifest_cache=1024 + len(store.manifests[digest].data) + 100)
    for each in (digest, digest, older, older, digest):
        assert client.get(f"/v2/nginx/manifests/{each}").content == store.manifests[each].data
    assert upstream.requests.count(f"GET .*/manifests/{digest}", status=200) == 2


def test_without_room_for_any_nothing_is_kept(serve: Serve, upstream: ExampleUpstream, digest: str) -> None:
    client = serve(manifest_cache=0)
    for _ in range(3):
        client.get(f"/v2/nginx/manifests/{digest}")
    assert upstream.requests.count(f"GET .*/manifests/{digest}", status=200) == 3


def test_the_log_and_the_metrics_count_them_all(client: httpx.Client, index: Path, digest: str) -> None:
    def value(series: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(series)), 0.0)

    names = (
        'reverse_registry_requests_total{endpoint="manifests",method="GET",status="200"}',
        "reverse_registry_manifest_cache_hits_total",
        "reverse_registry_sent_bytes_total",
    )
    client.get(f"/v2/nginx/manifests/{digest}")
    before = [value(name) for name in names[:2]]
    sent = value(names[2])
    size = sum(len(client.get(f"/v2/nginx/manifests/{digest}").content) for _ in range(5))
    assert [value(name) for name in names[:2]] == [each + 5 for each in before]
    assert value(names[2]) >= sent + size
