"""Behind TLS: Caddy and nginx with the files of server/deploy, and the command of tls.md."""

import contextlib
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.clients.client import Client, Skopeo
from tests.clients.https import PROXIES, Https, Proxy, behind, browser
from tests.upstream import ExampleUpstream, Fault, Options, Slow, Truncate, redirect
from tests.upstream.oci import blob, manifest

LONG_NAME = "/".join(["long"] * 48)
LARGE = b"0123456789abcdef" * (4 << 20)


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    return PROXIES[request.param]


@pytest.fixture(scope="module")
def https(proxy: Proxy, index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    with behind(proxy, tmp_path_factory.mktemp("https"), index) as running:
        yield running


@pytest.fixture(scope="module")
def echo(proxy: Proxy, index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The same, but what is behind the proxy answers with what it sees."""
    folder = tmp_path_factory.mktemp("echo")
    with behind(proxy, folder, index, app="tests.clients.echo:app") as running, browser(running) as client:
        yield client


@pytest.fixture
def web(https: Https) -> Iterator[httpx.Client]:
    with browser(https) as client:
        yield client


@pytest.mark.parametrize("client", ["skopeo", "podman", "buildah", "oras", "node"], indirect=True)
def test_a_client_that_trusts_the_authority_pulls(
    client: Client, https: Https, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(variable, str(https.authority))
    upstream.requests.clear()
    client.pull(f"{https.host}/nginx:1.27.4")
    assert upstream.requests.count("GET ", side="cdn", status=200)


def test_a_client_that_does_not_trust_it_refuses(skopeo: Skopeo, https: Https) -> None:
    assert "x509" in skopeo.refused("inspect", f"docker://{https.host}/nginx:1.27.4")


def test_a_version_is_answered_and_redirected_on_the_same_site(web: httpx.Client) -> None:
    head = web.head("/v2/nginx/manifests/1.27.4")
    moved = web.get("/v2/nginx/manifests/1.27.4")
    digest = head.headers["docker-content-digest"]
    assert (head.status_code, moved.status_code) == (200, 307)
    assert moved.url.join(moved.headers["location"]) == web.base_url.join(f"/v2/nginx/manifests/{digest}")
    got = web.get(moved.headers["location"])
    assert f"sha256:{hashlib.sha256(got.content).hexdigest()}" == digest
    assert got.headers["content-length"] == head.headers["content-length"]
    assert got.headers["content-type"] == head.headers["content-type"]


def test_answers_are_as_without_a_proxy(web: httpx.Client, https: Https) -> None:
    kept = ("content-type", "content-length", "location", "cache-control", "docker-distribution-api-version", "link")
    for path in ("/v2/", "/v2/nginx/tags/list?n=2", "/v2/nginx/manifests/9.9", "/v2/NGINX/tags/list", "/nothing"):
        through, direct = web.get(path), httpx.get(https.direct + path)
        assert (through.status_code, through.content) == (direct.status_code, direct.content)
        assert [through.headers.get(name) for name in kept] == [direct.headers.get(name) for name in kept]


def test_a_long_name_and_a_long_tag_pass(web: httpx.Client, upstream: ExampleUpstream) -> None:
    tag = "t" * 128
    digest = upstream.store(f"chainguard/{LONG_NAME}").push(manifest(blob({}, "application/json"), []), tag)
    answer = web.get(f"/v2/{LONG_NAME}/manifests/{tag}")
    assert answer.headers["docker-content-digest"] == digest


def test_the_long_address_of_a_blob_passes(web: httpx.Client, upstream: ExampleUpstream) -> None:
    location = f"http://{upstream.cdn_host}/blob?signature={'s' * 6000}"
    layer = large(upstream, "addressed")
    upstream.inject(Fault(redirect(location), path="/blobs/"))
    answer = web.get(f"/v2/addressed/blobs/{layer}")
    assert (answer.status_code, answer.headers["location"]) == (307, location)


def test_a_blob_streams_through_no_faster_than_the_client_reads(web: httpx.Client, upstream: ExampleUpstream) -> None:
    layer = large(upstream, "streamed")
    in_pieces = Fault(Slow(1 << 20, 0), path="/blobs/", times=None)
    with sending_blobs(upstream, in_pieces), web.stream("GET", f"/v2/streamed/blobs/{layer}") as answer:
        assert answer.headers["content-length"] == str(len(LARGE))
        pieces = answer.iter_raw()
        received = hashlib.sha256(next(pieces))
        time.sleep(1)
        (request,) = upstream.requests.matching(f"GET .*/blobs/{layer}", status=200)
        assert request.sent < len(LARGE), "all of it is kept somewhere between"
        for piece in pieces:
            received.update(piece)
    assert f"sha256:{received.hexdigest()}" == layer


def test_a_range_of_a_blob_passes(web: httpx.Client, upstream: ExampleUpstream) -> None:
    layer = large(upstream, "ranged")
    with sending_blobs(upstream):
        answer = web.get(f"/v2/ranged/blobs/{layer}", headers={"Range": "bytes=16-31"})
    assert (answer.status_code, answer.content) == (206, LARGE[16:32])
    assert answer.headers["content-range"] == f"bytes 16-31/{len(LARGE)}"


def test_a_blob_that_breaks_off_breaks_off_for_the_client(web: httpx.Client, upstream: ExampleUpstream) -> None:
    layer = large(upstream, "broken")
    cut = Fault(Truncate(1 << 20), path="/blobs/", times=None)
    with sending_blobs(upstream, cut), pytest.raises(httpx.RemoteProtocolError):
        web.get(f"/v2/broken/blobs/{layer}")


def test_metrics_are_not_for_the_public(web: httpx.Client) -> None:
    assert web.get("/metrics").status_code == 404


def test_the_request_is_passed_on_as_it_is(echo: httpx.Client) -> None:
    target = b"/v2/a%2Fb//c/%2e%2e/manifests/sha256%3Aabc?n=1&last=%2F"
    seen = echo.get(echo.base_url.copy_with(raw_path=target)).json()
    assert seen["target"] == target.decode()
    assert seen["headers"]["host"] == echo.base_url.netloc.decode()


def test_the_scheme_and_the_address_of_the_client_are_passed_on_and_cannot_be_claimed(echo: httpx.Client) -> None:
    claims = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}
    for headers in ({}, claims):
        seen = echo.get("/", headers=headers).json()
        assert (seen["scheme"], seen["client"]) == ("https", "127.0.0.1")


def large(upstream: ExampleUpstream, name: str) -> str:
    """The digest of a blob of 64 MB in a repository that no other test uses: where blobs are is remembered."""
    upstream.requests.clear()
    return upstream.store(name).push(blob(LARGE, "application/octet-stream"))


@contextlib.contextmanager
def sending_blobs(upstream: ExampleUpstream, *faults: Fault) -> Iterator[None]:
    """The upstream sends blobs itself, with these faults."""
    upstream.options.redirect_blobs = False
    upstream.inject(*faults)
    try:
        yield
    finally:
        upstream.options.redirect_blobs = Options.redirect_blobs
        upstream.faults.clear()
