"""What refers to a build, from upstream's list or its fallback tag, filtered."""

import json

import httpx
import pytest

from tests.server.conftest import error
from tests.upstream import Answer, Content, ExampleUpstream, Fault, Mislabel, blob, manifest
from tests.upstream.oci import INDEX, serialise

SPDX, VEX = "application/spdx+json", "application/vex+json"


@pytest.fixture
def digest(upstream: ExampleUpstream) -> str:
    return upstream.store("nginx").tags["latest"]


def descriptor(artifact_type: str, size: int) -> dict[str, object]:
    return {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "size": size,
        "digest": f"sha256:{size:064x}",
    } | {"artifactType": artifact_type}


@pytest.fixture
def listed(upstream: ExampleUpstream, digest: str) -> Fault:
    body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(SPDX, 1), descriptor(VEX, 2)]}
    return Fault(Answer(200, {"Content-Type": INDEX}, json.dumps(body).encode()), path="/referrers/", times=None)


def test_upstreams_filter_is_asked_for_and_said(client: httpx.Client, upstream: ExampleUpstream, digest: str) -> None:
    upstream.options.referrers = True
    store = upstream.store("nginx")
    empty, subject = blob(b"{}", "application/vnd.oci.empty.v1+json"), store.manifests[digest]
    spdx, vex = (manifest(empty, [], artifact_type=kind, subject=subject) for kind in (SPDX, VEX))
    for each in (spdx, vex):
        store.push(each)
    answer = client.get(f"/v2/nginx/referrers/{digest}", params={"artifactType": SPDX})
    assert answer.headers["content-type"] == INDEX
    assert answer.headers["oci-filters-applied"] == "artifactType"
    assert [each["digest"] for each in answer.json()["manifests"]] == [spdx.digest]
    assert upstream.requests.matching("/referrers/")[0].query == {"artifactType": SPDX}
    everything = client.get(f"/v2/nginx/referrers/{digest}")
    assert {each["digest"] for each in everything.json()["manifests"]} == {spdx.digest, vex.digest}


def test_what_upstream_does_not_filter_is_filtered_here(
    client: httpx.Client, upstream: ExampleUpstream, digest: str, listed: Fault
) -> None:
    upstream.inject(listed)
    whole = client.get(f"/v2/nginx/referrers/{digest}")
    assert [each["artifactType"] for each in whole.json()["manifests"]] == [SPDX, VEX]
    assert "oci-filters-applied" not in whole.headers
    part = client.get(f"/v2/nginx/referrers/{digest}", params={"artifactType": VEX})
    assert part.json() == {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(VEX, 2)]}
    assert part.headers["oci-filters-applied"] == "artifactType"


def test_where_upstream_has_no_list_the_fallback_tag_is_read(
    client: httpx.Client, upstream: ExampleUpstream, digest: str
) -> None:
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(SPDX, 1), descriptor(VEX, 2)]}
    upstream.store("nginx").push(Content(INDEX, serialise(document)), digest.replace(":", "-"))
    assert len(client.get(f"/v2/nginx/referrers/{digest}").json()["manifests"]) == 2
    answer = client.get(f"/v2/nginx/referrers/{digest}", params={"artifactType": SPDX})
    assert answer.json()["manifests"] == [descriptor(SPDX, 1)]
    assert answer.headers["oci-filters-applied"] == "artifactType"


@pytest.mark.parametrize("status", [400, 404, 405, 406, 410, 415, 422, 501])
def test_an_upstream_that_does_not_know_the_endpoint_has_no_list(
    client: httpx.Client, upstream: ExampleUpstream, digest: str, status: int
) -> None:
    upstream.inject(Fault(Answer(status), path="/referrers/"))
    assert client.get(f"/v2/nginx/referrers/{digest}").json()["manifests"] == []


@pytest.mark.parametrize(("status", "expected"), [(401, 403), (403, 403), (429, 429), (500, 502), (503, 503)])
def test_an_upstream_that_gives_no_list_now_or_to_us_may_have_one(
    client: httpx.Client, upstream: ExampleUpstream, digest: str, status: int, expected: int
) -> None:
    upstream.inject(Fault(Answer(status), path="/referrers/", times=None))
    assert client.get(f"/v2/nginx/referrers/{digest}").status_code == expected


