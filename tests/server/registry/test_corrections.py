"""What the index has taken back, and what upstream has no longer."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from server.errors import StartError
from server.index.catalogue import Index
from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, ExampleUpstream, Fault

SINCE = "2026-03-01T04:05:06Z"


@pytest.fixture
def document(upstream: ExampleUpstream) -> dict[str, Any]:
    """1.27.4 is retracted, 1.27.3 is gone and its build with it."""
    document = image(upstream, "nginx")
    older, latest = document["tags"].pop("1.27.3"), document["tags"].pop("1.27.4")
    document["builds"][0]["gone"] = SINCE
    document["retracted"] = {"1.27.4": {"digest": latest, "reason": 'it is "1.27.5"\u202e'}}
    document["gone"] = {"1.27.3": {"digest": older, "since": SINCE}}
    return document


@pytest.fixture
def client(index: Path, serve: Serve, upstream: ExampleUpstream, document: dict[str, Any]) -> httpx.Client:
    write(index, upstream, {"nginx": document})
    return serve()


def test_neither_is_in_a_list(client: httpx.Client) -> None:
    assert client.get("/v2/nginx/tags/list").json()["tags"] == ["latest"]


@pytest.mark.parametrize("_", ["routed", "prepared"])
def test_a_retracted_tag_is_answered_with_a_warning(client: httpx.Client, upstream: ExampleUpstream, _: str) -> None:
    digest = upstream.store("nginx").tags["latest"]
    for _time in range(2):
        head, get = (client.request(method, "/v2/nginx/manifests/1.27.4") for method in ("HEAD", "GET"))
        assert (head.status_code, head.headers["docker-content-digest"]) == (200, digest)
        assert (get.status_code, get.headers["location"]) == (307, f"/v2/nginx/manifests/{digest}")
        for answer in (head, get):
            assert answer.headers["warning"] == '299 - "1.27.4 is retracted: it is ?1.27.5??"'
    assert len(upstream.requests) == 0


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_tag_that_is_gone_is_unknown_since_then(client: httpx.Client, upstream: ExampleUpstream, method: str) -> None:
    answer = client.request(method, "/v2/nginx/manifests/1.27.3")
    assert answer.status_code == 404
    if method == "GET":
        assert error(answer) == (404, "MANIFEST_UNKNOWN")
        assert SINCE in answer.json()["errors"][0]["message"]
    assert len(upstream.requests) == 0


def test_a_build_that_is_gone_is_asked_for_as_it_may_be_back(
    client: httpx.Client, upstream: ExampleUpstream, document: dict[str, Any]
) -> None:
    digest = document["builds"][0]["digest"]
    path = f"/v2/nginx/manifests/{digest}"
    upstream.inject(Fault(Answer(404), path=f"/manifests/{digest}"))
    refused = client.get(path)
    assert error(refused) == (404, "MANIFEST_UNKNOWN")
    assert SINCE in refused.json()["errors"][0]["message"]
    assert client.get(path).content == upstream.store("nginx").manifests[digest].data


def test_a_tag_of_a_build_that_is_gone_is_gone(index: Path, serve: Serve, upstream: ExampleUpstream) -> None:
    document = image(upstream, "nginx")
    document["builds"][1]["gone"] = SINCE
    write(index, upstream, {"nginx": document})
    client = serve()
    assert error(client.get("/v2/nginx/manifests/1.27.4")) == (404, "MANIFEST_UNKNOWN")
    upstream.inject(Fault(Answer(503), path="/manifests/", times=None))
    assert error(client.get("/v2/nginx/manifests/latest")) == (503, "UNAVAILABLE")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"retracted": {"1.0": {"digest": f"sha256:{'0' * 64}", "reason": ""}}}, "1.0 points at sha256:0"),
        ({"retracted": {"1.0": "sha256:x"}}, "retracted"),
        ({"gone": {"1.0": {"digest": f"sha256:{'0' * 64}", "since": "yesterday"}}}, "since"),
    ],
)
def test_what_is_wrong_in_them_is_refused(
    index: Path, upstream: ExampleUpstream, changes: dict[str, Any], message: str
) -> None:
    write(index, upstream, {"nginx": image(upstream, "nginx", **changes)})
    with pytest.raises(StartError, match=f"nginx/index.json: .*{message}"):
        Index(index)


def test_two_token_endpoints_of_one_registry_are_refused(index: Path, upstream: ExampleUpstream) -> None:
    other = {"realm": f"{upstream.url}/other", "service": upstream.host}
    write(index, upstream, {"nginx": image(upstream, "nginx"), "python": image(upstream, "python", auth=other)})
    with pytest.raises(StartError, match=r"python/index.json: auth .*/token"):
        Index(index)
