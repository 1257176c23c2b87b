"""What this server remembers of upstream, and what it tells caches in front of it."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from server.registry import manifests
from tests.server.conftest import error
from tests.upstream import Answer, Build, Content, Corrupt, ExampleUpstream, Fault, Hang, Mislabel, Package, Reset
from tests.upstream.oci import INDEX, MANIFEST


@pytest.fixture
def latest(upstream: ExampleUpstream) -> Content:
    store = upstream.store("nginx")
    return store.manifests[store.tags["latest"]]


class TestUpstreamsOwnTags:
    def test_a_head_is_a_head_upstream(self, client: httpx.Client, upstream: ExampleUpstream, latest: Content) -> None:
        answer = client.head("/v2/nginx/manifests/latest")
        assert answer.headers["docker-content-digest"] == latest.digest
        assert [request.target for request in upstream.requests.matching("/manifests/")] == [
            "HEAD /v2/chainguard/nginx/manifests/latest"
        ]

    def test_head_then_get_by_digest_is_two_calls_as_if_asked_directly(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        digest = client.head("/v2/nginx/manifests/latest").headers["docker-content-digest"]
        assert client.get(f"/v2/nginx/manifests/{digest}").content == latest.data
        assert upstream.requests.count("/manifests/") == 2

    def test_they_are_remembered_for_some_seconds(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            assert client.get("/v2/nginx/manifests/latest").content == latest.data
        assert upstream.requests.count("/manifests/") == 1
        assert manifests.TAG_SECONDS <= 10

    def test_a_moved_one_is_seen_after_that(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(manifests, "TAG_SECONDS", 0.0)
        assert client.get("/v2/nginx/manifests/latest").content == latest.data
        older = upstream.store("nginx").history("latest")[0].digest
        upstream.point("nginx", "latest", older)
        assert client.head("/v2/nginx/manifests/latest").headers["docker-content-digest"] == older

    def test_many_who_ask_at_once_cause_one_call_upstream(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        upstream.inject(Fault(Hang(0.4), path="/manifests/"))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.get("/v2/nginx/manifests/latest"), range(8)))
        assert {answer.content for answer in answers} == {latest.data}
        assert upstream.requests.count("/manifests/") == 1

    @pytest.mark.parametrize("missing", ["Docker-Content-Digest", "Content-Type", "Content-Length"])
    def test_where_a_head_says_too_little_the_body_is_asked_for(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content, missing: str
    ) -> None:
        upstream.inject(Fault(Mislabel({missing: None}), path="/manifests/", method="HEAD"))
        answer = client.head("/v2/nginx/manifests/latest")
        assert answer.headers["docker-content-digest"] == latest.digest
        assert answer.headers["content-type"] == INDEX
        assert answer.headers["content-length"] == str(len(latest.data))

    @pytest.mark.parametrize("status", [405, 501])
    def test_where_upstream_has_no_head_the_body_is_asked_for(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content, status: int
    ) -> None:
        upstream.inject(Fault(Answer(status), path="/manifests/", method="HEAD", times=None))
        assert client.head("/v2/nginx/manifests/latest").headers["docker-content-digest"] == latest.digest

    def test_an_error_is_not_remembered(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        upstream.inject(Fault(Answer(503), path="/manifests/"))
        assert client.get("/v2/postgres/manifests/latest").status_code == 503
        assert client.get("/v2/postgres/manifests/latest").status_code == 200


class TestTypes:
    @pytest.mark.parametrize("stated", ["text/html", "application/json", "not a type", None, f"{INDEX}; charset=utf-8"])
    def test_a_wrong_type_of_upstreams_is_put_right(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content, stated: str | None
    ) -> None:
        upstream.inject(Fault(Mislabel({"Content-Type": stated}), path="/manifests/", times=None))
        for content in (latest, latest.children[0]):
            expected = INDEX if content is latest else MANIFEST
            assert client.get(f"/v2/nginx/manifests/{content.digest}").headers["content-type"] == expected
        assert client.head("/v2/postgres/manifests/latest").headers["content-type"] == INDEX

    @pytest.mark.parametrize("media_type", ["text/html", "application/xhtml+xml", "image/svg+xml"])
    def test_no_browser_shows_a_manifest_as_a_page_of_ours(
        self, client: httpx.Client, upstream: ExampleUpstream, media_type: str
    ) -> None:
        body = f'{{"mediaType": "{media_type}", "layers": []}}'.encode()
        upstream.inject(Fault(Answer(200, {"Content-Type": media_type}, body), path="/manifests/"))
        assert client.get("/v2/postgres/manifests/latest").headers["content-type"] == MANIFEST

    @pytest.mark.parametrize("body", [b"<html>welcome to this hotel</html>", b"[]", b"", b"\xff{}"])
    def test_what_is_no_manifest_at_all_is_never_served_as_one(
        self, client: httpx.Client, upstream: ExampleUpstream, body: bytes
    ) -> None:
        upstream.inject(Fault(Answer(200, {"Content-Type": "text/html"}, body), path="/manifests/", times=None))
        assert error(client.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")


class TestCachesInFront:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_what_is_had_already_is_not_sent_again(self, client: httpx.Client, latest: Content, method: str) -> None:
        for reference in (latest.digest, latest.children[0].digest, "latest"):
            path = f"/v2/nginx/manifests/{reference}"
            tag = client.request(method, path).headers["etag"]
            for asked in (tag, f'"other", W/{tag}', "*"):
                answer = client.request(method, path, headers={"If-None-Match": asked})
                assert (answer.status_code, answer.content) == (304, b"")
                assert answer.headers["etag"] == tag
            assert client.request(method, path, headers={"If-None-Match": '"other"'}).status_code == 200

    def test_how_long_depends_on_what_it_is(self, client: httpx.Client, latest: Content) -> None:
        held = {
            f"/v2/nginx/manifests/{latest.digest}": "public, max-age=31536000, immutable",
            "/v2/nginx/manifests/1.27.4": "public, max-age=60",
            "/v2/nginx/manifests/latest": "public, max-age=5",
            "/v2/nginx/tags/list": "public, max-age=60",
            "/v2/postgres/tags/list": "public, max-age=5",
            f"/v2/nginx/blobs/{next(iter(latest.children[0].children)).digest}": "no-store",
            "/v2/nginx/manifests/9.9": "no-store",
        }
        assert {path: client.get(path).headers["cache-control"] for path in held} == held


class TestConnections:
    def test_one_that_closes_just_as_it_is_used_again_is_not_the_clients_trouble(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        upstream.inject(Fault(Reset(), path="/manifests/"))
        assert client.get("/v2/postgres/manifests/latest").status_code == 200
        upstream.inject(Fault(Reset(), path="/blobs/"))
        assert client.get(f"/v2/nginx/blobs/{next(iter(upstream.store('nginx').blobs))}").status_code == 307

    @pytest.mark.parametrize("status", [201, 204, 206, 226])
    def test_an_answer_of_no_use_gives_its_connection_back(
        self, client: httpx.Client, upstream: ExampleUpstream, status: int
    ) -> None:
        upstream.inject(Fault(Answer(status, {}, b"" if status == 204 else b"{}"), path="/manifests/", times=None))
        before = set(upstream._serving._server.server_state.connections)
        for number in range(10):
            assert error(client.get(f"/v2/postgres/manifests/{number}"))[0] == 502
        assert len(upstream._serving._server.server_state.connections - before) <= 1


def test_the_build_that_stands_in_for_upstreams_tag_is_not_kept_for_long(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    upstream.inject(Fault(Answer(503), times=None))
    for method in ("GET", "HEAD"):
        answer = client.request(method, "/v2/nginx/manifests/latest")
        assert answer.headers["cache-control"] == "public, max-age=5"


def test_wrong_bytes_of_a_tag_are_not_remembered(client: httpx.Client, upstream: ExampleUpstream) -> None:
    upstream.inject(Fault(Corrupt(), path="/manifests/"))
    assert error(client.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")
    assert client.get("/v2/postgres/manifests/latest").status_code == 200


def test_what_was_pushed_since_is_found(client: httpx.Client, upstream: ExampleUpstream) -> None:
    assert client.get("/v2/redis/manifests/latest").status_code == 404
    published = upstream.store("nginx").history("latest")[0].at
    digest = upstream.push(Build("redis", "7.4.2-r0", published, (Package("redis", "7.4.2-r0"),)), "latest")
    assert client.head("/v2/redis/manifests/latest").headers["docker-content-digest"] == digest