def test_where_nothing_refers_the_list_is_empty(client: httpx.Client, digest: str) -> None:
    answer = client.get(f"/v2/nginx/referrers/{digest}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == INDEX
    assert answer.json() == {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}


def test_a_fallback_tag_that_is_no_index_refers_to_nothing(
    client: httpx.Client, upstream: ExampleUpstream, digest: str
) -> None:
    upstream.store("nginx").push(manifest(blob(b"{}", "x/y"), []), digest.replace(":", "-"))
    assert client.get(f"/v2/nginx/referrers/{digest}").json()["manifests"] == []


def test_pages_of_upstream_stay_pages_here(
    client: httpx.Client, upstream: ExampleUpstream, digest: str, listed: Fault
) -> None:
    assert isinstance(listed.action, Answer)
    link = {"Link": f'</v2/chainguard/nginx/referrers/{digest}?next=abc>; rel="next"'}
    upstream.inject(Fault(Answer(200, link, listed.action.body), path="/referrers/"))
    answer = client.get(f"/v2/nginx/referrers/{digest}")
    assert answer.links["next"]["url"] == f"/v2/nginx/referrers/{digest}?next=abc"


def test_the_next_page_of_what_is_filtered_here_is_filtered_too(
    client: httpx.Client, upstream: ExampleUpstream, digest: str, listed: Fault
) -> None:
    assert isinstance(listed.action, Answer)
    link = {"Link": f'</v2/chainguard/nginx/referrers/{digest}?next=abc>; rel="next"'}
    upstream.inject(Fault(Answer(200, link, listed.action.body), path="/referrers/", times=None))
    answer = client.get(f"/v2/nginx/referrers/{digest}", params={"artifactType": VEX})
    following = client.get(answer.links["next"]["url"])
    assert [each["artifactType"] for each in following.json()["manifests"]] == [VEX]


def test_no_list_at_all_is_an_empty_one(client: httpx.Client, upstream: ExampleUpstream, digest: str) -> None:
    upstream.inject(Fault(Answer(200, {}, b'{"manifests": null}'), path="/referrers/"))
    assert client.get(f"/v2/nginx/referrers/{digest}").json()["manifests"] == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"manifests": {}}', b'{"manifests": 1}', b"\xff", b"[" * 5000])
def test_a_list_that_cannot_be_read_is_upstreams_fault(
    client: httpx.Client, upstream: ExampleUpstream, digest: str, body: bytes
) -> None:
    upstream.inject(Fault(Answer(200, body=body), path="/referrers/"))
    assert error(client.get(f"/v2/nginx/referrers/{digest}")) == (502, "UNAVAILABLE")


def test_a_filter_header_of_upstreams_that_lies_about_itself_is_not_relayed(
    client: httpx.Client, upstream: ExampleUpstream, digest: str
) -> None:
    upstream.options.referrers = True
    upstream.inject(Fault(Mislabel({"OCI-Filters-Applied": "artifactType"}), path="/referrers/"))
    assert "oci-filters-applied" not in client.get(f"/v2/nginx/referrers/{digest}").headers


def test_what_upstream_has_filtered_is_not_filtered_again(
    client: httpx.Client, upstream: ExampleUpstream, digest: str
) -> None:
    """A registry may know the type of what does not state it."""
    referrer = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}
    body = json.dumps({"manifests": [referrer]}).encode()
    upstream.inject(Fault(Answer(200, {"OCI-Filters-Applied": "artifactType"}, body), path="/referrers/"))
    answer = client.get(f"/v2/nginx/referrers/{digest}", params={"artifactType": VEX})
    assert answer.json()["manifests"] == [referrer]


def test_a_fallback_tag_has_no_next_page(client: httpx.Client, upstream: ExampleUpstream, digest: str) -> None:
    answer = client.get(f"/v2/nginx/referrers/{digest}")
    assert answer.status_code == 200
    assert "link" not in answer.headers
