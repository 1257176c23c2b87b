"""Lists of tags, of repositories, of referrers, whole and in pages."""

from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, ExampleUpstream, Fault, blob, manifest
from tests.upstream.oci import CONFIG


def test_tags_are_the_indexs_and_the_tracked_ones_sorted(client: httpx.Client, upstream: ExampleUpstream) -> None:
    answer = client.get("/v2/nginx/tags/list")
    assert answer.json() == {"name": "nginx", "tags": ["1.27.3", "1.27.4", "latest"]}
    assert "link" not in answer.headers
    assert len(upstream.requests) == 0


def test_the_order_is_without_regard_to_case(index: Path, serve: Serve, upstream: ExampleUpstream) -> None:
    document = image(upstream, "nginx")
    digest = document["tags"]["1.27.4"]
    tags = ["1.27.3", "1.27.4", "2.0-alpha", "2.0-Beta", "2.0-BETA", "2.0-rc", "RC", "_x", "a.b-c_d", "latest"]
    document["tags"] |= {tag: digest for tag in tags if tag not in document["tags"] and tag != "latest"}
    write(index, upstream, {"nginx": document})
    client = serve()
    found = client.get("/v2/nginx/tags/list").json()["tags"]
    assert [tag.lower() for tag in found] == sorted(tag.lower() for tag in tags)
    paged: list[str] = []
    path = "/v2/nginx/tags/list?n=3"
    while path:
        answer = client.get(path)
        paged += answer.json()["tags"]
        path = answer.links.get("next", {}).get("url", "")
    assert paged == found


def test_pages_lead_through_the_whole_list(client: httpx.Client) -> None:
    found: list[str] = []
    path = "/v2/nginx/tags/list?n=1"
    while path:
        answer = client.get(path)
        found += answer.json()["tags"]
        path = answer.links.get("next", {}).get("url", "")
        assert path.startswith("/v2/nginx/tags/list?") or not path
    assert found == ["1.27.3", "1.27.4", "latest"]


@pytest.mark.parametrize(
    ("query", "tags", "has_more"),
    [
        ("n=2", ["1.27.3", "1.27.4"], True),
        ("n=3", ["1.27.3", "1.27.4", "latest"], False),
        ("n=100", ["1.27.3", "1.27.4", "latest"], False),
        ("n=0", [], False),
        ("last=1.27.3", ["1.27.4", "latest"], False),
        ("last=1.27.35", ["1.27.4", "latest"], False),
        ("n=1&last=1.27.3", ["1.27.4"], True),
        ("n=1&last=1.27.4", ["latest"], False),
        ("last=zzz", [], False),
        ("n=5&last=%F0%9F%90%B3", [], False),
    ],
)
def test_n_and_last_select(client: httpx.Client, query: str, tags: list[str], has_more: bool) -> None:
    answer = client.get(f"/v2/nginx/tags/list?{query}")
    assert answer.json()["tags"] == tags
    assert ("link" in answer.headers) == has_more


@pytest.mark.parametrize("n", ["-1", "x", "", "1.5", "9" * 5000, "%C2%B2", "1_0"])
@pytest.mark.parametrize("path", ["/v2/nginx/tags/list", "/v2/postgres/tags/list", "/v2/_catalog"])
def test_an_n_that_is_no_number_is_refused(client: httpx.Client, path: str, n: str) -> None:
    assert error(client.get(f"{path}?n={n}")) == (400, "PAGINATION_NUMBER_INVALID")


@pytest.mark.parametrize("name", ["postgres", "some/thing"])
def test_tags_of_what_is_not_indexed_are_upstreams_under_our_name(
    client: httpx.Client, upstream: ExampleUpstream, name: str
) -> None:
    content = blob(b"{}", CONFIG)
    for tag in ("a", "b", "c"):
        upstream.store(f"chainguard/{name}").push(manifest(content, []), tag)
    first = client.get(f"/v2/{name}/tags/list?n=2")
    assert first.json()["name"] == name
    assert len(first.json()["tags"]) == 2
    following = first.links["next"]["url"]
    assert following.startswith(f"/v2/{name}/tags/list?")
    whole = client.get(f"/v2/{name}/tags/list").json()["tags"]
    assert whole == sorted(upstream.store(f"chainguard/{name}").tags)
    assert client.get(following).json()["tags"] == whole[2:4]


