"""What a client or an upstream can make the server hold, and for how long."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from server.index.current import Current
from server.index.folder import look
from server.registry import prepared
from server.registry.known import RegistryResponse
from tests.server.conftest import Serve, error, image, wait_until, write
from tests.upstream import (
    Answer,
    Corrupt,
    ExampleUpstream,
    Fault,
    Huge,
    Mislabel,
    Reset,
    Truncate,
    blob,
    redirect,
)
from tests.upstream.faults import Action

Raw = Callable[[bytes], str]


class Gate:
    """Answers `status` once it is opened; `asked` says that somebody stands before it."""

    def __init__(self, status: int) -> None:
        self.asked, self.opened = threading.Event(), threading.Event()
        self._answer = Answer(status, {"WWW-Authenticate": "Bearer realm=x"} if status == 401 else {})

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await asyncio.to_thread(self.opened.wait, 60)
        await self._answer(app, scope, receive, send)


@pytest.fixture
def raw() -> Iterator[Raw]:
    """An upstream at `host` that answers each request with these very bytes, and closes."""
    listeners = []

    def start(answer: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"localhost:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def connections(upstream: ExampleUpstream) -> set[object]:
    return set(upstream._serving._server.server_state.connections)


def exchange(client: httpx.Client, request: bytes) -> tuple[list[bytes], bytes]:
    """Lines of the head, and the body, as they came over the wire."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), 20) as connection:
        connection.sendall(request + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return head.lower().split(b"\r\n"), body


class TestAClientThatTakesNothing:
    def test_it_is_given_up(self, serve: Serve, upstream: ExampleUpstream) -> None:
        """It reads no byte: what was sent fills its buffers, and then the transfer from upstream is ended."""
        upstream.options.redirect_blobs = False
        upstream.inject(Fault(Huge(2_000_000_000), path="/blobs/"))
        client, digest = serve(timeout=0.5), upstream.store("nginx").push(blob(b"x", "text/plain"))
        before = connections(upstream)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.connect((client.base_url.host, client.base_url.port))
            idle.sendall(f"GET /v2/nginx/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            wait_until(lambda: upstream.requests.matching("/blobs/") and upstream.requests.matching("/blobs/")[0].sent)
            transfer = connections(upstream) - before
            assert transfer
            wait_until(lambda: not transfer & connections(upstream))
            (request,) = upstream.requests.matching("/blobs/")
            assert request.sent < 500_000_000

    def test_one_that_takes_little_by_little_is_not(self, serve: Serve, upstream: ExampleUpstream) -> None:
        """`timeout` bounds a pause, not a transfer."""
        upstream.options.redirect_blobs = False
        content = bytes(3_000_000)
        digest = upstream.store("nginx").push(blob(content, "text/plain"))
        client, received = serve(timeout=1), 0
        with client.stream("GET", f"/v2/nginx/blobs/{digest}") as answer:
            for chunk in answer.iter_raw(1_000_000):
                received += len(chunk)
                threading.Event().wait(0.6)
        assert received == len(content)


class TestConnectionsToUpstream:
    def test_none_is_left_behind_whatever_upstream_did(self, serve: Serve, upstream: ExampleUpstream) -> None:
        client = serve(manifest_limit=100_000)
        upstream.options.redirect_blobs = False
        store = upstream.store("nginx")
        digest, before = store.push(blob(bytes(200_000), "text/plain")), connections(upstream)
        faults: list[Action] = [
            Answer(200, {"Content-Encoding": "gzip"}, b"x"),
            Answer(206, {}, b"x"),
            Answer(200),
            Answer(404, {}, bytes(300_000)),
            Answer(500, {}, bytes(300_000)),
            Answer(200, {}, b"{"),
            redirect("http://169.254.169.254/"),
            redirect("ftp://x/"),
            Huge(1_000_000),
            Huge(1_000_000, is_stated=False),
            Mislabel({"Docker-Content-Digest": f"sha256:{'0' * 64}"}),
            Corrupt(),
            Truncate(10),
            Reset(),
        ]
        paths = (f"blobs/{digest}", "manifests/latest", f"manifests/{store.tags['latest']}", "tags/list")
        for fault in faults:
            for path in (*paths, f"referrers/{store.tags['latest']}"):
                for method in ("GET", "HEAD"):
                    upstream.inject(Fault(fault, path="/v2/", times=2))
                    with suppress(httpx.RemoteProtocolError):
                        client.request(method, f"/v2/postgres/{path}")
                    upstream.faults.clear()
        assert client.get("/v2/nginx/manifests/latest").status_code in (200, 307)
        wait_until(lambda: len(connections(upstream) - before) <= 2)

    def test_nor_where_clients_leave_in_the_middle(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        upstream.options.redirect_blobs = False
        upstream.inject(Fault(Huge(200_000_000), path="/blobs/", times=None))
        digest, before = upstream.store("nginx").push(blob(b"x", "text/plain")), connections(upstream)
        for _ in range(10):
            with client.stream("GET", f"/v2/nginx/blobs/{digest}") as answer:
                next(answer.iter_raw(1000))
        wait_until(lambda: len(connections(upstream) - before) <= 1)


class TestTheLengthOfABlob:
    @pytest.mark.parametrize("order", [0, 1])
    def test_it_is_said_in_one_way_alone(self, index: Path, serve: Serve, raw: Raw, order: int) -> None:
        """Both ways at once are how requests are smuggled past a proxy in front of us (RFC 9112, 6.3)."""
        lines = [b"Content-Length: 3", b"Transfer-Encoding: chunked"]
        head = b"\r\n".join([b"HTTP/1.1 200 OK", *(lines[::-1] if order else lines)])
        host = raw(head + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        for file in index.rglob("index.json"):
            file.write_text(file.read_text().replace('"upstream": "localhost', '"upstream": "' + host + '", "was": "'))
        client = serve()
        head_lines, _ = exchange(client, b"GET /v2/never/blobs/sha256:" + HELLO)
        assert sum(line.startswith((b"content-length:", b"transfer-encoding:")) for line in head_lines) == 1
        answer = client.get(f"/v2/never/blobs/sha256:{HELLO.decode()}")
        assert answer.status_code == 502 or (answer.status_code, answer.content) == (200, b"hello")

    def test_what_follows_the_stated_length_reaches_nobody(self, index: Path, serve: Serve, raw: Raw) -> None:
        host = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n")
        for file in index.rglob("index.json"):
            file.write_text(file.read_text().replace('"upstream": "localhost', '"upstream": "' + host + '", "was": "'))
        lines, body = exchange(serve(), b"GET /v2/never/blobs/sha256:" + HELLO)
        assert (lines[0].split()[1], body) == (b"200", b"hello") or lines[0].split()[1] == b"502"
        assert b"HTTP/1.1" not in body


HELLO = b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_a_late_401_drops_no_token_but_the_one_that_was_refused(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    """Two ask with the same token. One is refused at once, and renews it; the other is refused only then."""
    first, second, third = list(upstream.store("nginx").manifests)[:3]
    assert client.get(f"/v2/nginx/manifests/{third}").status_code == 200
    gate = Gate(401)
    upstream.inject(Fault(gate, path=first), Fault(Answer(401), path=second))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(client.get, f"/v2/nginx/manifests/{first}")
        assert gate.asked.wait(30)
        assert client.get(f"/v2/nginx/manifests/{second}").status_code == 200
        gate.opened.set()
        assert late.result().status_code == 200
    assert upstream.requests.count("/token") == 2


class TestWhatIsPrepared:
    @pytest.mark.parametrize(("size", "limit"), [(1000, 100_000), (0, 0)])
    def test_it_is_bounded_in_bytes_and_in_number(
        self, index: Path, monkeypatch: pytest.MonkeyPatch, size: int, limit: int
    ) -> None:
        monkeypatch.setattr(prepared, "MOST", 100 if not size else 1000)
        kept = prepared.Prepared(Current(index), limit)
        scopes = [
            {"type": "http", "method": "GET", "raw_path": b"/%d" % number, "query_string": b"", "headers": []}
            for number in range(1000)
        ]
        for scope in scopes:
            kept.keep(scope, RegistryResponse(200, {}, bytes(size)))
            assert kept.get(scope)
        assert 1 <= sum(kept.get(scope) is not None for scope in scopes) <= 101

    def test_what_is_larger_than_all_may_be_drives_nothing_out(self, index: Path) -> None:
        kept = prepared.Prepared(Current(index), 10)
        request: Scope = {"type": "http", "method": "GET", "query_string": b"", "headers": []}
        tag, listing = {**request, "raw_path": b"/tag"}, {**request, "raw_path": b"/list"}
        kept.keep(tag, RegistryResponse(307, {}))
        kept.keep(listing, RegistryResponse(200, {}, bytes(11)))
        assert kept.get(tag)
        assert not kept.get(listing)

    def test_requests_that_differ_without_end_are_not_kept_apart(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        """The query of a list changes its page; whatever else is in it changes nothing."""
        whole = client.get("/v2/nginx/tags/list").json()["tags"]
        for query in ("x=1", "n=1", "n=1&x=2", "last=1.27.3", "ns=", "n=1&ns="):
            expected = whole[:1] if "n=1" in query else whole[whole.index("1.27.3") + 1 :] if "last" in query else whole
            assert [client.get(f"/v2/nginx/tags/list?{query}").json()["tags"] for _ in range(3)] == [expected] * 3


def test_a_build_that_the_index_has_is_described_without_a_call_upstream(
    serve: Serve, gone: Path, upstream: ExampleUpstream
) -> None:
    """Upstream is not even there."""
    client, store = serve(), upstream.store("nginx")
    for digest in {record.digest for record in (store.history("latest")[0], store.history("latest")[-1])}:
        answer = client.head(f"/v2/nginx/manifests/{digest}")
        assert answer.status_code == 200
        assert answer.headers["docker-content-digest"] == digest
        assert answer.headers["content-length"] == str(len(store.manifests[digest].data))
        assert answer.headers["content-type"] == store.manifests[digest].media_type
    assert len(upstream.requests) == 0


class TestADescription:
    """HEAD of a tag of upstream's own: what it states is checked, and the bytes are asked for where it is unsound."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Docker-Content-Digest": "sha256:short"},
            {"Docker-Content-Digest": f"sha256:{'A' * 64}"},
            {"Docker-Content-Digest": f"md5:{'0' * 32}"},
            {"Docker-Content-Digest": "latest"},
            {"Docker-Content-Digest": f"sha256:{'0' * 65}"},
            {"Docker-Content-Digest": ""},
            {"Docker-Content-Digest": None},
            {"Content-Length": "12345678901"},
            {"Content-Type": "text/html"},
            {"Content-Type": None},
        ],
        ids=repr,
    )
    def test_what_is_not_sound_is_not_believed(
        self, client: httpx.Client, upstream: ExampleUpstream, headers: dict[str, str | None]
    ) -> None:
        upstream.inject(Fault(Mislabel(headers), path="/manifests/", method="HEAD", times=None))
        manifest = upstream.store("postgres").manifests[upstream.store("postgres").tags["latest"]]
        answer = client.head("/v2/postgres/manifests/latest")
        assert answer.status_code == 200
        assert answer.headers["docker-content-digest"] == manifest.digest
        assert answer.headers["content-length"] == str(len(manifest.data))
        assert answer.headers["content-type"] == manifest.media_type


def test_an_index_is_loaded_only_when_its_files_stand_still(
    index: Path, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes all the time: every look finds another change. It is taken at the second look without one."""
    monkeypatch.setattr("server.index.current.INTERVAL", 0.01)
    events: list[str] = []
    loaded = asyncio.Event()

    def taken(_: object) -> None:
        events.append("loaded")
        loaded.set()

    async def watched() -> None:
        current = Current(index, taken)

        def writing() -> object:
            if events.count("changed") < 5:
                number = events.count("changed")
                events.append("changed")
                document = image(upstream, "nginx", package=f"nginx-{number}")
                write(index, upstream, {"nginx": document | {"tags": {f"1.27.{number}": document["tags"]["1.27.4"]}}})
            else:
                events.append("still")
            return look(index)

        monkeypatch.setattr("server.index.current.look", lambda _: writing())
        watch = asyncio.create_task(current.watch())
        await loaded.wait()
        watch.cancel()
        assert list(current.index.images["nginx"].tags) == ["1.27.4"]

    asyncio.run(asyncio.wait_for(watched(), 60))
    assert events[:6] == ["changed"] * 5 + ["still"]
    assert events.index("loaded") == 6


def test_an_error_has_no_secret_of_the_token_endpoint(client: httpx.Client, upstream: ExampleUpstream) -> None:
    upstream.inject(Fault(Answer(500, {}, b"secret: token-of-somebody"), path="/token"))
    answer = client.get("/v2/postgres/manifests/latest")
    assert error(answer) == (502, "UNAVAILABLE")
    assert "secret" not in answer.text
