"""Upstream on a bad day: the right status, in time, and never a 500."""

from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Serve, error
from tests.upstream import Answer, ExampleUpstream, Fault, Hang, Mislabel, Reset, Slow, Truncate, redirect

PATHS = ["/v2/postgres/manifests/latest", "/v2/postgres/tags/list", "/v2/postgres/blobs/sha256:" + "0" * 64]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Reset(), (502, "UNAVAILABLE")),
        (Answer(400), (404, None)),
        (Answer(404), (404, None)),
        (Answer(403), (403, "DENIED")),
        (Answer(500), (502, "UNAVAILABLE")),
        (Answer(502), (502, "UNAVAILABLE")),
        (Answer(503), (503, "UNAVAILABLE")),
        (Answer(504), (504, "UNAVAILABLE")),
        (Answer(204), (502, "UNAVAILABLE")),
        (Answer(304), (502, "UNAVAILABLE")),
        (Answer(307), (502, "UNAVAILABLE")),
        (redirect("ftp://example.org/"), (502, "UNAVAILABLE")),
    ],
    ids=repr,
)
@pytest.mark.parametrize("path", PATHS[:2])
def test_each_failure_has_its_status(
    client: httpx.Client, upstream: ExampleUpstream, path: str, fault: Answer | Reset, expected: tuple[int, str | None]
) -> None:
    upstream.inject(Fault(fault, path="/v2/", times=None))
    status, code = error(client.get(path))
    assert status == expected[0]
    assert code == expected[1] or expected[1] is None


@pytest.mark.parametrize("path", PATHS)
def test_too_many_requests_stay_that_with_the_time_to_wait(
    client: httpx.Client, upstream: ExampleUpstream, path: str
) -> None:
    upstream.inject(Fault(Answer(429, {"Retry-After": "17"}), path="/v2/", times=None))
    answer = client.get(path)
    assert error(answer) == (429, "TOOMANYREQUESTS")
    assert answer.headers["retry-after"] == "17"


@pytest.mark.parametrize("path", PATHS)
def test_an_upstream_that_hangs_is_given_up(serve: Serve, upstream: ExampleUpstream, path: str) -> None:
    upstream.inject(Fault(Hang(3600), path="/v2/", times=None))
    assert error(serve(timeout=0.5).get(path)) == (504, "UNAVAILABLE")


def test_bytes_that_trickle_do_not_outlast_the_deadline(serve: Serve, upstream: ExampleUpstream) -> None:
    """A whole manifest would take minutes in this way, each byte of it well before a deadline of its own."""
    upstream.inject(Fault(Slow(1, 0.2), path="/manifests/", times=None))
    assert error(serve(timeout=1).get(PATHS[0])) == (504, "UNAVAILABLE")


@pytest.mark.parametrize("path", PATHS)
def test_an_upstream_that_cannot_be_reached_is_a_bad_gateway(serve: Serve, gone: Path, path: str) -> None:
    client = serve(index=str(gone))
    assert error(client.get(path)) == (502, "UNAVAILABLE")


@pytest.mark.parametrize("path", PATHS[:2])
def test_a_body_that_ends_early_is_a_bad_gateway(client: httpx.Client, upstream: ExampleUpstream, path: str) -> None:
    upstream.inject(Fault(Truncate(10), path="/v2/.*(latest|list)", times=None))
    # The first request, without a token, is answered with 401 and broken off as well.
    assert error(client.get(path)) == (502, "UNAVAILABLE")


@pytest.mark.parametrize("length", ["10", "100000", "-1", "x"])
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_wrong_length_is_a_bad_gateway(serve: Serve, upstream: ExampleUpstream, by: str, length: str) -> None:
    reference = "latest" if by == "tag" else upstream.store("postgres").tags["latest"]
    upstream.inject(Fault(Mislabel({"Content-Length": length}), path="/manifests/", times=None))
    assert error(serve(timeout=2).get(f"/v2/postgres/manifests/{reference}")) == (502, "UNAVAILABLE")


@pytest.mark.parametrize("path", [*PATHS[:2], f"/v2/postgres/referrers/sha256:{'0' * 64}"])
def test_a_redirect_loop_is_a_bad_gateway(client: httpx.Client, upstream: ExampleUpstream, path: str) -> None:
    upstream.inject(Fault(redirect(f"{upstream.url}/v2/round"), path="/v2/", times=None))
    assert error(client.get(path)) == (502, "UNAVAILABLE")
    assert upstream.requests.count("/v2/") <= 6


def test_the_server_recovers_when_upstream_does(client: httpx.Client, upstream: ExampleUpstream) -> None:
    upstream.inject(Fault(Reset(), path="/v2/", times=3))
    statuses = [client.get(PATHS[0]).status_code for _ in range(5)]
    assert statuses[0] == 502
    assert statuses[-1] == 200


@pytest.mark.parametrize(
    ("status", "expected", "message"),
    [
        (403, (403, "DENIED"), "upstream does not give this to you"),
        (400, (404, "BLOB_UNKNOWN"), "there is no blob {digest}"),
        (404, (404, "BLOB_UNKNOWN"), "there is no blob {digest}"),
        (410, (404, "BLOB_UNKNOWN"), "there is no blob {digest}"),
        (416, (416, "SIZE_INVALID"), "there is no such range"),
        (429, (429, "TOOMANYREQUESTS"), "localhost is asked too often"),
        (418, (502, "UNAVAILABLE"), "localhost answered 418"),
        (500, (502, "UNAVAILABLE"), "localhost answered 500"),
        (502, (502, "UNAVAILABLE"), "localhost answered 502"),
        (503, (503, "UNAVAILABLE"), "localhost answered 503"),
        (504, (504, "UNAVAILABLE"), "localhost answered 504"),
    ],
)
def test_each_refusal_of_upstreams_has_one_of_ours(
    client: httpx.Client, upstream: ExampleUpstream, status: int, expected: tuple[int, str], message: str
) -> None:
    digest = f"sha256:{'0' * 64}"
    headers = {"Retry-After": "17", "Content-Range": "bytes */5", "X-Internal": "10.0.0.7"}
    upstream.inject(Fault(Answer(status, headers), path="/blobs/", times=None))
    answer = client.get(f"/v2/postgres/blobs/{digest}")
    assert error(answer) == expected
    assert answer.json()["errors"][0]["message"] == message.format(digest=digest)
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert ("content-range" in answer.headers) == (status == 416)
