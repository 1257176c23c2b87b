"""Blobs: the client goes where upstream keeps them, or they pass through."""

import hashlib
import time
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Serve, error, image, wait_until, write
from tests.upstream import (
    Answer,
    Corrupt,
    ExampleUpstream,
    Fault,
    Huge,
    Mislabel,
    Reset,
    Slow,
    Truncate,
    blob,
    redirect,
)

LARGE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(100_000))


@pytest.fixture
def digest(upstream: ExampleUpstream) -> str:
    return next(iter(upstream.store("nginx").blobs))


@pytest.fixture
def data(upstream: ExampleUpstream, digest: str) -> bytes:
    return upstream.store("nginx").blobs[digest]


def push(upstream: ExampleUpstream, content: bytes) -> str:
    return upstream.store("nginx").push(blob(content, "application/octet-stream"))


class TestRedirected:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_the_client_is_sent_to_the_location_that_upstream_gives(
        self, client: httpx.Client, upstream: ExampleUpstream, digest: str, data: bytes, method: str
    ) -> None:
        answer = client.request(method, f"/v2/nginx/blobs/{digest}")
        assert answer.status_code == 307
        assert answer.headers["location"].startswith(f"http://{upstream.cdn_host}/")
        assert answer.headers["cache-control"] == "no-store"
        assert httpx.get(answer.headers["location"]).content == data

    def test_no_byte_passes_through_the_server(
        self, client: httpx.Client, upstream: ExampleUpstream, digest: str
    ) -> None:
        client.get(f"/v2/nginx/blobs/{digest}")
        assert upstream.requests.count(side="cdn") == 0

    def test_connections_to_upstream_are_used_again(
        self, client: httpx.Client, upstream: ExampleUpstream, digest: str
    ) -> None:
        before = set(upstream._serving._server.server_state.connections)
        for _ in range(10):
            client.get(f"/v2/nginx/blobs/{digest}")
        assert len(upstream._serving._server.server_state.connections - before) == 1

    def test_where_no_token_is_needed_the_client_is_sent_to_upstream_itself(
        self, index: Path, serve: Serve, upstream: ExampleUpstream, digest: str, data: bytes
    ) -> None:
        upstream.options.tokens = False
        write(index, upstream, {"nginx": image(upstream, "nginx", auth=None)})
        answer = serve().get(f"/v2/nginx/blobs/{digest}")
        assert (answer.status_code, len(upstream.requests)) == (307, 0)
        assert httpx.get(answer.headers["location"], follow_redirects=True).content == data

    def test_a_location_on_upstream_itself_is_followed_with_our_token(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        upstream.options.redirect_blobs = False
        digest = push(upstream, b"content")
        elsewhere = redirect(f"/v2/chainguard/nginx/blobs/{digest}?again")
        upstream.inject(Fault(elsewhere, path=f"{digest}$"))
        assert client.get(f"/v2/nginx/blobs/{digest}").content == b"content"
        assert upstream.requests.count("/blobs/") == 2

    def test_a_redirect_loop_ends(self, client: httpx.Client, upstream: ExampleUpstream, digest: str) -> None:
        upstream.inject(Fault(redirect(f"/v2/chainguard/nginx/blobs/{digest}"), path="/blobs/", times=None))
        assert error(client.get(f"/v2/nginx/blobs/{digest}")) == (502, "UNAVAILABLE")

    @pytest.mark.parametrize("location", ["http://x:y/", "//", ""])
    def test_a_location_that_cannot_be_read_is_upstreams_fault(
        self, client: httpx.Client, upstream: ExampleUpstream, digest: str, location: str
    ) -> None:
        upstream.inject(Fault(redirect(location), path="/blobs/", times=None))
        assert error(client.get(f"/v2/nginx/blobs/{digest}")) == (502, "UNAVAILABLE")


class TestPassedThrough:
    @pytest.fixture(autouse=True)
    def _direct(self, upstream: ExampleUpstream) -> None:
        upstream.options.redirect_blobs = False

    def test_the_bytes_and_their_headers_are_upstreams(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        digest = push(upstream, LARGE)
        answer = client.get(f"/v2/nginx/blobs/{digest}")
        assert answer.content == LARGE
        assert answer.headers["content-length"] == str(len(LARGE))
        assert answer.headers["docker-content-digest"] == digest
        assert answer.headers["content-type"] == "application/octet-stream"
        head = client.head(f"/v2/nginx/blobs/{digest}")
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(LARGE)))

    def test_a_range_is_kept(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        digest = push(upstream, LARGE)
        answer = client.get(f"/v2/nginx/blobs/{digest}", headers={"Range": "bytes=1000-1999"})
        assert answer.status_code == 206
        assert answer.content == LARGE[1000:2000]
        assert answer.headers["content-range"] == f"bytes 1000-1999/{len(LARGE)}"

    def test_a_range_that_no_request_may_hold_is_ignored(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        digest = push(upstream, b"short")
        answer = client.get(f"/v2/nginx/blobs/{digest}", headers={b"Range": b"bytes=\xe9"})
        assert (answer.status_code, answer.content) == (200, b"short")

    def test_a_range_beyond_the_end_is_refused(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        digest = push(upstream, b"short")
        answer = client.get(f"/v2/nginx/blobs/{digest}", headers={"Range": "bytes=1000-"})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == "bytes */5"

    @pytest.mark.parametrize("headers", [{}, {"Content-Length": None}], ids=["length", "chunked"])
    def test_a_transfer_that_upstream_breaks_off_breaks_for_the_client_too(
        self, client: httpx.Client, upstream: ExampleUpstream, headers: dict[str, None]
    ) -> None:
        digest = push(upstream, LARGE)
        truncate = Truncate(500_000)

        async def broken(app: object, scope: object, receive: object, send: object) -> None:
            await truncate(Labelled(app, headers), scope, receive, send)  # type: ignore[arg-type]

        upstream.inject(Fault(broken, path="/blobs/"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"/v2/nginx/blobs/{digest}")
        assert client.get(f"/v2/nginx/blobs/{digest}").content == LARGE

    def test_an_empty_body_is_a_bad_gateway(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        upstream.inject(Fault(Answer(200), path="/blobs/"))
        assert error(client.get(f"/v2/nginx/blobs/{push(upstream, LARGE)}")) == (502, "UNAVAILABLE")
        empty = push(upstream, b"")
        assert client.get(f"/v2/nginx/blobs/{empty}").content == b""

    @pytest.mark.parametrize("fault", [Corrupt(), Answer(200, {}, b"short")], ids=repr)
    def test_wrong_bytes_never_look_whole(
        self, client: httpx.Client, upstream: ExampleUpstream, fault: Corrupt | Answer
    ) -> None:
        digest = push(upstream, LARGE)
        upstream.inject(Fault(fault, path="/blobs/"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"/v2/nginx/blobs/{digest}")

    def test_what_is_short_by_the_length_that_nobody_stated_is_broken_off(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        digest = push(upstream, LARGE)
        upstream.inject(Fault(Huge(1_000_000, is_stated=False), path="/blobs/"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"/v2/nginx/blobs/{digest}")

    @pytest.mark.parametrize(
        "answer", [Answer(200, {"Content-Encoding": "gzip"}, b"x"), Answer(206, {}, b"x")], ids=repr
    )
    def test_a_form_that_was_not_asked_for_is_upstreams_fault(
        self, client: httpx.Client, upstream: ExampleUpstream, answer: Answer
    ) -> None:
        upstream.inject(Fault(answer, path="/blobs/"))
        assert error(client.get(f"/v2/nginx/blobs/{push(upstream, LARGE)}")) == (502, "UNAVAILABLE")

    @pytest.mark.parametrize("stated", ["text/html", "image/svg+xml", None])
    def test_no_browser_shows_a_blob_as_a_page_of_ours(
        self, client: httpx.Client, upstream: ExampleUpstream, stated: str | None
    ) -> None:
        upstream.inject(Fault(Mislabel({"Content-Type": stated}), path="/blobs/"))
        answer = client.get(f"/v2/nginx/blobs/{push(upstream, b'<script>')}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_a_range_is_for_get_alone(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        digest = push(upstream, LARGE)
        answer = client.head(f"/v2/nginx/blobs/{digest}", headers={"Range": "bytes=0-1"})
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(LARGE)))

    def test_a_client_that_leaves_ends_the_transfer_from_upstream(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        digest = push(upstream, LARGE)
        upstream.inject(Fault(Slow(1000, 0.02), path="/blobs/"))
        with client.stream("GET", f"/v2/nginx/blobs/{digest}") as answer:
            before = set(upstream._serving._server.server_state.connections)
            next(answer.iter_raw())
        wait_until(lambda: before - set(upstream._serving._server.server_state.connections))
        (request,) = upstream.requests.matching("/blobs/")
        assert request.sent < len(LARGE)

    def test_upstream_is_read_no_faster_than_the_client_reads(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        upstream.inject(Fault(Huge(500_000_000), path="/blobs/"))
        with client.stream("GET", f"/v2/nginx/blobs/{push(upstream, LARGE)}") as answer:
            next(answer.iter_raw(1000))
            sent = [-1, 0]
            while sent[-1] != sent[-2]:
                time.sleep(0.3)
                (request,) = upstream.requests.matching("/blobs/")
                sent.append(request.sent)
            assert sent[-1] < 50_000_000

    def test_no_content_is_kept_in_the_server(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        digest = push(upstream, b"content")
        for _ in range(2):
            client.get(f"/v2/nginx/blobs/{digest}")
        assert upstream.requests.count("/blobs/") == 2


class Labelled:
    """An app some of whose headers are left out."""

    def __init__(self, app: object, headers: dict[str, None]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        await Mislabel(self._headers)(self._app, scope, receive, send)  # type: ignore[arg-type]


def test_a_blob_that_upstream_does_not_have_is_unknown(client: httpx.Client) -> None:
    assert error(client.get("/v2/nginx/blobs/sha256:" + "0" * 64)) == (404, "BLOB_UNKNOWN")
    assert error(client.get("/v2/never/seen/blobs/sha256:" + "0" * 64)) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Reset(), 502),
        (Answer(500), 502),
        (Answer(502), 502),
        (Answer(503), 503),
        (Answer(504), 504),
        (Answer(403), 403),
    ],
    ids=repr,
)
def test_upstreams_failure_is_said_as_what_it_is(
    client: httpx.Client, upstream: ExampleUpstream, digest: str, fault: Answer | Reset, expected: int
) -> None:
    upstream.inject(Fault(fault, path="/blobs/", times=None))
    assert error(client.get(f"/v2/nginx/blobs/{digest}"))[0] == expected
