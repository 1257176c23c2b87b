"""Registries as they are: what GHCR, ECR, quay.io, GitLab, Harbor and Docker Hub do otherwise than cgr.dev."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from yarl import URL

from server.errors import UpstreamError
from server.upstream import proxy
from server.upstream.addresses import follow
from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, Content, ExampleUpstream, Fault, Mislabel, blob, manifest
from tests.upstream.oci import CONFIG, INDEX
from tests.upstream.registry import basic


def link(url: str) -> dict[str, str]:
    return {"Link": f'<{url}>; rel="next"'}


def tags(*names: str, **headers: str) -> Answer:
    return Answer(200, headers, json.dumps({"tags": names}).encode())


class TestListsOfTags:
    def test_a_next_page_of_no_entries_at_all_leads_on(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        """GHCR: `Link: …?last=b&n=0`."""
        upstream.inject(
            Fault(tags("a", "b", **link("/v2/chainguard/postgres/tags/list?last=b&n=0")), path="/tags/list$"),
            Fault(tags("c"), path=r"/tags/list\?last=b$"),
        )
        first = client.get("/v2/postgres/tags/list")
        assert first.links["next"]["url"] == "/v2/postgres/tags/list?last=b"
        assert client.get(first.links["next"]["url"]).json()["tags"] == ["c"]

    @pytest.mark.parametrize("status", [400, 405, 413])
    @pytest.mark.parametrize("query", ["n=10000", "n=10000&last=a", "last=a&n=10000"])
    def test_a_page_that_upstream_finds_too_long_is_as_long_as_it_likes(
        self, client: httpx.Client, upstream: ExampleUpstream, status: int, query: str
    ) -> None:
        shorter = query.replace("n=10000", "").strip("&")
        upstream.inject(
            Fault(Answer(status), path="n=10000", times=None),
            Fault(tags("b", **link("/x?last=b&n=100")), path=rf"/tags/list\??{shorter}$"),
        )
        answer = client.get(f"/v2/postgres/tags/list?{query}")
        assert answer.json() == {"name": "postgres", "tags": ["b"]}
        assert answer.links["next"]["url"] == "/v2/postgres/tags/list?last=b&n=100"

    def test_a_repository_that_is_not_there_is_so_also_by_the_page(self, client: httpx.Client) -> None:
        assert error(client.get("/v2/never/seen/tags/list?n=5")) == (404, "NAME_UNKNOWN")

    def test_signatures_are_listed_for_who_asks_for_them(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        signatures = sorted(tag for tag in upstream.store("nginx").tags if tag.startswith("sha256-"))
        upstream.store("nginx").push(manifest(blob(b"{}", CONFIG), []), "something-else")
        expected = ["1.27.3", "1.27.4", "latest", *signatures]
        assert client.get("/v2/nginx/tags/list?attached=true").json()["tags"] == expected
        found, path = list[str](), "/v2/nginx/tags/list?attached=true&n=2"
        while path:
            answer = client.get(path)
            found += answer.json()["tags"]
            path = answer.links.get("next", {}).get("url", "")
        assert found == expected

    def test_they_are_gathered_from_all_pages(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        signature, attestation = f"sha256-{'0' * 64}.sig", f"sha256-{'1' * 64}.att"
        upstream.inject(
            Fault(tags("latest", signature, **link("/x?last=y")), path="/tags/list$"),
            Fault(tags(attestation, "zzz"), path=r"/tags/list\?last=y$"),
        )
        listed = client.get("/v2/nginx/tags/list?attached=true").json()["tags"]
        assert listed == ["1.27.3", "1.27.4", "latest", signature, attestation]


class TestManifests:
    @pytest.mark.parametrize("status", [403, 404, 405, 501])
    def test_where_head_is_refused_get_may_not_be(
        self, client: httpx.Client, upstream: ExampleUpstream, status: int
    ) -> None:
        upstream.inject(Fault(Answer(status), path="/manifests/", method="HEAD", times=None))
        digest = upstream.store("postgres").tags["latest"]
        assert client.head("/v2/postgres/manifests/latest").headers["docker-content-digest"] == digest

    def test_a_watched_tag_is_answered_though_upstream_is_asked_too_often(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        upstream.inject(Fault(Answer(429, {"Retry-After": "7"}), path="/manifests/", times=None))
        digest = upstream.store("nginx").tags["latest"]
        assert client.head("/v2/nginx/manifests/latest").headers["docker-content-digest"] == digest
        assert client.get("/v2/nginx/manifests/latest").headers["location"] == f"/v2/nginx/manifests/{digest}"
        refused = client.get("/v2/nginx/manifests/latest-dev")
        assert error(refused) == (429, "TOOMANYREQUESTS")
        assert refused.headers["retry-after"] == "7"

    def test_docker_hub_counts_one_get_while_the_manifest_is_in_memory(
        self, client: httpx.Client, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("server.registry.manifests.TAG_SECONDS", 0.0)
        for _ in range(4):
            assert client.get("/v2/nginx/manifests/latest").status_code == 200
        assert upstream.requests.count("GET .*/manifests/latest") == 1
        assert upstream.requests.count("HEAD .*/manifests/latest") == 3
        older = upstream.store("nginx").history("latest")[0].digest
        upstream.point("nginx", "latest", older)
        assert client.get("/v2/nginx/manifests/latest").headers["docker-content-digest"] == older

    def test_a_tag_that_is_read_as_the_digest_names_no_referrers(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        """GitLab: `…/manifests/sha256-<hex>` is the image itself."""
        digest = upstream.store("nginx").tags["latest"]
        content = upstream.store("nginx").manifests[digest]
        itself = Answer(200, {"Content-Type": INDEX}, content.data)
        upstream.inject(Fault(itself, path="/manifests/sha256-", times=None))
        assert client.get(f"/v2/nginx/referrers/{digest}").json()["manifests"] == []

    def test_a_large_fallback_index_is_filtered_once(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        digest = upstream.store("nginx").tags["latest"]
        entries = [
            {"mediaType": INDEX, "size": 1, "digest": f"sha256:{number:064x}", "artifactType": f"a/{number % 2}"}
            for number in range(5000)
        ]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        upstream.store("nginx").push(Content(INDEX, body), digest.replace(":", "-"))
        for kind in ("a/0", "a/1", "a/0"):
            found = client.get(f"/v2/nginx/referrers/{digest}", params={"artifactType": kind}).json()["manifests"]
            assert found == [entry for entry in entries if entry["artifactType"] == kind]


class TestWithoutTokens:
    def test_manifests_are_answered_here_and_blobs_redirected(
        self, index: Path, serve: Serve, upstream: ExampleUpstream
    ) -> None:
        upstream.options.tokens = False
        write(index, upstream, {"nginx": image(upstream, "nginx", auth=None)})
        client, store = serve(), upstream.store("nginx")
        digest = store.tags["latest"]
        child = store.manifests[digest].children[0]
        for reference, data in ((digest, store.manifests[digest].data), (child.digest, child.data)):
            assert client.get(f"/v2/nginx/manifests/{reference}").content == data
        upstream.inject(Fault(Mislabel({"Content-Type": "text/html"}), path="/manifests/"))
        assert client.get("/v2/nginx/manifests/latest").headers["content-type"] == INDEX
        assert client.get(f"/v2/nginx/blobs/{next(iter(store.blobs))}").headers["location"].startswith(upstream.url)


class TestOurOwn:
    def test_a_location_is_absolute_where_our_address_is_known(self, serve: Serve, upstream: ExampleUpstream) -> None:
        client = serve(public_url="https://registry.example.com/")
        digest = upstream.store("nginx").tags["latest"]
        expected = f"https://registry.example.com/v2/nginx/manifests/{digest}"
        assert client.get("/v2/nginx/manifests/1.27.4").headers["location"] == expected
        upstream.inject(Fault(Answer(503), path="/manifests/", times=None))
        assert client.get("/v2/nginx/manifests/latest").headers["location"] == expected

    @pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
    def test_writes_are_told_why(self, client: httpx.Client, method: str) -> None:
        answer = client.request(method, "/v2/nginx/blobs/uploads/")
        assert error(answer) == (405, "UNSUPPORTED")
        assert answer.json()["errors"][0]["message"] == "this registry is read-only"


class TestTokens:
    @pytest.mark.parametrize("lifetime", ['"inf"', '"nan"', '"-inf"', "1e308", "0.5", "-1"])
    @pytest.mark.parametrize("auth", ["anonymous", "passthrough"])
    def test_a_lifetime_that_is_no_number_of_seconds_is_no_500(
        self, serve: Serve, upstream: ExampleUpstream, auth: str, lifetime: str
    ) -> None:
        value = httpx.get(f"{upstream.url}/token", params={"scope": "repository:chainguard/nginx:pull"}).json()["token"]
        body = f'{{"token": "{value}", "expires_in": {lifetime}}}'.encode()
        upstream.inject(Fault(Answer(200, {}, body), path="/token"))
        client = serve(auth=auth, public_url="https://registry.example.com")
        if auth == "anonymous":
            assert client.get("/v2/nginx/manifests/latest").status_code == 200
            return
        answer = client.get("/token?scope=repository:nginx:pull", headers={"Authorization": basic("a", "b")})
        assert answer.status_code == 200
        assert isinstance(answer.json().get("expires_in", 1), int)


class TestAddresses:
    @pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.16689662", "0251.0376.0251.0376", "1.2.3.4.5"])
    @pytest.mark.parametrize("endpoint", ["manifests/latest", f"blobs/sha256:{'0' * 64}"])
    def test_no_way_of_writing_one_leads_into_a_private_network(
        self, client: httpx.Client, upstream: ExampleUpstream, host: str, endpoint: str
    ) -> None:
        upstream.inject(Fault(Answer(307, {"Location": f"http://{host}/latest"}), path="/v2/", times=None))
        assert error(client.get(f"/v2/postgres/{endpoint}")) == (502, "UNAVAILABLE")


class TestBehindAProxy:
    @pytest.fixture(autouse=True)
    def _forget(self) -> None:
        proxy._proxy_for.cache_clear()

    def test_what_it_resolves_is_not_resolved_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
        home = URL("https://registry.invalid/v2/")
        asyncio.run(follow(URL("https://elsewhere.invalid/token"), home))
        with pytest.raises(UpstreamError):
            asyncio.run(follow(URL("https://169.254.169.254/token"), home))

    def test_the_registrys_own_name_needs_no_look_up(self) -> None:
        home = URL("https://registry.invalid/v2/")
        asyncio.run(follow(URL("https://registry.invalid/token"), home))

    @pytest.mark.parametrize(
        ("variables", "url", "expected"),
        [
            ({"HTTPS_PROXY": "http://proxy:3128"}, "https://cgr.dev/", "http://proxy:3128"),
            ({"https_proxy": "proxy:3128"}, "https://cgr.dev/", "http://proxy:3128"),
            ({"ALL_PROXY": "http://proxy:3128"}, "https://cgr.dev/", "http://proxy:3128"),
            ({"HTTP_PROXY": "http://proxy:3128"}, "https://cgr.dev/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "cgr.dev"}, "https://cgr.dev/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".dev, x"}, "https://cgr.dev/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "gr.dev"}, "https://cgr.dev/", "http://p:1"),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "cgr.dev:8443"}, "https://cgr.dev/", "http://p:1"),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "cgr.dev:443"}, "https://cgr.dev/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "https://11.1.2.3/", "http://p:1"),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, "https://[fd00::1]/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://cgr.dev/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.1.2.3/8"}, "https://10.9.9.9/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[fd00::1]:443"}, "https://[fd00::1]/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[fd00::1]:8443"}, "https://[fd00::1]/", "http://p:1"),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[fd00::1]"}, "https://[fd00::1]/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.cgr.dev"}, "https://x.cgr.dev/", None),
            ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.cgr.dev"}, "https://x.gr.dev/", "http://p:1"),
            ({"HTTP_PROXY": "http://p:1"}, "http://localhost:5055/", None),
        ],
    )
    def test_the_environment_says_which(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: str | None
    ) -> None:
        for name in ("http", "https", "all", "no"):
            monkeypatch.delenv(f"{name}_proxy", raising=False)
            monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = proxy.proxy_for(URL(url))
        assert (found and str(found).rstrip("/")) == expected
