"""The cache of nginx.conf: it holds what the server's `Cache-Control` allows, and answers as the server would."""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.clients.https import Https, browser, nginx
from tests.clients.processes import free_port
from tests.clients.serving import Served, serving
from tests.upstream import ExampleUpstream
from tests.upstream.oci import blob, manifest

TAG, LATEST = "/v2/nginx/manifests/1.27.4", "/v2/nginx/manifests/latest"
LAYER = b"0123456789abcdef" * (1 << 20)


@dataclass(frozen=True)
class Cached:
    """A server at `direct`; through nginx at `web`, whose files are in `folder`."""

    web: httpx.Client
    direct: str
    folder: Path

    @contextlib.contextmanager
    def asking(self, count: int) -> Iterator[None]:
        """Of all that is requested in the block the server sees so many."""
        before = self._answered()
        yield
        scrapes = 1
        assert self._answered() - before - scrapes == count

    def _answered(self) -> int:
        metrics = httpx.get(f"{self.direct}/metrics").text
        return int(sum(map(float, re.findall(r"^reverse_registry_requests_total\{.*\} (\S+)$", metrics, re.MULTILINE))))


@pytest.fixture(scope="module")
def served(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(index, tmp_path_factory.mktemp("served") / "log") as running:
        yield running


@contextlib.contextmanager
def behind_nginx(folder: Path, served: Served, port: int) -> Iterator[Cached]:
    folder.mkdir()
    direct = f"http://{served.host}"
    with (
        nginx(folder, port, int(served.host.rpartition(":")[2])) as authority,
        browser(Https(f"localhost:{port}", authority, direct)) as web,
    ):
        yield Cached(web, direct, folder)


@pytest.fixture
def cached(served: Served, tmp_path: Path) -> Iterator[Cached]:
    """With nothing in the cache."""
    with behind_nginx(tmp_path / "nginx", served, free_port()) as running:
        yield running


@pytest.fixture
def passthrough(index: Path, tmp_path: Path) -> Iterator[Cached]:
    port = free_port()
    settings = {"REVERSE_REGISTRY_AUTH": "passthrough", "REVERSE_REGISTRY_PUBLIC_URL": f"https://localhost:{port}"}
    with (
        serving(index, tmp_path / "log", **settings) as served,
        behind_nginx(tmp_path / "nginx", served, port) as running,
    ):
        yield running


def layer(upstream: ExampleUpstream, name: str) -> str:
    """The digest of a blob in a repository that no other test uses: where blobs are is remembered."""
    return upstream.store(f"chainguard/{name}").push(blob(LAYER, "application/octet-stream"))


def facts(answer: httpx.Response) -> tuple[int, bytes, list[str | None]]:
    """What a client goes by."""
    names = ("content-type", "content-length", "location", "docker-content-digest", "etag", "cache-control", "link")
    return answer.status_code, answer.content, [answer.headers.get(name) for name in names]


@pytest.mark.parametrize("path", [TAG, "/v2/nginx/tags/list", "/v2/_catalog", "/index/nginx/index.json", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_index_knows_is_asked_for_once(cached: Cached, method: str, path: str) -> None:
    direct = facts(httpx.request(method, cached.direct + path))
    with cached.asking(1):
        assert [facts(cached.web.request(method, path)) for _ in range(5)] == [direct] * 5


def test_a_manifest_is_asked_for_once(cached: Cached) -> None:
    path = f"/v2/nginx/manifests/{cached.web.head(TAG).headers['docker-content-digest']}"
    direct = facts(httpx.get(cached.direct + path))
    with cached.asking(1):
        assert [facts(cached.web.get(path)) for _ in range(5)] == [direct] * 5


@pytest.mark.parametrize("methods", [("GET", "HEAD"), ("HEAD", "GET")])
def test_head_and_get_of_a_tag_do_not_stand_for_each_other(cached: Cached, methods: tuple[str, str]) -> None:
    statuses = {"GET": 307, "HEAD": 200}
    for method in methods * 2:
        assert cached.web.request(method, TAG).status_code == statuses[method]


def test_queries_are_kept_apart(cached: Cached) -> None:
    paths = [f"/v2/nginx/tags/list{query}" for query in ("", "?n=2", "?n=3", "?n=2&last=1.27")]
    paths += [f"{TAG}?ns={host}" for host in ("registry.invalid", "docker.io")]
    for _ in range(2):
        for path in paths:
            assert facts(cached.web.get(path)) == facts(httpx.get(cached.direct + path))


@pytest.mark.parametrize(
    "path",
    [
        "/v2//nginx/manifests/1.27.4",
        "/v2/./nginx/manifests/1.27.4",
        "/v2/nginx/blobs/../manifests/1.27.4",
        "/v2/nginx%2Fmanifests%2F1.27.4",
        "/v2/nginx/manifests/1%2E27.4",
        "/v2/nginx/manifests/1.27.4/",
        "/v2/%6Eginx/manifests/1.27.4?",
        "/V2/nginx/manifests/1.27.4",
        f"/v2/nginx%2Fblobs%2Fsha256:{'0' * 64}",
        f"/v2/nginx/%62lobs/sha256:{'0' * 64}",
    ],
)
def test_what_nginx_reads_as_the_same_path_is_still_answered_as_the_server_reads_it(cached: Cached, path: str) -> None:
    cached.web.get(TAG)
    answers = [
        client.get(httpx.URL(base).copy_with(raw_path=path.encode()))
        for client, base in ((cached.web, str(cached.web.base_url)), (httpx.Client(), cached.direct))
    ]
    assert facts(answers[0]) == facts(answers[1])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_that_has_the_manifest_is_told_so(cached: Cached, method: str) -> None:
    path = f"/v2/nginx/manifests/{cached.web.head(TAG).headers['docker-content-digest']}"
    for _ in range(2):
        tag = cached.web.request(method, path).headers["etag"]
        for stated, status in ((tag, 304), (f"W/{tag}", 304), ("*", 304), ('"another"', 200)):
            headers = {"If-None-Match": stated}
            answer = cached.web.request(method, path, headers=headers)
            assert answer.status_code == httpx.request(method, cached.direct + path, headers=headers).status_code
            assert (answer.status_code, answer.headers["etag"]) == (status, tag)


def test_a_range_of_a_manifest_is_the_whole_as_without_a_cache(cached: Cached) -> None:
    path = f"/v2/nginx/manifests/{cached.web.head(TAG).headers['docker-content-digest']}"
    ranged = {"Range": "bytes=0-9"}
    for headers in (ranged, {}, ranged):
        assert facts(cached.web.get(path, headers=headers)) == facts(httpx.get(cached.direct + path, headers=headers))


def test_an_error_is_not_kept(cached: Cached, upstream: ExampleUpstream) -> None:
    path = "/v2/later/manifests/1.0"
    assert cached.web.get(path).status_code == 404
    digest = upstream.store("chainguard/later").push(manifest(blob({}, "application/json"), []), "1.0")
    assert cached.web.get(path).headers["docker-content-digest"] == digest


def test_a_tag_of_upstreams_own_is_kept_for_seconds_only(cached: Cached, upstream: ExampleUpstream) -> None:
    before = cached.web.head(LATEST).headers["docker-content-digest"]
    other = upstream.store("chainguard/nginx").push(manifest(blob({}, "application/json"), []), "latest")
    assert before != other
    deadline = time.monotonic() + 60
    while cached.web.head(LATEST).headers["docker-content-digest"] != other:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_where_a_blob_is_is_not_kept(cached: Cached, upstream: ExampleUpstream) -> None:
    path = f"/v2/redirected/blobs/{layer(upstream, 'redirected')}"
    with cached.asking(3):
        assert [cached.web.get(path).status_code for _ in range(3)] == [307] * 3


def test_bytes_of_a_blob_are_not_kept_though_they_are_for_ever(
    cached: Cached, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream.options, "redirect_blobs", False)
    path = f"/v2/streamed/blobs/{layer(upstream, 'streamed')}"
    with cached.asking(2):
        whole = cached.web.get(path)
        part = cached.web.get(path, headers={"Range": "bytes=16-31"})
    assert (whole.content, "immutable" in whole.headers["cache-control"]) == (LAYER, True)
    assert (part.status_code, part.content) == (206, LAYER[16:32])
    kept = sum(file.stat().st_size for file in cached.folder.rglob("*") if file.is_file())
    assert kept < len(LAYER) / 4


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"Cookie": "x=1"}], ids=["token", "cookie"])
def test_what_is_asked_for_with_credentials_is_nobody_elses(cached: Cached, headers: dict[str, str]) -> None:
    with cached.asking(2):
        assert [cached.web.get(TAG, headers=headers).status_code for _ in range(2)] == [307] * 2
    with cached.asking(1):
        assert [cached.web.get(TAG).status_code for _ in range(2)] == [307] * 2


