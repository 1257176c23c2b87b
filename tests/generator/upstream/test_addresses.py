"""Where an upstream may send the generator, and what goes there."""

import socket
from pathlib import Path

import pytest

from generator.errors import NotSupportedError, RefusedError, TransientError, UntrustedError, UpstreamError
from generator.upstream import Client, Connections
from generator.upstream.transport import addresses
from generator.upstream.transport.proxy import proxy_for
from tests.generator.conftest import Index
from tests.upstream import Answer, ExampleUpstream, Fault, Mislabel, redirect

PUBLIC = "https://cgr.dev/v2/"
INSIDE = [
    "https://10.0.0.1/", "https://192.168.1.1/", "https://127.0.0.1/", "https://localhost/", "https://a.localhost/",
    "https://169.254.169.254/", "https://2852039166/", "https://0xa9fea9fe/", "https://127.1/", "https://0177.0.0.1/",
    "https://[::1]/", "https://[fd00::1]/", "https://[fe80::1]/", "https://[::ffff:10.0.0.1]/", "https://0.0.0.0/",
    "https://[64:ff9b::a9fe:a9fe]/", "https://100.64.0.1/", "https://224.0.0.1/", "https://10.0.0.1./",
]  # fmt: skip


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names resolve to."""
    known = {"cgr.dev": ["8.8.8.8"]}

    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in known:
            raise OSError
        return [(0, 0, 0, "", (address, 0)) for address in known[host]]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return known


@pytest.mark.parametrize("by_proxy", [False, True])
@pytest.mark.parametrize("url", INSIDE)
def test_a_public_registry_leads_into_no_private_network(names: dict[str, list[str]], url: str, by_proxy: bool) -> None:
    with pytest.raises(UntrustedError, match=r"is sent on from cgr\.dev to "):
        addresses.judge(url, PUBLIC, by_proxy=by_proxy)


def test_every_address_of_a_name_is_judged(names: dict[str, list[str]]) -> None:
    names["cdn.example"] = ["8.8.4.4", "10.0.0.1"]
    with pytest.raises(UntrustedError, match=r"to cdn\.example, which is an address of a private network"):
        addresses.judge("https://cdn.example/", PUBLIC, by_proxy=False)


def test_every_network_of_a_name_is_told(names: dict[str, list[str]]) -> None:
    names["cdn.example"] = ["10.0.0.1", "127.0.0.1", "8.8.4.4"]
    with pytest.raises(UntrustedError, match=r"which is an address of a private network and this machine$"):
        addresses.judge("https://cdn.example/", PUBLIC, by_proxy=False)


def test_a_name_with_a_dot_at_its_end_is_the_same_name(names: dict[str, list[str]]) -> None:
    addresses.judge("https://CGR.dev./v2/", PUBLIC, by_proxy=False)
    addresses.judge(PUBLIC, "https://cgr.dev./v2/", by_proxy=False)


def test_a_public_name_is_followed(names: dict[str, list[str]]) -> None:
    names["cdn.example"] = ["8.8.4.4", "2606:4700::1111"]
    addresses.judge("https://cdn.example/", PUBLIC, by_proxy=False)


def test_a_private_registry_may_lead_within_its_network(names: dict[str, list[str]]) -> None:
    names |= {"registry.corp": ["10.0.0.1"], "blobs.corp": ["10.0.0.2"]}
    addresses.judge("https://blobs.corp/", "https://registry.corp/", by_proxy=False)
    with pytest.raises(UntrustedError):
        addresses.judge("https://127.0.0.1/", "https://registry.corp/", by_proxy=False)
    with pytest.raises(UntrustedError):
        addresses.judge("https://169.254.169.254/", "https://registry.corp/", by_proxy=False)


def test_names_are_the_proxy_s_where_there_is_one(names: dict[str, list[str]]) -> None:
    names.clear()
    addresses.judge("https://cdn.example/", PUBLIC, by_proxy=True)
    with pytest.raises(TransientError, match="has no address"):
        addresses.judge("https://cdn.example/", PUBLIC, by_proxy=False)


def test_https_leads_to_https_only(names: dict[str, list[str]]) -> None:
    with pytest.raises(UntrustedError, match="from https to http"):
        addresses.judge("http://cgr.dev/v2/", PUBLIC, by_proxy=False)


@pytest.mark.parametrize("host", ["[::1]", "[::1]:5000"])
def test_this_machine_is_never_asked_by_a_proxy_by_its_other_address_either(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.corp:3128")
    assert proxy_for(f"http://{host}/v2/") is None


@pytest.fixture
def rebound(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every name is this machine's; but when it is looked up to be judged, it has what is in the list, if anything."""
    judged: list[str] = []
    look_up = socket.getaddrinfo

    def answer(host: str, port: int | None, *arguments: int, **named: int) -> list[tuple[object, ...]]:
        if port is None and judged:
            return [(0, 0, 0, "", (address, 0)) for address in judged]
        return [*look_up("127.0.0.1", port, *arguments, **named)]

    monkeypatch.setattr("socket.getaddrinfo", answer)
    return judged


