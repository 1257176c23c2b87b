"""What goes through to upstream, and what comes out of it: what is named here, and nothing else."""

import re
import socket
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.conftest import Serve, error
from tests.upstream import Answer, ExampleUpstream, Fault
from tests.upstream.faults import answer as answered
from tests.upstream.faults import part, start

CLIENTS = {
    "Authorization": "Bearer secret-of-the-client",
    "Proxy-Authorization": "Basic secret",
    "Cookie": "session=secret",
    "Referer": "https://intranet.example.com/secret",
    "Origin": "https://intranet.example.com",
    "User-Agent": "secret/1.0",
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=192.0.2.7",
    "X-Api-Key": "secret",
    "If-None-Match": '"secret"',
    "If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT",
    "Accept-Encoding": "br, gzip",
    "Accept-Language": "tlh",
    "Range": "bytes=0-9",
    "Te": "trailers",
}
OURS = {"host", "accept", "accept-encoding", "user-agent", "authorization", "connection"}
OF_BLOBS = OURS | {"range", "if-range"}

UPSTREAMS = {
    "Set-Cookie": "session=upstreams; Path=/",
    "Access-Control-Allow-Origin": "*",
    "Clear-Site-Data": '"*"',
    "Strict-Transport-Security": "max-age=1",
    "Refresh": "0; url=http://evil.example/",
    "Server": "upstream",
    "Warning": '299 - "upstream"',
    "X-Internal": "10.0.0.7",
    "Alt-Svc": 'h3="evil.example:443"',
    "Www-Authenticate": "Basic realm=upstream",
    "Content-Disposition": "attachment; filename=x.exe",
    "Content-Security-Policy": "default-src *",
}


