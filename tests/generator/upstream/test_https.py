"""An upstream over HTTPS: nothing that came over TLS goes on without it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from generator.errors import UntrustedError, UpstreamError
from generator.reference import Repository
from generator.upstream import Client, Connections
from tests.generator.conftest import QUICK
from tests.upstream import Answer, ExampleUpstream, Fault, redirect


@pytest.fixture(scope="module")
def plain() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream(tls=True) as running:
        yield running


@pytest.fixture
def client(upstream: ExampleUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    (tmp_path / "authority.pem").write_text(upstream.authority)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    with Connections(2) as connections:
        yield Client(Repository.parse(upstream.repository("nginx")), connections, replace(QUICK, attempts=1))


def test_it_is_read(client: Client) -> None:
    assert client.manifest(client.head("latest").digest).manifest.manifests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_neither_a_request_nor_its_token_goes_on_to_http(
    upstream: ExampleUpstream, plain: ExampleUpstream, client: Client, status: int
) -> None:
    client.head("latest")
    plain.requests.clear()
    upstream.inject(Fault(redirect(f"{plain.url}/v2/", status), path="/manifests/", times=None))
    with pytest.raises(UntrustedError, match="is sent on from https to http"):
        client.manifest("latest")
    assert len(plain.requests) == 0


def test_a_token_realm_without_tls_is_not_asked(
    upstream: ExampleUpstream, plain: ExampleUpstream, client: Client
) -> None:
    plain.requests.clear()
    challenge = {"WWW-Authenticate": f'Bearer realm="{plain.url}/token"'}
    upstream.inject(Fault(Answer(401, challenge), path="/v2/", times=None))
    with pytest.raises(UpstreamError, match="a token realm that is not to be trusted"):
        client.head("latest")
    assert len(plain.requests) == 0


def test_a_token_goes_to_no_other_port_of_the_same_host(upstream: ExampleUpstream, client: Client) -> None:
    config = client.manifest(client.manifest("latest").manifest.manifests[0]).manifest.config
    assert config
    client.blob(config)
    assert {request.authorization for request in upstream.requests.matching(side="cdn")} == {None}
