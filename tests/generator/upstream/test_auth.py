"""Whose credentials may go where, and what of them may be shown."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.reference import Repository
from generator.upstream import Connections, CredentialStore, Realm
from generator.upstream.auth import RepositoryAuth

SECRET = "s3cr3t-of-nobody"
OWN, HTTP, OTHER = (Realm(url, None) for url in ("https://ghcr.io/t", "http://ghcr.io/t", "https://auth.example/t"))


@pytest.fixture
def connections() -> Iterator[Connections]:
    with Connections(1) as opened:
        yield opened


def auth(
    connections: Connections, folder: Path, entry: dict[str, str] | None, repository: str = "ghcr.io/me/app"
) -> RepositoryAuth:
    host = repository.partition("/")[0]
    (file := folder / "auth.json").write_text(json.dumps({"auths": {host: entry} if entry else {}}))
    return RepositoryAuth(connections, Repository.parse(repository), (1.0, 1.0), None, CredentialStore((file,)))


def test_what_was_sent_is_hidden_in_every_form(connections: Connections, tmp_path: Path) -> None:
    basic = base64.b64encode(f"me:{SECRET}".encode()).decode()
    made = auth(connections, tmp_path, {"username": "me", "password": SECRET, "identitytoken": "identity-token"})
    assert made.credentials
    made.token = "bearer-token"
    said = f"XXXX {SECRET}, Basic {basic}, identity-token, bearer-token by me"
    assert made.hide(said) == "XXXX ***, Basic ***, ***, *** by me"
    assert auth(connections, tmp_path, None).hide(said) == said


def test_a_realm_is_the_registry_s_own_by_its_scheme_and_host(connections: Connections, tmp_path: Path) -> None:
    made = auth(connections, tmp_path, None)
    assert [made._is_own(realm) for realm in (OWN, HTTP, OTHER)] == [True, False, False]
    plain = auth(connections, tmp_path, None, "localhost:5000/app")
    realms = Realm("http://localhost:5000/t", None), Realm("https://localhost:5000/t", None)
    assert [plain._is_own(realm) for realm in realms] == [True, False]


@pytest.mark.parametrize(
    ("entry", "realm", "is_confirmed", "expected"),
    [
        (None, OTHER, False, False),
        (None, OWN, False, False),
        ({"username": "me", "password": SECRET}, OWN, False, False),
        ({"username": "me", "password": SECRET}, OTHER, False, True),
        ({"username": "me", "password": SECRET}, OTHER, True, False),
    ],
)
def test_credentials_wait_for_a_challenge_where_only_the_record_names_another_host(
    connections: Connections,
    tmp_path: Path,
    entry: dict[str, str] | None,
    realm: Realm,
    is_confirmed: bool,
    expected: bool,
) -> None:
    made = auth(connections, tmp_path, entry)
    made._is_confirmed = is_confirmed
    assert made._needs_challenge(realm) == expected