class Adorned:
    """The app's own answer, with more headers."""

    async def __call__(self, app, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        first, body = await answered(app, scope, receive)
        own = {name.decode(): value.decode() for name, value in first["headers"]}
        await send(start(first["status"], {**own, **UPSTREAMS}))
        await send(part(body))


@pytest.fixture(params=["redirected", "passed through"])
def paths(request: pytest.FixtureRequest, upstream: ExampleUpstream) -> list[str]:
    upstream.options.redirect_blobs = request.param == "redirected"
    digest, blob = upstream.store("nginx").tags["latest"], next(iter(upstream.store("nginx").blobs))
    platform = next(each for each in upstream.store("nginx").manifests if each != digest)
    names = ("manifests/latest", f"manifests/{platform}", "manifests/absent", "tags/list", f"referrers/{digest}")
    return [f"/v2/{image}/{name}" for image in ("nginx", "postgres") for name in (*names, f"blobs/{blob}")]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_upstream_sees_nothing_of_a_client(
    client: httpx.Client, upstream: ExampleUpstream, paths: list[str], method: str
) -> None:
    for path in paths:
        client.request(method, path, headers=CLIENTS)
    assert upstream.requests.count("/blobs/") >= 2
    for request in upstream.requests:
        allowed = OF_BLOBS if "/blobs/" in request.path and method == "GET" else OURS
        assert set(request.headers) <= allowed, request.target
        assert request.headers["accept-encoding"] == "identity"
        assert "secret" not in str(request)
        assert "192.0.2.7" not in str(request)
    asked = {request.headers.get("range") for request in upstream.requests.matching("/blobs/")}
    assert asked == ({"bytes=0-9"} if method == "GET" else {None})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_sees_no_header_of_upstreams_that_is_not_for_it(
    client: httpx.Client, upstream: ExampleUpstream, paths: list[str], method: str
) -> None:
    upstream.inject(Fault(Adorned(), times=None))
    statuses = set()
    for path in paths:
        answer = client.request(method, path)
        statuses.add(answer.status_code)
        seen = {name for name, value in UPSTREAMS.items() if answer.headers.get(name) == value}
        assert not seen, path
    assert {200, 404} <= statuses


def test_a_cookie_of_upstreams_is_not_sent_back_to_it(client: httpx.Client, upstream: ExampleUpstream) -> None:
    upstream.inject(Fault(Adorned(), times=None))
    for digest in upstream.store("nginx").manifests:
        client.get(f"/v2/nginx/manifests/{digest}")
    assert len(upstream.requests) > 3
    assert not [request for request in upstream.requests if "cookie" in request.headers]


def test_it_is_never_asked_for_what_is_packed(client: httpx.Client, upstream: ExampleUpstream) -> None:
    upstream.options.compresses = True
    answer = client.get("/v2/postgres/manifests/latest", headers={"Accept-Encoding": "gzip"})
    assert answer.content == upstream.store("postgres").manifests[upstream.store("postgres").tags["latest"]].data
    assert "content-encoding" not in answer.headers


class TestAQuery:
    LISTS = ("tags/list", "referrers/sha256:" + "0" * 64)

    @pytest.fixture
    def client(self, serve: Serve, upstream: ExampleUpstream) -> httpx.Client:
        upstream.options.referrers = True
        return serve()

    @pytest.mark.parametrize("path", LISTS)
    @given(value=st.text(st.characters(codec="utf-8"), max_size=40))
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_of_a_client_means_upstream_what_it_means_here(
        self, client: httpx.Client, upstream: ExampleUpstream, path: str, value: str
    ) -> None:
        upstream.requests.clear()
        client.get(f"/v2/postgres/{path}", params={"last": value, "artifactType": value})
        (asked, *_) = upstream.requests.matching("/v2/")
        assert asked.query == {"last": value, "artifactType": value}
        assert asked.path == f"/v2/chainguard/postgres/{path}"

    @pytest.mark.parametrize("path", LISTS)
    def test_of_a_client_that_is_none_by_the_letter_goes_upstream_as_one(
        self, client: httpx.Client, upstream: ExampleUpstream, path: str
    ) -> None:
        """As a client writes it that escapes nothing; httpx would."""
        with socket.create_connection((client.base_url.host, client.base_url.port or 80), 20) as connection:
            line = b"GET /v2/postgres/" + path.encode() + b'?last=a"b<c>d|e^f`g{h}\\i%zz'
            connection.sendall(line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while connection.recv(65536):
                pass
        (asked, *_) = upstream.requests.matching("/v2/")
        assert re.fullmatch(rb"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]+", asked.query_string)
        assert asked.query["last"].startswith('a"b<c>d|e^f`g{h}\\i')

    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize(
        "query",
        [
            'last="script',
            "last=it's",
            "last={a}|^`",
            "last=a b",
            "last=a#b",
            "last=\\..\\",
            "last=http://evil.example/",
            "last=%0d%0aSet-Cookie:a=b",
            "last=a%3E%3B",
        ],
    )
    def test_of_upstreams_next_page_cannot_leave_its_place_in_our_link(
        self, client: httpx.Client, upstream: ExampleUpstream, path: str, query: str
    ) -> None:
        link = {"Link": f'</v2/x?{query}>; rel="next"', "Content-Type": "application/vnd.oci.image.index.v1+json"}
        body = b'{"tags": ["a"], "schemaVersion": 2, "manifests": []}'
        upstream.inject(Fault(Answer(200, link, body), path=f"/{path}"))
        answer = client.get(f"/v2/postgres/{path}")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        stated = answer.headers.get("link")
        assert stated, "the next page is lost"
        whole = re.fullmatch(rf"</v2/postgres/{re.escape(path)}\?([!-~]*)>; rel=\"next\"", stated)
        assert whole, stated
        assert not set(whole[1]) & set("\"<>\\^`{|} #'")

    def test_that_a_link_of_ours_states_leads_to_upstreams_next_page(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        """However upstream writes where it goes on: the value comes back as it was meant."""
        link = {"Link": '</v2/x?last=a+b%26n%3D1%2F%22&next_page=gAA%3D%3D>; rel="next"'}
        upstream.inject(Fault(Answer(200, link, b'{"tags": ["a"]}'), path="/tags/list"))
        stated = client.get("/v2/postgres/tags/list").links["next"]["url"]
        assert parse_qs(urlsplit(stated).query) == {"last": ['a b&n=1/"'], "next_page": ["gAA=="]}
        upstream.requests.clear()
        client.get(stated)
        (asked,) = upstream.requests.matching("/tags/list")
        assert asked.query == {"last": 'a b&n=1/"', "next_page": "gAA=="}


class TestAName:
    @pytest.mark.parametrize("auth", ["anonymous", "passthrough"])
    @pytest.mark.parametrize(
        "name",
        [
            "NGINX",
            "%2e%2e/x",
            "a%22,error=%22x",
            "a%0d%0aSet-Cookie:x",
            "a//b",
            "-a",
            "a%20b",
            "%c3%a9",
            "a:b",
        ],
    )
    def test_that_is_none_is_in_no_challenge_and_goes_nowhere(
        self, serve: Serve, upstream: ExampleUpstream, name: str, auth: str
    ) -> None:
        client = serve(auth=auth, public_url="https://registry.example.com")
        for token in ({}, {"Authorization": "Bearer x"}):
            for path in ("manifests/latest", "tags/list", f"blobs/sha256:{'0' * 64}", f"referrers/sha256:{'0' * 64}"):
                answer = client.get(f"/v2/{name}/{path}", headers=token)
                assert error(answer)[0] in (400, 404)
                assert "www-authenticate" not in answer.headers
                assert "set-cookie" not in answer.headers
        assert len(upstream.requests) == 0
