"""Any request at all is answered: no 500, no hang, nothing unbounded."""

import os
import re
import socket
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.upstream import ExampleUpstream

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "3000"))
LARGEST = 1_000_000

METHODS = st.sampled_from(
    ["GET"] * 12 + ["HEAD"] * 6 + ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "get", "G\x01T"]
)
DIGESTS = st.sampled_from(
    ["sha256:" + "0" * 64, "sha512:" + "a" * 128, "sha256%3A" + "0" * 64, "sha256:0", "sha256:" + "F" * 64, "md5:00"]
)
WORDS = st.sampled_from(
    """
    v2 _catalog nginx postgres some tags list manifests blobs referrers uploads latest 1.27.4 .. . %2e%2e %2F %00 %0d%0a
    %ff index index.json schema.json token metrics healthz readyz static feed.atom é \u202e # *
    """.split()  # noqa: SIM905
)
ESCAPED = st.text(max_size=20).map(lambda text: quote(text, ""))
SEGMENTS = st.one_of(WORDS, DIGESTS, ESCAPED, st.just("a" * 300), st.just(""))
NAMED = st.sampled_from(["nginx", "nginx", "postgres", "python", "x/y", "NGINX", "..", ""])
ENDPOINTS = st.sampled_from(["manifests", "blobs", "referrers", "tags", "uploads"])
REFERENCES = st.one_of(DIGESTS, st.sampled_from(["latest", "1.27.4", "1.27.3", "list", "9.9"]), SEGMENTS)
KNOWN = st.tuples(NAMED, ENDPOINTS, REFERENCES).map(lambda parts: "/v2/" + "/".join(parts))
SOUND = st.sampled_from(
    """
    /metrics /healthz /readyz / /nginx /index/index.json /index/nginx/index.json /v2 /v2/ /v2/_catalog
    /v2/nginx/tags/list /v2/x/y/tags/list /v2/nginx/manifests/1.27.4 /v2/nginx/manifests/latest
    /v2/chainguard/nginx/manifests/1.27.3
    /v2/postgres/manifests/latest /v2/nginx/manifests/9.9
    """.split()  # noqa: SIM905
)
PATHS = st.one_of(SOUND, KNOWN, KNOWN, st.lists(SEGMENTS, max_size=6).map(lambda parts: "/" + "/".join(parts)))
QUERIES = st.one_of(
    st.sampled_from(
        ["", "?n=1", "?n=-1", "?n=99999999999999", "?last=%ff", "?artifactType=x", "?&&=", "?q=nginx", "?page=9"]
    ),
    ESCAPED.map(lambda text: f"?{text}"),
)
FIELDS = st.sampled_from(
    """
    Accept Accept-Encoding Authorization Connection Content-Length Cookie Expect Host If-None-Match If-Range Link Range
    Transfer-Encoding Upgrade X-Forwarded-Proto
    """.split()  # noqa: SIM905
)
VALUES = st.sampled_from(
    """
    */* * bytes=0-0 bytes=99999999999- bytes=- Bearer Basic=eDp5 chunked 0 -1 99999999999999999999 websocket close
    100-continue "sha256:0" evil.example:99999 gzip,br é
    """.split()  # noqa: SIM905
)
HEADERS = st.lists(st.tuples(FIELDS, st.one_of(VALUES, ESCAPED, st.just(""), st.just("\x7f"))), max_size=3)


@pytest.fixture(scope="module")
def examples() -> Iterator[list[int]]:
    """The statuses of all requests; 0 where the connection was closed without an answer."""
    statuses: list[int] = []
    yield statuses
    import collections

    print(collections.Counter(statuses))
    assert len(statuses) >= REQUESTS
    assert {200, 307, 400, 404, 405} <= set(statuses)


def exchange(address: tuple[str, int], request: bytes) -> bytes:
    """What comes back, up to `LARGEST` bytes, until the server closes the connection."""
    with socket.create_connection(address, timeout=15) as connection:
        received = bytearray()
        try:
            connection.sendall(request)
            while len(received) <= LARGEST and (chunk := connection.recv(65536)):
                received += chunk
        except ConnectionError:
            pass
        return bytes(received)


@pytest.mark.timeout(500)
@settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(method=METHODS, path=PATHS, query=QUERIES, headers=HEADERS)
def test_any_request_is_answered(
    client: httpx.Client,
    upstream: ExampleUpstream,
    examples: list[int],
    method: str,
    path: str,
    query: str,
    headers: list[tuple[str, str]],
) -> None:
    fields = [("Host", "registry.example.com"), *headers, ("Connection", "close")]
    lines = [f"{method} {path}{query} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    assert client.base_url.port
    received = exchange((client.base_url.host, client.base_url.port), "\r\n".join(lines).encode())
    assert len(received) <= LARGEST
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", received)
    status = int(found[1]) if found else 0
    examples.append(status)
    assert status != 500, received[:2000]
    assert status < 500 or status in (502, 503, 504), received[:2000]
    if status >= 400 and b"docker-distribution-api-version" in received and method == "GET":
        assert b'{"errors":[{"code":"' in received
