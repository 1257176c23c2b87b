"""Where upstream sends the server, and what comes with that."""

from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Serve, error
from tests.upstream import Answer, ExampleUpstream, Fault, Mislabel, Slow, redirect

REDIRECTS = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", REDIRECTS)
def test_each_kind_of_redirect_is_followed_for_a_manifest(
    client: httpx.Client, upstream: ExampleUpstream, status: int
) -> None:
    upstream.inject(Fault(redirect("/v2/chainguard/postgres/manifests/latest?there", status), path="latest$"))
    assert client.get("/v2/postgres/manifests/latest").status_code == 200
    assert sum("there" in request.query for request in upstream.requests) == 1


@pytest.mark.parametrize("status", REDIRECTS)
def test_each_kind_of_redirect_is_handed_on_for_a_blob(
    client: httpx.Client, upstream: ExampleUpstream, status: int
) -> None:
    elsewhere = f"http://{upstream.cdn_host}/there"
    upstream.inject(Fault(redirect(elsewhere, status), path="/blobs/"))
    answer = client.get(f"/v2/nginx/blobs/sha256:{'0' * 64}")
    assert (answer.status_code, answer.headers["location"]) == (307, elsewhere)


@pytest.mark.parametrize("status", [300, 304, 305, 306, 309])
def test_what_is_no_redirect_leads_nowhere_whatever_it_states(
    client: httpx.Client, upstream: ExampleUpstream, status: int
) -> None:
    stated = Answer(status, {"Location": f"http://{upstream.cdn_host}/there"})
    upstream.inject(Fault(stated, path="/blobs/", times=None))
    answer = client.get(f"/v2/nginx/blobs/sha256:{'0' * 64}?")
    assert "location" not in answer.headers
    assert error(answer) == (502, "UNAVAILABLE")


BODIES = {"long": b"x" * 20_000, "short": b"x" * 200, "none": b""}


@pytest.mark.parametrize("body", BODIES)
def test_the_body_of_a_redirect_does_no_harm(client: httpx.Client, upstream: ExampleUpstream, body: str) -> None:
    headers = {"Location": "/v2/chainguard/postgres/manifests/latest?there"}
    upstream.inject(Fault(Answer(307, headers, BODIES[body]), path="latest$"))
    assert client.get("/v2/postgres/manifests/latest").status_code == 200


def test_the_body_of_a_challenge_is_not_waited_for(client: httpx.Client, upstream: ExampleUpstream) -> None:
    """A byte in 30 seconds."""
    assert client.get("/v2/postgres/manifests/latest-dev").status_code == 404
    upstream.revoke_tokens()
    upstream.inject(Fault(Slow(1, 30), path="/manifests/latest$"))
    assert client.get("/v2/postgres/manifests/latest").status_code == 200


@pytest.mark.parametrize(
    "location",
    [
        "ftp://cdn.example.com/x",
        "http://user:secret@cdn.example.com/x",
        "//user@cdn.example.com/x",
        "http://cdn.example.com:0/x",
        "http://cdn!example.com/x",
        "http://:80/x",
        "http://[::1/x",
    ],
)
def test_nobody_is_sent_to_what_is_no_plain_address(
    client: httpx.Client, upstream: ExampleUpstream, location: str
) -> None:
    upstream.inject(Fault(redirect(location), path="/blobs/", times=None))
    assert error(client.get(f"/v2/nginx/blobs/sha256:{'0' * 64}")) == (502, "UNAVAILABLE")


def test_elsewhere_is_asked_for_the_same_types(
    client: httpx.Client, upstream: ExampleUpstream, names: dict[str, list[str]]
) -> None:
    names["mirror.example.com"] = ["127.0.0.1"]
    upstream.options.tokens = False
    port = upstream.host.partition(":")[2]
    elsewhere = f"http://mirror.example.com:{port}/v2/chainguard/postgres/manifests/latest?there"
    upstream.inject(Fault(redirect(elsewhere), path="latest$", times=1))
    assert client.get("/v2/postgres/manifests/latest").status_code == 200
    first, second, *_ = upstream.requests.matching("/manifests/latest$")
    assert "there" in second.query
    assert first.headers["accept"] == second.headers["accept"] != "*/*"


def test_a_query_is_sent_on_as_it_was_escaped(client: httpx.Client, upstream: ExampleUpstream) -> None:
    client.get("/v2/postgres/tags/list?last=a%2Fb%3Dc")
    assert [request.query_string for request in upstream.requests.matching("/tags/list$")] == [b"last=a%2Fb%3Dc"]


def test_a_header_that_holds_more_than_printable_ascii_is_not_sent_on(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    upstream.options.redirect_blobs = False
    upstream.inject(
        Fault(Mislabel({"ETag": '"caf\xe9"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}), path="/blobs/")
    )
    store = upstream.store("nginx")
    layer = store.manifests[store.tags["latest"]].children[0].children[0].digest
    answer = client.get(f"/v2/nginx/blobs/{layer}")
    assert answer.status_code == 200
    assert "etag" not in answer.headers
    assert answer.headers["last-modified"] == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_a_registry_in_plain_text_may_name_a_realm_with_tls(
    serve: Serve, upstream: ExampleUpstream, secure: ExampleUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "secure.pem"))
    challenge = {"WWW-Authenticate": f'Bearer realm="{secure.url}/token"'}
    upstream.inject(Fault(Answer(401, challenge), path="/manifests/", times=None))
    assert error(serve().get("/v2/postgres/manifests/latest"))[0] == 403
    assert secure.requests.count("/token") == 1


def test_a_signed_address_may_be_long(client: httpx.Client, upstream: ExampleUpstream) -> None:
    elsewhere = f"http://{upstream.cdn_host}/x?signature={'s' * 20_000}"
    upstream.inject(Fault(redirect(elsewhere), path="/blobs/"))
    assert client.get(f"/v2/nginx/blobs/sha256:{'0' * 64}").headers["location"] == elsewhere


def test_a_blob_that_is_sent_without_any_coding_is_passed_through(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    upstream.options.redirect_blobs = False
    upstream.inject(Fault(Mislabel({"Content-Encoding": "identity"}), path="/blobs/"))
    store = upstream.store("nginx")
    layer = store.manifests[store.tags["latest"]].children[0].children[0].digest
    assert client.get(f"/v2/nginx/blobs/{layer}").status_code == 200
