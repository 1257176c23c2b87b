"""Upstream cannot send the server, or its clients, into a network that is not upstream's own."""

import asyncio
from pathlib import Path

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