def test_what_containerd_tells_a_mirror_stays_here(client: httpx.Client, upstream: ExampleUpstream) -> None:
    client.get(f"/v2/chainguard/postgres/tags/list?n=1&ns={upstream.host}&last=a")
    assert upstream.requests.matching("/tags/list")[0].query == {"n": "1", "last": "a"}


def test_tags_of_a_repository_that_nobody_knows_are_unknown(client: httpx.Client) -> None:
    assert error(client.get("/v2/never/seen/tags/list")) == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tags": [1]}', b'{"tags": "x"}', b"\xff", b"[" * 5000])
def test_a_list_that_cannot_be_read_is_upstreams_fault(
    client: httpx.Client, upstream: ExampleUpstream, body: bytes
) -> None:
    upstream.inject(Fault(Answer(200, body=body), path="/tags/list"))
    assert error(client.get("/v2/postgres/tags/list")) == (502, "UNAVAILABLE")


@pytest.mark.parametrize(
    "link",
    [
        '<http://evil.example/?n=1>; rel="next"',
        "<",
        '<>; rel="next"',
        '<?a=b>c"\\>; rel=next',
        '<http://[>; rel="next"',
    ],
)
def test_a_link_never_leads_anywhere_else(client: httpx.Client, upstream: ExampleUpstream, link: str) -> None:
    upstream.inject(Fault(Answer(200, {"Link": link}, b'{"tags": null}'), path="/tags/list"))
    answer = client.get("/v2/postgres/tags/list")
    assert answer.json() == {"name": "postgres", "tags": []}
    assert answer.headers.get("link", "</v2/postgres/tags/list?").startswith("</v2/postgres/tags/list?")


def test_the_catalogue_has_the_images_of_the_index(client: httpx.Client) -> None:
    assert client.get("/v2/_catalog").json() == {"repositories": ["nginx", "postgres", "python"]}
    answer = client.get("/v2/_catalog?n=1&last=nginx")
    assert answer.json() == {"repositories": ["postgres"]}
    assert answer.links["next"]["url"] == "/v2/_catalog?n=1&last=postgres"


def test_the_attestations_of_a_platform_are_found_by_their_tag(client: httpx.Client, upstream: ExampleUpstream) -> None:
    tag = next(tag for tag in upstream.store("nginx").tags if tag.endswith(".att"))
    answer = client.get(f"/v2/nginx/manifests/{tag}")
    assert answer.headers["docker-content-digest"] == upstream.store("nginx").tags[tag]


def test_tags_of_an_index_are_listed_while_upstream_is_gone(serve: Serve, gone: Path) -> None:
    client = serve(index=str(gone))
    assert client.get("/v2/nginx/tags/list").status_code == 200
    assert error(client.get("/v2/postgres/tags/list")) == (502, "UNAVAILABLE")


def test_a_number_of_entries_has_less_than_a_hundred_digits(client: httpx.Client) -> None:
    assert client.get(f"/v2/nginx/tags/list?n={'9' * 99}").status_code == 200
    assert error(client.get(f"/v2/nginx/tags/list?n={'9' * 100}")) == (400, "PAGINATION_NUMBER_INVALID")


@pytest.mark.parametrize("path", ["/v2/", "/v2/_catalog", "/v2/nginx/tags/list", "/v2/postgres/tags/list"])
def test_what_is_json_says_so_as_everybody_writes_it(client: httpx.Client, path: str) -> None:
    assert client.get(path).headers["content-type"] == "application/json"