def test_with_passthrough_nothing_under_v2_is_kept(passthrough: Cached) -> None:
    scope = {"scope": "repository:nginx:pull"}
    token = httpx.get(f"{passthrough.direct}/token", params=scope).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    digest = passthrough.web.head(TAG, headers=headers).headers["docker-content-digest"]
    for path in (TAG, LATEST, f"/v2/nginx/manifests/{digest}", "/v2/nginx/tags/list"):
        with passthrough.asking(4):
            for _ in range(2):
                known = passthrough.web.get(path, headers=headers)
                assert (known.status_code, "private" in known.headers["cache-control"]) == (200, True)
                assert passthrough.web.get(path).status_code == 401


def test_while_the_server_is_away_what_was_known_last_is_answered(index: Path, tmp_path: Path) -> None:
    with contextlib.ExitStack() as proxy:
        with serving(index, tmp_path / "log") as served:
            cached = proxy.enter_context(behind_nginx(tmp_path / "nginx", served, free_port()))
            known = [facts(cached.web.request(method, LATEST)) for method in ("HEAD", "GET")]
        deadline = time.monotonic() + 60
        while f"GET {LATEST} STALE" not in (cached.folder / "access.log").read_text():
            assert [facts(cached.web.request(method, LATEST)) for method in ("HEAD", "GET")] == known
            assert time.monotonic() < deadline
        assert cached.web.get(TAG).status_code == 502
