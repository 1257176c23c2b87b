"""Registries as they are: what GHCR, ECR, quay.io, GitLab, Harbor and Docker Hub do otherwise than cgr.dev."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from threading import Event

import httpx
import pytest
from yarl import URL

from server.errors import UpstreamError
from server.registry import lists, referrers
from server.upstream import proxy
from server.upstream.addresses import follow
from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, Content, ExampleUpstream, Fault, Hang, Mislabel, blob, manifest
from tests.upstream.oci import CONFIG, INDEX
from tests.upstream.registry import basic


def link(url: str) -> dict[str, str]:
    return {"Link": f'<{url}>; rel="next"'}


def tags(*names: str, **headers: str) -> Answer:
    return Answer(200, headers, json.dumps({"tags": names}).encode())


def walk(client: httpx.Client, path: str) -> list[str]:
    """What is listed, page after page."""
    found = list[str]()
    while path:
        answer = client.get(path)
        found += answer.json()["tags"]
        path = answer.links.get("next", {}).get("url", "")
    return found


class TestListsOfTags:
    @pytest.fixture
    def paged(self, upstream: ExampleUpstream) -> list[str]:
        """All tags of postgres, of which upstream lists two at a time."""
        for tag in ("a", "b", "c"):
            upstream.store("postgres").push(manifest(blob(b"{}", CONFIG), []), tag)
        upstream.options.tags_page = 2
        return sorted(upstream.store("postgres").tags)

    @pytest.mark.parametrize("size", ["n=0", "n=", "n=-1", "n=00", "n=x", "n=1.5", f"n={'9' * 200}", "n"])
    def test_a_next_page_of_no_number_of_entries_leads_on(
        self, client: httpx.Client, upstream: ExampleUpstream, paged: list[str], size: str
    ) -> None:
        """GHCR: `Link: …?last=b&n=0`."""
        upstream.options.tags_link = f"&{size}"
        assert walk(client, "/v2/postgres/tags/list") == paged

    def test_a_next_page_is_as_long_as_upstream_says(
        self, client: httpx.Client, upstream: ExampleUpstream, paged: list[str]
    ) -> None:
        upstream.options.tags_link = "&n=010"
        answer = client.get("/v2/postgres/tags/list")
        assert answer.links["next"]["url"] == f"/v2/postgres/tags/list?last={paged[1]}&n=010"

    @pytest.mark.parametrize(
        "relation",
        [
            "rel=next",
            "rel='next'",
            'REL = "Next"',
            'rel="last next"',
            'rel="next\tlast"',
            "rel='last next'",
            'title="a, <b>; rel=prev"; rel="next"',
            'title="\\"; rel=prev"; rel=next; type="text/html"',
            "type=text/html ;rel=next;rel=prev",
            'rel=next, </x?last=zzz>; rel="last"',
        ],
    )
    def test_the_next_page_is_named_in_any_way_of_rfc_8288(
        self, client: httpx.Client, upstream: ExampleUpstream, paged: list[str], relation: str
    ) -> None:
        upstream.options.tags_relation = relation
        assert walk(client, "/v2/postgres/tags/list") == paged

    @pytest.mark.parametrize(
        "relation",
        [
            "rel=prev",
            'rel="nextpage"',
            'rel="x-next"',
            "rel=prev; rel=next",
            'title="; rel=next"',
            'title="; rel=next',
            'rel="prev", </x>; rel=next',
            "next",
        ],
    )
    @pytest.mark.usefixtures("paged")
    def test_any_other_page_is_not_the_next_one(
        self, client: httpx.Client, upstream: ExampleUpstream, relation: str
    ) -> None:
        upstream.options.tags_relation = relation
        assert "link" not in client.get("/v2/postgres/tags/list").headers

    @pytest.mark.parametrize(
        "headers",
        [
            {"Link": '</x?last=a>; rel="first", </x?last=b,c>; rel="next"'},
            {"Link": '</x?last=a>; rel="first"', "link": "</x?last=b,c>; rel=next"},
            {"Link": '<https://registry.example.com/x?last=b,c>;rel="next",</x?last=a>;rel="first"'},
        ],
    )
    def test_the_next_page_is_one_of_several_links(
        self, client: httpx.Client, upstream: ExampleUpstream, headers: dict[str, str]
    ) -> None:
        upstream.inject(Fault(tags("b", **headers), path="/tags/list"))
        answer = client.get("/v2/postgres/tags/list")
        assert answer.headers["link"] == '</v2/postgres/tags/list?last=b,c>; rel="next"'

    @pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 414, 416, 422, 500, 501])
    def test_whatever_a_page_is_refused_by_it_is_asked_for_as_long_as_upstream_likes(
        self, client: httpx.Client, upstream: ExampleUpstream, paged: list[str], status: int
    ) -> None:
        upstream.options.tags_most, upstream.options.tags_refused = 4, status
        assert walk(client, "/v2/postgres/tags/list?n=10000") == paged

    @pytest.mark.parametrize("status", [403, 429, 503, 504])
    def test_who_is_to_wait_or_to_go_away_does_not_ask_again(
        self, client: httpx.Client, upstream: ExampleUpstream, status: int
    ) -> None:
        upstream.options.tags_most, upstream.options.tags_refused = 4, status
        assert client.get("/v2/postgres/tags/list?n=10000").status_code == status
        assert upstream.requests.count("/tags/list", status=status) == 1

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
        assert walk(client, "/v2/nginx/tags/list?attached=true&n=2") == expected

    def test_they_are_gathered_from_all_pages(self, client: httpx.Client, upstream: ExampleUpstream) -> None:
        signature, attestation = f"sha256-{'0' * 64}.sig", f"sha256-{'1' * 64}.att"
        upstream.inject(
            Fault(tags("latest", signature, **link("/x?last=y")), path="/tags/list$"),
            Fault(tags(attestation, "zzz"), path=r"/tags/list\?last=y$"),
        )
        listed = client.get("/v2/nginx/tags/list?attached=true").json()["tags"]
        assert listed == ["1.27.3", "1.27.4", "latest", signature, attestation]

    @pytest.mark.parametrize(("bounds", "calls"), [({"MOST_PAGES": 2}, 2), ({"MOST_TAGS": 4}, 1), ({}, 4)])
    def test_a_part_of_them_is_not_all(
        self,
        client: httpx.Client,
        upstream: ExampleUpstream,
        monkeypatch: pytest.MonkeyPatch,
        bounds: dict[str, int],
        calls: int,
    ) -> None:
        """There are too many pages or tags, or the fourth page leads to the first one."""
        for name, most in bounds.items():
            monkeypatch.setattr(lists, name, most)
        signature = f"sha256-{'0' * 64}.sig"
        upstream.inject(
            *(
                Fault(tags(signature, **link(f"/x?last={page + 1 if page < 3 else 1}")), path=rf"list(\?last={page})?$")
                for page in range(4)
            )
        )
        assert error(client.get("/v2/nginx/tags/list?attached=true")) == (502, "UNAVAILABLE")
        assert upstream.requests.count("/tags/list") == calls

    def test_they_are_gathered_once_for_all_who_ask_at_that_moment(
        self, client: httpx.Client, upstream: ExampleUpstream
    ) -> None:
        upstream.inject(Fault(Hang(1), path="/tags/list"))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.get("/v2/nginx/tags/list?attached=true"), range(8)))
        assert len({answer.content for answer in answers}) == 1
        assert upstream.requests.count("/tags/list") == 1


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

    def test_a_large_fallback_index_is_read_once_and_nobody_waits_for_that(
        self, client: httpx.Client, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        digest = upstream.store("nginx").tags["latest"]
        entries = [
            {"mediaType": INDEX, "size": 1, "digest": f"sha256:{number:064x}", "artifactType": f"a/{number % 2}"}
            for number in range(5000)
        ]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        upstream.store("nginx").push(Content(INDEX, body), digest.replace(":", "-"))
        read, reading, go_on = referrers._by_type, Queue[bytes](), Event()

        def patiently(body: bytes) -> referrers.ByType:
            reading.put(body)
            assert go_on.wait(30)
            return read(body)

        monkeypatch.setattr(referrers, "_by_type", patiently)
        kinds = ["a/0", "a/1", "a/2", "a/0"]
        with ThreadPoolExecutor(len(kinds)) as pool:
            path = f"/v2/nginx/referrers/{digest}"
            asked = [pool.submit(client.get, path, params={"artifactType": kind}) for kind in kinds]
            assert reading.get(timeout=30) == body
            assert client.head("/v2/nginx/manifests/1.27.4").status_code == 200
            go_on.set()
        for kind, answer in zip(kinds, asked, strict=True):
            found = answer.result().json()["manifests"]
            assert found == [entry for entry in entries if entry["artifactType"] == kind]
        assert reading.empty()


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
