"""What holds for every request under /v2/, whatever it names."""

import json
from http.client import HTTPConnection

import httpx
import pytest

from tests.server.conftest import error
from tests.upstream import ExampleUpstream

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize("path", ["/v2/", "/v2"])
def test_the_version_check_says_that_this_is_a_registry(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (200, "{}")
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert client.head(path).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    ["/v2/", "/v2/nginx/manifests/1.27.4", "/v2/nginx/blobs/uploads/", f"/v2/nginx/blobs/{DIGEST}", "/v2/_catalog"],
)
def test_writes_are_refused(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert error(answer) == (405, "UNSUPPORTED")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/NGINX/manifests/latest", (400, "NAME_INVALID")),
        ("/v2//manifests/latest", (400, "NAME_INVALID")),
        ("/v2/a%2Fb/manifests/latest", (400, "NAME_INVALID")),
        ("/v2/nginx%2Fmanifests/1.27.4", (400, "NAME_INVALID")),
        ("/v2/a/%2e%2e/b/manifests/latest", (400, "NAME_INVALID")),
        ("/v2/a/../b/tags/list", (400, "NAME_INVALID")),
        ("/v2/%00/tags/list", (400, "NAME_INVALID")),
        ("/v2/%ff%fe/tags/list", (400, "NAME_INVALID")),
        ("/v2/nginx%0a/tags/list", (404, "UNSUPPORTED")),
        (f"/v2/{'a' * 256}/tags/list", (400, "NAME_INVALID")),
        ("/v2/nginx/manifests/.hidden", (404, "MANIFEST_UNKNOWN")),
        ("/v2/nginx/manifests/%2e%2e", (400, "NAME_INVALID")),
        ("/v2/nginx/manifests/sha256:abc", (400, "DIGEST_INVALID")),
        ("/v2/nginx/manifests/md5:00", (400, "DIGEST_INVALID")),
        ("/v2/nginx/blobs/latest", (400, "DIGEST_INVALID")),
        ("/v2/nginx/blobs/sha256:ABC", (400, "DIGEST_INVALID")),
        ("/v2/nginx/referrers/latest", (400, "DIGEST_INVALID")),
        ("/v2/nginx", (404, "UNSUPPORTED")),
        ("/v2/nginx/manifests/", (404, "UNSUPPORTED")),
        ("/v2/nginx/manifests/a/b", (404, "UNSUPPORTED")),
    ],
)
def test_what_the_grammar_does_not_allow_goes_no_further(
    upstream: ExampleUpstream, client: httpx.Client, path: str, expected: tuple[int, str]
) -> None:
    # httpx would put such a path right.
    connection = HTTPConnection(client.base_url.netloc.decode())
    connection.request("GET", path)
    answer = connection.getresponse()
    assert (answer.status, json.load(answer)["errors"][0]["code"]) == expected
    connection.close()
    assert len(upstream.requests) == 0


def test_a_longest_name_is_asked_for_upstream(client: httpx.Client) -> None:
    assert error(client.get(f"/v2/{'a' * 255}/manifests/latest")) == (404, "MANIFEST_UNKNOWN")


def test_the_colon_of_a_digest_may_be_escaped(client: httpx.Client, upstream: ExampleUpstream) -> None:
    digest = upstream.store("nginx").tags["latest"]
    answer = client.get(f"/v2/nginx/manifests/{digest.replace(':', '%3A')}")
    assert answer.headers["docker-content-digest"] == digest


def test_life_is_said_at_healthz(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok"
