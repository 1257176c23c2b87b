"""Manifests by tag and by digest, from the index, from memory, from upstream."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, Content, Corrupt, ExampleUpstream, Fault, Hang, Huge, Mislabel, Reset, redirect
from tests.upstream.oci import INDEX, MANIFEST

AWAY = Fault(Reset(), times=None)


@pytest.fixture
def latest(upstream: ExampleUpstream) -> Content:
    store = upstream.store("nginx")
    return store.manifests[store.tags["latest"]]


class TestTagsOfTheIndex:
    def test_head_describes_the_build_without_a_call_upstream(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        answer = client.head("/v2/nginx/manifests/1.27.4")
        assert answer.status_code == 200
        assert answer.headers["docker-content-digest"] == latest.digest
        assert answer.headers["content-type"] == INDEX
        assert answer.headers["content-length"] == str(len(latest.data))
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
        assert len(upstream.requests) == 0

    def test_get_redirects_to_the_digest_here_without_a_call_upstream(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        answer = client.get("/v2/nginx/manifests/1.27.4")
        assert (answer.status_code, answer.content) == (307, b"")
        assert answer.headers["location"] == f"/v2/nginx/manifests/{latest.digest}"
        assert len(upstream.requests) == 0

    def test_following_the_redirect_gives_the_bytes(self, client: httpx.Client, latest: Content) -> None:
        answer = client.get("/v2/nginx/manifests/1.27.4", follow_redirects=True)
        assert answer.content == latest.data
        assert answer.headers["docker-content-digest"] == latest.digest
        assert answer.headers["content-type"] == INDEX


class TestDigests:
    def test_head_of_a_build_is_answered_from_the_index(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        answer = client.head(f"/v2/nginx/manifests/{latest.digest}")
        assert answer.headers["content-length"] == str(len(latest.data))
        assert len(upstream.requests) == 0

    def test_a_manifest_is_fetched_once_and_then_kept(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        for _ in range(3):
            answer = client.get(f"/v2/nginx/manifests/{latest.digest}")
            assert answer.content == latest.data
        assert "immutable" in answer.headers["cache-control"]
        assert upstream.requests.count("/manifests/") == 1

    def test_a_platform_of_a_build_has_its_own_type(self, client: httpx.Client, latest: Content) -> None:
        child = latest.children[0]
        path = f"/v2/nginx/manifests/{child.digest}"
        head, get = client.head(path), client.get(path)
        assert get.content == child.data
        assert get.headers["content-type"] == head.headers["content-type"] == MANIFEST
        assert head.headers["content-length"] == str(len(child.data))

    def test_sha512_is_verified_as_well(self, client: httpx.Client, upstream: ExampleUpstream, latest: Content) -> None:
        digest = f"sha512:{hashlib.sha512(latest.data).hexdigest()}"
        upstream.inject(Fault(Answer(200, {"Content-Type": INDEX}, latest.data), path="/sha512"))
        assert client.get(f"/v2/nginx/manifests/{digest}").content == latest.data

    def test_many_who_ask_at_once_cause_one_call_upstream(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        upstream.inject(Fault(Hang(0.5), path="/manifests/"))
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: client.get(f"/v2/nginx/manifests/{latest.digest}"), range(16)))
        assert {answer.content for answer in answers} == {latest.data}
        assert upstream.requests.count("/manifests/") == 1
        assert upstream.requests.count("/token") == 1

    def test_one_who_gives_up_does_not_stop_the_others(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        path = f"/v2/nginx/manifests/{latest.digest}"
        upstream.inject(Fault(Hang(1), path="/manifests/"))
        with ThreadPoolExecutor(2) as pool:
            impatient = pool.submit(httpx.get, client.base_url.join(path), timeout=0.4)
            patient = pool.submit(client.get, path)
            assert isinstance(impatient.exception(), httpx.ReadTimeout)
            assert patient.result().content == latest.data
        assert upstream.requests.count("/manifests/") == 1

    def test_wrong_bytes_are_never_served_nor_kept(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        upstream.inject(Fault(Corrupt(), path="/manifests/"))
        path = f"/v2/nginx/manifests/{latest.digest}"
        assert error(client.get(path)) == (502, "UNAVAILABLE")
        assert client.get(path).content == latest.data

    @pytest.mark.parametrize("is_stated", [True, False])
    def test_a_manifest_that_is_too_large_is_refused(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content, is_stated: bool
    ) -> None:
        upstream.inject(Fault(Huge(100_000_000, is_stated), path="/manifests/"))
        assert error(client.get(f"/v2/nginx/manifests/{latest.digest}")) == (502, "UNAVAILABLE")
        (request,) = upstream.requests.matching("/manifests/")
        assert request.sent < 20_000_000

    def test_the_memory_of_manifests_is_bounded_in_bytes(
        self, serve: Serve, upstream: ExampleUpstream, latest: Content
    ) -> None:
        client = serve(manifest_cache=0)
        for _ in range(2):
            assert client.get(f"/v2/nginx/manifests/{latest.digest}").content == latest.data
        assert upstream.requests.count("/manifests/") == 2

    def test_it_is_answered_here_also_where_no_token_is_needed(
        self, index: Path, serve: Serve, upstream: ExampleUpstream, latest: Content
    ) -> None:
        upstream.options.tokens = False
        write(index, upstream, {"nginx": image(upstream, "nginx", auth=None)})
        answer = serve().get(f"/v2/nginx/manifests/{latest.digest}")
        assert (answer.status_code, answer.content) == (200, latest.data)
        assert upstream.requests.count("/token") == 0


class TestTagsOfUpstream:
    @pytest.mark.parametrize("name", ["nginx", "postgres"])
    def test_its_own_tag_is_relayed(self, client: httpx.Client, upstream: ExampleUpstream, name: str) -> None:
        store = upstream.store(name)
        manifest = store.manifests[store.tags["latest"]]
        for answer in (client.head(f"/v2/{name}/manifests/latest"), client.get(f"/v2/{name}/manifests/latest")):
            assert answer.status_code == 200
            assert answer.headers["docker-content-digest"] == manifest.digest
            assert answer.headers["content-type"] == manifest.media_type
            assert answer.headers["content-length"] == str(len(manifest.data))
        assert answer.content == manifest.data

    def test_a_repository_that_the_index_does_not_know_is_relayed(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        store = upstream.store("chainguard/some/thing")
        content = upstream.store("nginx").manifests[upstream.store("nginx").tags["latest"]]
        store.push(content, "latest")
        assert client.get("/v2/some/thing/manifests/latest").content == content.data

    def test_its_bytes_are_in_memory_when_the_digest_is_asked_for(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        client.get("/v2/nginx/manifests/latest")
        assert client.get(f"/v2/nginx/manifests/{latest.digest}").content == latest.data
        assert upstream.requests.count("/manifests/") == 1

    @pytest.mark.parametrize("path", ["/v2/nginx/manifests/9.9", "/v2/never/seen/manifests/latest"])
    def test_what_upstream_does_not_have_is_unknown(self, client: httpx.Client, path: str) -> None:
        assert error(client.get(path)) == (404, "MANIFEST_UNKNOWN")
        assert client.head(path).status_code == 404

    def test_bytes_that_are_not_what_upstream_says_are_refused(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        wrong = Mislabel({"Docker-Content-Digest": "sha256:" + "0" * 64})
        upstream.inject(Fault(wrong, path="/manifests/", times=None))
        assert error(client.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")

    def test_the_digest_is_computed_where_upstream_states_none(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        upstream.inject(Fault(Mislabel({"Docker-Content-Digest": None}), path="/manifests/"))
        assert client.head("/v2/nginx/manifests/latest").headers["docker-content-digest"] == latest.digest

    @pytest.mark.parametrize("fault", [Reset(), Answer(500), Answer(503), Hang(10)], ids=repr)
    def test_the_last_indexed_build_answers_while_upstream_is_away(
        self, serve: Serve, upstream: ExampleUpstream, latest: Content, fault: Reset | Answer | Hang
    ) -> None:
        upstream.inject(Fault(fault, times=None))
        client = serve(timeout=0.5)
        head, get = client.head("/v2/nginx/manifests/latest"), client.get("/v2/nginx/manifests/latest")
        assert (head.status_code, head.headers["docker-content-digest"]) == (200, latest.digest)
        assert (get.status_code, get.headers["location"]) == (307, f"/v2/nginx/manifests/{latest.digest}")

    def test_what_the_index_does_not_know_is_an_error_while_upstream_is_away(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        upstream.inject(AWAY)
        assert error(client.get("/v2/nginx/manifests/latest-dev")) == (502, "UNAVAILABLE")
        assert error(client.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")

    def test_a_redirect_to_another_host_is_followed_without_our_token(
        self, client: httpx.Client, upstream: ExampleUpstream, latest: Content
    ) -> None:
        upstream.inject(
            Fault(redirect(f"http://{upstream.cdn_host}/elsewhere"), path="/manifests/", side="registry"),
            Fault(Answer(200, {"Content-Type": INDEX}, latest.data), path="/elsewhere", side="cdn"),
        )
        assert client.get("/v2/nginx/manifests/latest").content == latest.data
        (request,) = upstream.requests.matching("/elsewhere")
        assert request.authorization is None


def test_nothing_of_the_clients_credentials_goes_upstream(client: httpx.Client, upstream: ExampleUpstream) -> None:
    headers = {"Authorization": "Bearer secret", "Cookie": "session=secret"}
    assert client.get("/v2/nginx/manifests/latest", headers=headers).status_code == 200
    assert not [request for request in upstream.requests if "secret" in (request.authorization or "")]


def test_the_type_that_it_is_sent_with_stands_for_one_that_it_does_not_state(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    """Docker's, of the time before OCI's."""
    docker = "application/vnd.docker.distribution.manifest.v2+json"
    body = b'{"schemaVersion": 2, "config": {}, "layers": []}'
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    for name, stated in (("postgres", docker), ("python", f"{docker}; charset=utf-8")):
        upstream.inject(Fault(Answer(200, {"Content-Type": stated}, body), path="/manifests/"))
        assert client.get(f"/v2/{name}/manifests/{digest}").headers["content-type"] == docker