def follow(upstream: ExampleUpstream, connections: Connections) -> int:
    """A registry sends on to a name of its own; the status of what is found there."""
    port, cdn_port = upstream.host.partition(":")[2], upstream.cdn_host.partition(":")[2]
    upstream.inject(Fault(redirect(f"http://cdn.example:{cdn_port}/inside"), path="/v2/"))
    with connections.request("GET", f"http://registry.example:{port}/v2/", {}, (5, 5)) as response:
        return response.status_code


def test_a_name_that_leads_elsewhere_once_it_was_judged_is_sent_nothing(
    upstream: ExampleUpstream, rebound: list[str]
) -> None:
    rebound.append("8.8.4.4")
    with Connections(4) as connections, pytest.raises(UntrustedError, match="and was not when its name was looked up"):
        follow(upstream, connections)
    assert upstream.requests.count("/inside") == 0


def test_nor_by_a_connection_that_is_open_already(upstream: ExampleUpstream, rebound: list[str]) -> None:
    """It was made for a registry that is in that network; the name has moved out of it since."""
    with Connections(4) as connections:
        assert follow(upstream, connections) == 404
        assert upstream.requests.count("/inside") == 1
        rebound.append("8.8.4.4")
        with pytest.raises(UntrustedError, match="which is this machine"):
            follow(upstream, connections)
    assert upstream.requests.count("/inside") == 1


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "javascript"])
def test_other_schemes_are_not_followed(upstream: ExampleUpstream, client: Client, scheme: str) -> None:
    upstream.inject(Fault(redirect(f"{scheme}://127.0.0.1/x"), path="/manifests/", times=None))
    with pytest.raises(TransientError, match="is no address on the web"):
        client.manifest("latest")


def test_a_token_endpoint_s_redirect_is_not_followed(upstream: ExampleUpstream, tmp_path: Path) -> None:
    upstream.inject(Fault(redirect(f"http://{upstream.cdn_host}/inside"), path="/token", times=None))
    (error,) = Index(upstream, tmp_path, "[images.nginx]\n").refresh()["nginx"].errors
    assert "redirected, which no token endpoint may do" in error
    assert upstream.requests.count("/inside") == 0


def test_the_digest_that_was_asked_for_counts_and_not_the_one_that_is_stated(
    upstream: ExampleUpstream, client: Client
) -> None:
    digest = client.head("latest").digest
    other = client.manifest("latest").manifest.manifests[0].digest
    upstream.inject(Fault(Mislabel({"Docker-Content-Digest": other}), path="/manifests/sha256", times=None))
    assert client.manifest(digest).digest == digest


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_head_that_is_refused_is_made_good_by_the_manifest(
    upstream: ExampleUpstream, client: Client, status: int
) -> None:
    digest = client.head("latest").digest
    client._answers_head = False
    upstream.inject(Fault(Answer(status), path="/manifests/latest", method="HEAD", times=None))
    assert client.head("latest").digest == digest


def test_a_track_that_is_missing_costs_no_second_request_where_heads_are_answered(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    index = Index(upstream, tmp_path, '[images.postgres]\nsince = "now"\n')
    index.refresh()
    upstream.requests.clear()
    index.refresh()
    assert upstream.requests.count("/manifests/latest-dev") == 1


def test_a_503_while_looking_for_referrers_is_not_taken_for_none(upstream: ExampleUpstream, client: Client) -> None:
    upstream.inject(Fault(Answer(503), path="/referrers/", times=None))
    with pytest.raises(TransientError, match="503"):
        client.referrers(client.head("latest").digest)


@pytest.mark.parametrize(
    ("status", "error"), [(503, TransientError), (403, RefusedError), (418, UpstreamError), (405, NotSupportedError)]
)
def test_only_a_fallback_tag_that_is_not_there_is_taken_for_no_referrers(
    upstream: ExampleUpstream, client: Client, status: int, error: type[UpstreamError]
) -> None:
    digest = client.head("latest").digest
    assert client.referrers(digest) == ()
    upstream.inject(Fault(Answer(status), path=digest.replace(":", "-"), times=None))
    with pytest.raises(error, match=str(status)):
        client.referrers(digest)


@pytest.mark.parametrize("status", [400, 404, 405, 406, 418, 501])
def test_a_registry_that_does_not_know_the_question_for_referrers_is_asked_for_the_tag(
    upstream: ExampleUpstream, client: Client, status: int
) -> None:
    digest = client.head("latest").digest
    upstream.requests.clear()
    upstream.inject(Fault(Answer(status), path="/referrers/", times=None))
    assert client.referrers(digest) == ()
    assert upstream.requests.count(f"/manifests/{digest.replace(':', '-')}") == 1


def test_a_refusal_of_referrers_is_not_taken_for_none(upstream: ExampleUpstream, client: Client) -> None:
    digest = client.head("latest").digest
    upstream.inject(Fault(Answer(403), path="/referrers/", times=None))
    with pytest.raises(RefusedError):
        client.referrers(digest)
