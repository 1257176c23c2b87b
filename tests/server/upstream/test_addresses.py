"""Upstream cannot send the server, or its clients, into a network that is not upstream's own."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from yarl import URL

from server.errors import UpstreamError
from server.upstream.addresses import Network, follow, hand_on, network
from tests.server.conftest import Serve, error, write
from tests.upstream import Answer, ExampleUpstream, Fault, redirect


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", Network.PUBLIC),
        ("2606:4700::1", Network.PUBLIC),
        ("10.1.2.3", Network.PRIVATE),
        ("192.168.0.1", Network.PRIVATE),
        ("100.64.0.1", Network.PRIVATE),
        ("fd00::1", Network.PRIVATE),
        ("::ffff:10.0.0.1", Network.PRIVATE),
        ("2002:0a00:0001::1", Network.PRIVATE),
        ("64:ff9b::10.0.0.1", Network.PRIVATE),
        ("64:ff9b::8.8.8.8", Network.PUBLIC),
        ("64:ff9b::169.254.169.254", Network.SPECIAL),
        ("::10.0.0.1", Network.PRIVATE),
        ("::169.254.169.254", Network.SPECIAL),
        ("10.0.0.1%eth0", Network.PRIVATE),
        ("127.0.0.1", Network.LOOPBACK),
        ("127.9.9.9", Network.LOOPBACK),
        ("::1", Network.LOOPBACK),
        ("::ffff:127.0.0.1", Network.LOOPBACK),
        ("169.254.169.254", Network.SPECIAL),
        ("fe80::1%eth0", Network.SPECIAL),
        ("0.0.0.0", Network.SPECIAL),
        ("::", Network.SPECIAL),
        ("224.0.0.1", Network.SPECIAL),
        ("255.255.255.255", Network.SPECIAL),
    ],
)
def test_an_address_belongs_to_a_network(address: str, expected: Network) -> None:
    assert network(address) is expected


@pytest.mark.parametrize(
    ("home", "target", "is_open"),
    [
        ("8.8.8.8", "9.9.9.9", True),
        ("8.8.8.8", "10.0.0.1", False),
        ("8.8.8.8", "127.0.0.1", False),
        ("8.8.8.8", "localhost", False),
        ("8.8.8.8", "[::1]", False),
        ("8.8.8.8", "169.254.169.254", False),
        ("10.0.0.1", "192.168.0.1", True),
        ("10.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "169.254.169.254", False),
        ("localhost", "127.0.0.1", True),
        ("localhost", "10.0.0.1", False),
        ("169.254.169.254", "169.254.169.254", False),
    ],
)
def test_only_the_public_network_and_upstreams_own_are_open(home: str, target: str, is_open: bool) -> None:
    for permit in (follow, hand_on):
        if is_open:
            asyncio.run(permit(URL(f"https://{target}/x"), URL(f"https://{home}/")))
        else:
            with pytest.raises(UpstreamError, match="not a public address"):
                asyncio.run(permit(URL(f"https://{target}/x"), URL(f"https://{home}/")))


PRIVATE = ["http://10.0.0.1/x", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/x", "http://0.0.0.0:1/"]


@pytest.mark.parametrize("location", PRIVATE)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("endpoint", ["manifests/latest", "tags/list", f"blobs/sha256:{'0' * 64}"])
def test_a_redirect_to_a_private_address_is_a_bad_gateway(
    client: httpx.Client, upstream: ExampleUpstream, endpoint: str, status: int, location: str
) -> None:
    upstream.inject(Fault(redirect(location, status), path="/v2/", times=None))
    answer = client.get(f"/v2/postgres/{endpoint}")
    assert error(answer) == (502, "UNAVAILABLE")
    assert "location" not in answer.headers


def test_a_token_endpoint_at_a_private_address_is_not_asked(
    index: Path, serve: Serve, upstream: ExampleUpstream
) -> None:
    write(index, upstream, {})
    challenge = {"WWW-Authenticate": 'Bearer realm="http://169.254.169.254/latest/meta-data"'}
    upstream.inject(Fault(Answer(401, challenge), path="/v2/", times=None))
    assert error(serve().get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")


class TestNames:
    """A name is as its addresses are: all of them."""

    @pytest.fixture(autouse=True)
    def _open(self, upstream: ExampleUpstream) -> None:
        upstream.options.tokens = False

    def redirected(self, upstream: ExampleUpstream, name: str) -> None:
        """The tag's manifest lives at `name`, at the port of the example's registry."""
        port = upstream.host.partition(":")[2]
        elsewhere = redirect(f"http://{name}:{port}/v2/chainguard/postgres/manifests/{POSTGRES}?there")
        upstream.inject(Fault(elsewhere, path="/manifests/latest$", times=None))

    @pytest.fixture(autouse=True)
    def _copy(self, upstream: ExampleUpstream) -> None:
        store = upstream.store("postgres")
        store.push(store.manifests[store.tags["latest"]], POSTGRES)

    def test_one_that_leads_to_upstreams_own_network_is_followed(
        self, client: httpx.Client, upstream: ExampleUpstream, names: dict[str, list[str]]
    ) -> None:
        names["mirror.example.com"] = ["127.0.0.1"]
        self.redirected(upstream, "mirror.example.com")
        assert client.get("/v2/postgres/manifests/latest").status_code == 200

    @pytest.mark.parametrize(
        "addresses",
        [
            ["10.0.0.1"],
            ["169.254.169.254"],
            ["fe80::1"],
            ["127.0.0.1", "10.0.0.1"],
            ["127.0.0.1", "169.254.169.254"],
            ["169.254.169.254", "127.0.0.1"],
            ["127.0.0.1", "8.8.8.8", "::ffff:169.254.169.254"],
        ],
        ids=" ".join,
    )
    def test_one_of_which_any_address_is_elsewhere_is_not(
        self, client: httpx.Client, upstream: ExampleUpstream, names: dict[str, list[str]], addresses: list[str]
    ) -> None:
        names["mirror.example.com"] = addresses
        self.redirected(upstream, "mirror.example.com")
        answer = client.get("/v2/postgres/manifests/latest")
        assert error(answer) == (502, "UNAVAILABLE")
        assert "not a public address" in answer.text
        assert not [request for request in upstream.requests if "there" in request.query]

    def test_one_that_leads_elsewhere_once_it_has_been_judged_is_not_connected_to(
        self, client: httpx.Client, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The resolver says upstream's network to who judges; to who connects 0.0.0.0, this machine as well."""
        resolve, asked = socket.getaddrinfo, list[Any]()

        def resolved(host: Any, *about: Any, **named: Any) -> Any:
            if host != "mirror.example.com":
                return resolve(host, *about, **named)
            asked.append(host)
            return resolve("127.0.0.1" if len(asked) == 1 else "0.0.0.0", *about, **named)

        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        self.redirected(upstream, "mirror.example.com")
        assert error(client.get("/v2/postgres/manifests/latest")) == (502, "UNAVAILABLE")
        assert len(asked) == 2
        assert not [request for request in upstream.requests if "there" in request.query]

    @pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1", "169.254.169.254"]], ids=" ".join)
    def test_nor_is_a_token_asked_for_there(
        self,
        index: Path,
        serve: Serve,
        upstream: ExampleUpstream,
        names: dict[str, list[str]],
        addresses: list[str],
    ) -> None:
        names["auth.example.com"] = addresses
        write(index, upstream, {})
        port = upstream.host.partition(":")[2]
        challenge = {"WWW-Authenticate": f'Bearer realm="http://auth.example.com:{port}/token"'}
        upstream.inject(Fault(Answer(401, challenge), path="/v2/", times=None))
        answer = serve().get("/v2/postgres/manifests/latest")
        assert error(answer) == (502, "UNAVAILABLE")
        assert "not a public address" in answer.text
        assert upstream.requests.count("/token") == 0

    @pytest.mark.parametrize("name", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost.", "127.0.0.1."])
    def test_an_address_in_another_spelling_is_that_address(
        self, index: Path, serve: Serve, upstream: ExampleUpstream, names: dict[str, list[str]], name: str
    ) -> None:
        """Upstream is public here, so that neither a client nor we may be sent to this machine."""
        names["registry.example.com"] = ["8.8.8.8"]
        for permit in (follow, hand_on):
            with pytest.raises(UpstreamError, match="not a public address"):
                asyncio.run(permit(URL(f"http://{name}/x"), URL("https://registry.example.com/")))


POSTGRES = "elsewhere"
