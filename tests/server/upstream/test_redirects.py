"""Where upstream sends the server, and what comes with that."""

import httpx
import pytest

from tests.server.conftest import error
from tests.upstream import Answer, ExampleUpstream, Fault, Slow, redirect

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
