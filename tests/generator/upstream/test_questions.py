"""What exactly is asked of an upstream: addresses, queries, headers."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from generator.errors import UpstreamError
from generator.reference import Repository
from generator.upstream import Client, Connections, CredentialStore
from generator.upstream.manifest import ACCEPT, OCI_INDEX
from tests.generator.conftest import QUICK
from tests.upstream import Answer, ExampleUpstream, Fault, Options
from tests.upstream.requests import Request


@pytest.fixture(scope="module")
def options() -> Options:
    return Options(referrers=True)


def only(upstream: ExampleUpstream, target: str, side: str = "registry") -> Request:
    (found,) = upstream.requests.matching(target, side=side, status=200)
    return found


def test_a_token_is_asked_for_by_scope_and_service(upstream: ExampleUpstream, client: Client) -> None:
    client.head("latest")
    asked = only(upstream, "GET /token")
    assert asked.query == {"scope": "repository:chainguard/nginx:pull", "service": upstream.host}
    assert asked.authorization is None
    head = only(upstream, "HEAD /v2/chainguard/nginx/manifests/latest$")
    assert (head.authorization or "").startswith("Bearer ")


def test_what_is_taken_is_said(upstream: ExampleUpstream, client: Client) -> None:
    fetched = client.manifest(client.head("latest").digest)
    child = client.manifest(fetched.manifest.manifests[0]).manifest
    assert child.config
    client.blob(child.config)
    client.referrers(fetched.digest)
    for target, accept in (
        ("HEAD .*/manifests/latest", ACCEPT),
        (f"GET .*/manifests/{fetched.digest}", ACCEPT),
        (f"GET .*/referrers/{fetched.digest}", OCI_INDEX),
    ):
        assert only(upstream, target).headers["accept"] == accept
    blob = only(upstream, "GET /", side="cdn")
    assert blob.headers["accept"] == "*/*"
    for request in upstream.requests:
        assert request.headers["accept-encoding"] == "identity"
        assert request.user_agent == "reverse-registry"


def test_a_range_of_history_is_asked_for_in_utc(upstream: ExampleUpstream, client: Client) -> None:
    since = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    found = client.history("latest", since)
    assert found == sorted(found)
    asked = [
        request.query for request in upstream.requests.matching("/v2/chainguard/nginx/_chainguard/history/latest$")
    ]
    assert asked[0] == {"start": "2026-01-01T00:00:00Z"}
    assert asked[-1] == {"start": "2026-01-01T00:00:00Z", "end": found[0].at.isoformat().replace("+00:00", "Z")}
    assert all(each.at >= datetime(2026, 1, 1, tzinfo=UTC) for each in found)


def test_all_of_history_is_asked_for_without_a_range(upstream: ExampleUpstream, client: Client) -> None:
    client.history("latest", None)
    assert upstream.requests.matching("/history/latest$")[0].query_string == b""


@pytest.mark.parametrize("status", [418, 402, 409])
def test_an_answer_that_nobody_expects_is_told_with_its_number(
    upstream: ExampleUpstream, client: Client, status: int
) -> None:
    upstream.inject(Fault(Answer(status), path="/manifests/latest", times=None))
    with pytest.raises(UpstreamError) as raised:
        client.manifest("latest")
    assert str(raised.value).startswith(f"{upstream.repository('nginx')}: manifest latest: unexpected answer {status}")
    assert "None" not in str(raised.value)


def test_a_challenge_is_met_once_and_its_token_kept(upstream: ExampleUpstream, client: Client) -> None:
    digest = client.head("latest").digest
    client.manifest(digest)
    assert upstream.requests.count(status=401) == 1
    assert upstream.requests.count("/token") == 1
    upstream.revoke_tokens()
    client.manifest("latest-dev")
    assert upstream.requests.count(status=401) == 2
    assert upstream.requests.count("/token") == 2


def test_where_the_realm_is_known_no_challenge_is_needed(upstream: ExampleUpstream, client: Client) -> None:
    client.head("latest")
    assert client.realm
    upstream.requests.clear()
    again = Client(client.repository, client.connections, client.limits, client.realm)
    again.head("latest")
    assert upstream.requests.count(status=401) == 0
    assert upstream.requests.count("/token") == 1


def test_an_identity_token_is_exchanged_by_the_form_of_oauth2(upstream: ExampleUpstream, tmp_path: Path) -> None:
    (file := tmp_path / "auth.json").write_text(json.dumps({"auths": {upstream.host: {"identitytoken": "identity"}}}))
    with Connections(2) as connections:
        store = CredentialStore((file,))
        repository = Repository.parse(upstream.repository("nginx"))
        client = Client(repository, connections, replace(QUICK, attempts=1), credentials=store)
        with suppress(UpstreamError):
            client.head("latest")
    asked = upstream.requests.matching("POST /token")[0]
    assert dict(parse_qsl(asked.body.decode())) == {
        "client_id": "reverse-registry",
        "grant_type": "refresh_token",
        "refresh_token": "identity",
        "scope": "repository:chainguard/nginx:pull",
        "service": upstream.host,
    }
    assert (asked.query, asked.authorization) == ({}, None)
