"""Whatever bytes a registry answers with, nothing but a declared error comes out. Over a real socket."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.reference import Repository
from generator.upstream import Client, Connections, Descriptor, Limits
from generator.upstream.manifest import OCI_INDEX
from tests.generator.test_hostile import DIGEST, HISTORY, IMAGE, NASTY, told

LIMITS = Limits(manifest=100_000, blob=100_000, connect=1, read=1, attempts=1, patience=0.5)
END = b"\r\n\r\n"
CHUNK = 65536


class Socket:
    """Answers every request on every connection with `answer`, byte for byte, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self.sent = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            received = b""
            while END not in received and (more := connection.recv(65536)):
                received += more
            for start in range(0, len(self.answer), CHUNK):
                connection.sendall(self.answer[start : start + CHUNK])
                self.sent += CHUNK


@pytest.fixture(scope="module")
def registry() -> Socket:
    return Socket()


def asked(registry: Socket, tokens: bool) -> list[Callable[[], object]]:
    """All that is ever asked of a registry."""
    connections = Connections(1, LIMITS.patience)
    client = Client(Repository.parse(f"{registry.host}/demo"), connections, LIMITS)
    if not tokens:
        client.auth.token = "known"
    return [
        lambda: client.head("latest"),
        lambda: client.manifest("latest"),
        lambda: client.manifest(DIGEST),
        lambda: client.blob(Descriptor("x", DIGEST, 10)),
        lambda: client.referrers(DIGEST),
        lambda: client.history("latest", datetime(2026, 1, 1, tzinfo=UTC)),
    ]


LOCATIONS = [
    b"http://[::1", b"http://", b"//", b"", b"?", b"http://localhost:99999/", b"http://localhost:x/", b"ftp://127.0.0.1/",
    b"http://127.0.0.1:1/", b"http:///x", b"/v2/../..", b"\xff\xfe", b"http://\xc3\xa9\xe2\x80\xa8/", b"http://a b/",
    b"/%zz%", b"x" * 70_000, b"http://127.0.0.1:1@[/", b"javascript:x", b"http://..localhost/", b"http://*/", b"\x00",
    b"http://" + b"a" * 64 + b".localhost/",
]  # fmt: skip
TEXTS = [b"", b"-1", b"0", b"1e3", b"10", b"99999999999999999999", b"5, 5", b"\xff", b'"', b"a" * 70_000, b"NaN"]
HEADERS = {
    b"Location": LOCATIONS,
    b"Content-Length": TEXTS,
    b"Transfer-Encoding": [b"chunked", b"gzip, chunked", b"x"],
    b"Content-Encoding": [b"gzip", b"deflate", b"br", b"x", b"gzip, gzip, gzip"],
    b"Content-Type": [OCI_INDEX.encode(), b"application/json; charset=utf-7", b"\xff"],
    b"Docker-Content-Digest": [DIGEST.encode(), b"sha256:", *TEXTS],
    b"WWW-Authenticate": [b"Bearer", b'Bearer realm="http://[::1"', b'Bearer realm="http://127.0.0.1:1/"', *TEXTS],
    b"Retry-After": [b"0.5", b"Thu, 01 Jan 2026 00:00:00", *TEXTS],
    b"Date": [b"Thu, 32 Jan 2026 00:00:00 GMT", b"Thu, 01 Jan 2026 00:00:00 +9999", *TEXTS],
    b"Link": [b'<http://[>; rel="next"', b"<", b"<>;;;", b'</v2/x>; rel="next"', b'<?n=1>; rel="next"; rel', *TEXTS],
    b"Set-Cookie": [b"a=b; Domain=localhost; Expires=x", *TEXTS],
    b"Connection": [b"close", b"upgrade", b"\xff"],
    b"\xff": [b"x"],
    b" folded": [b"x"],
}
BODIES = [
    b"", b"{}", b"0\r\n\r\n", b"zz\r\n", b"-1\r\nx", b"fffffffffffffffff\r\nx", b"5\r\nab",
    b"\x1f\x8b\x08" + b"\0" * 20,
    IMAGE.top().data, json.dumps(HISTORY).encode(), b'{"token": "x"}', *NASTY,
]  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    status = draw(
        st.sampled_from([200, 200, 200, 301, 302, 307, 308, 300, 204, 304, 401, 403, 404, 405, 429, 500, 503])
    )
    body = draw(st.sampled_from(BODIES) | st.binary(max_size=50))
    headers = b""
    for name in draw(st.lists(st.sampled_from(list(HEADERS)), max_size=4)):
        headers += name + b": " + draw(st.sampled_from(HEADERS[name])) + b"\r\n"
    if draw(st.booleans()):
        headers += f"Content-Length: {len(body)}\r\n".encode()
    return f"HTTP/1.1 {status} \r\n".encode() + headers + b"\r\n" + body


broken = st.binary(max_size=40) | st.sampled_from(
    [b"HTTP/1.1 200", *(b"HTTP/" + line + END for line in (b"9.9 200 OK", b"1.1 abc", b"1.1 -1 x", b"1.1 100 x"))]
)


@settings(max_examples=150, deadline=None)
@given(answer=answers() | broken, tokens=st.booleans())
@example(answer=b"HTTP/1.1 307 x\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n", tokens=False)
@example(answer=b"HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", tokens=False)
@example(answer=b"HTTP/1.1 200 x\r\nContent-Length: 5, 6\r\n\r\nabc", tokens=False)
def test_any_answer_is_what_was_asked_for_or_one_line(registry: Socket, answer: bytes, tokens: bool) -> None:
    registry.answer = answer
    for ask in asked(registry, tokens):
        began = time.monotonic()
        line = told(ask)
        assert time.monotonic() - began < 30, "it hung"
        assert line.isprintable()
        assert len(line) < 1000


def test_an_answer_that_sends_on_is_not_read_to_its_end(registry: Socket) -> None:
    registry.answer = b"HTTP/1.1 307 x\r\nLocation: /v2/\r\nContent-Length: 100000000\r\n\r\n" + bytes(100_000_000)
    registry.sent = 0
    assert "redirected too often" in told(asked(registry, tokens=False)[0])
    assert registry.sent < 50_000_000
