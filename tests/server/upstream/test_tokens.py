"""Anonymous tokens: asked for when needed, kept, renewed, and sent to the registry only."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from server.index.repository import Auth
from server.registry import manifests
from server.upstream.tokens import bearer
from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, ExampleUpstream, Fault, Hang, Reset, redirect


@pytest.mark.parametrize(
    ("challenge", "auth"),
    [
        ('Bearer realm="https://x/token",service="s",scope="repository:a:pull,push"', Auth("https://x/token", "s")),
        ('bearer  Realm = "https://x/token" , SERVICE=s', Auth("https://x/token", "s")),
        ('Bearer realm="https://x/token"', Auth("https://x/token")),
        ('Basic realm="Bearer realm", Bearer realm="https://x/t",error="e"', Auth("https://x/t")),
        ('Bearer realm="https://x/t", Basic realm="y"', Auth("https://x/t")),
        (r'Bearer realm="https://x/\"t"', Auth('https://x/"t')),
        ('Basic realm="x"', None),
        ("Negotiate abc==", None),
        ('Bearer service="",realm="https://x/t"', Auth("https://x/t", "")),
        ('Bearer realm=""', None),
        ('Bearer service="s"', None),
        ("Bearer", None),
        ("", None),
        ('Bearer realm="unterminated', None),
    ],
)
def test_the_bearer_challenge_is_found(challenge: str, auth: Auth | None) -> None:
    assert bearer(challenge) == auth


def test_no_time_is_lost_on_a_hostile_challenge() -> None:
    start = time.process_time()
    for challenge in ('Bearer a="' * 5000, "Bearer a=" * 5000, 'Bearer a="\\' * 5000, "a" * 60_000):
        bearer(challenge)
    assert time.process_time() - start < 2


@pytest.fixture(autouse=True)
def _tags_are_asked_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "TAG_SECONDS", 0.0)


@pytest.fixture
def unrecorded(index: Path, upstream: ExampleUpstream) -> Path:
    """An index that does not know of any realm."""
    write(index, upstream, {})
    return index


def latest(client: httpx.Client, name: str = "nginx") -> httpx.Response:
    return client.get(f"/v2/{name}/manifests/latest")


def test_a_realm_that_the_index_names_is_asked_without_a_challenge(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    assert latest(client).status_code == 200
    assert [request.path for request in upstream.requests] == ["/token", "/v2/chainguard/nginx/manifests/latest"]
    query = upstream.requests.matching("/token")[0].query
    assert query == {"scope": "repository:chainguard/nginx:pull", "service": upstream.host}


def test_a_realm_recorded_for_one_image_is_known_for_its_whole_registry(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    assert latest(client, "postgres").status_code == 200
    assert upstream.requests.count(status=401) == 0


def test_a_realm_that_is_not_known_is_learned_once_for_the_registry(
    unrecorded: Path, client: httpx.Client, upstream: ExampleUpstream
) -> None:
    assert latest(client, "postgres").status_code == 200
    assert latest(client, "python").status_code == 200
    assert upstream.requests.count(status=401) == 1


def test_a_token_is_used_again_for_its_repository_only(client: httpx.Client, upstream: ExampleUpstream) -> None:
    for name in ("nginx", "nginx", "python", "nginx"):
        assert latest(client, name).status_code == 200
    scopes = [request.query["scope"] for request in upstream.requests.matching("/token")]
    assert scopes == ["repository:chainguard/nginx:pull", "repository:chainguard/python:pull"]


@pytest.mark.parametrize(
    ("stated", "passing", "asked"), [(300, 200, 1), (300, 295, 2), (8, 3, 1), (8, 5, 2), (0, 55, 2)]
)
def test_a_token_about_to_expire_is_renewed_before_it_is_refused(
    serve: Serve, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch, stated: int, passing: int, asked: int
) -> None:
    """Where nothing is stated, a minute is what the specification says."""
    clock = [1000.0]
    monkeypatch.setattr("server.upstream.cache.monotonic", lambda: clock[0])
    upstream.options.token_expiry, upstream.options.token_lifetime = bool(stated), stated or 300
    client = serve()
    assert latest(client).status_code == 200
    clock[0] += passing
    assert latest(client).status_code == 200
    assert upstream.requests.count("/token") == asked
    assert upstream.requests.count(status=401) == 0


def test_a_refused_token_is_renewed_once(client: httpx.Client, upstream: ExampleUpstream) -> None:
    assert latest(client).status_code == 200
    upstream.revoke_tokens()
    assert latest(client).status_code == 200
    assert latest(client).status_code == 200
    assert upstream.requests.count("/token") == 2


def test_a_loop_of_401_ends_in_a_refusal_of_our_own(client: httpx.Client, upstream: ExampleUpstream) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{upstream.url}/token",service="{upstream.host}"'}
    upstream.inject(Fault(Answer(401, challenge), path="/v2/", times=None))
    answer = latest(client)
    assert error(answer) == (403, "DENIED")
    assert "www-authenticate" not in answer.headers
    assert upstream.requests.count("/v2/") == 2


@pytest.mark.parametrize("challenge", ["Basic realm=x", "", 'Bearer realm="ftp://x/"', 'Bearer realm="/token"'])
def test_a_challenge_that_anonymous_clients_cannot_meet_is_no_hang(
    unrecorded: Path, client: httpx.Client, upstream: ExampleUpstream, challenge: str
) -> None:
    upstream.inject(Fault(Answer(401, {"WWW-Authenticate": challenge}), path="/v2/", times=None))
    assert error(latest(client, "postgres"))[0] in (403, 502)


def test_a_realm_that_was_learned_wrong_is_learned_anew(
    unrecorded: Path, client: httpx.Client, upstream: ExampleUpstream
) -> None:
    upstream.inject(Fault(Answer(401, {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/"'}), path="/v2/"))
    assert [latest(client, "postgres").status_code for _ in range(2)] == [502, 200]


def test_a_realm_that_has_moved_since_it_was_recorded_is_followed(
    index: Path, serve: Serve, upstream: ExampleUpstream
) -> None:
    auth = {"realm": f"{upstream.url}/moved", "service": None}
    write(index, upstream, {"nginx": image(upstream, "nginx", auth=auth)})
    upstream.inject(Fault(Answer(200, {}, b'{"token": "old"}'), path="/moved", times=None))
    assert latest(serve()).status_code == 200


def test_credentials_in_a_realm_are_not_used(index: Path, serve: Serve, upstream: ExampleUpstream) -> None:
    auth = {"realm": f"http://user:secret@{upstream.host}/token", "service": None}
    write(index, upstream, {"nginx": image(upstream, "nginx", auth=auth, tracks={})})
    assert error(latest(serve())) == (502, "UNAVAILABLE")
    assert len(upstream.requests) == 0


def test_many_who_wait_share_one_token_request(client: httpx.Client, upstream: ExampleUpstream) -> None:
    upstream.inject(Fault(Hang(0.4), path="/token"))
    digests = list(upstream.store("nginx").manifests)[:12]
    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(lambda digest: client.get(f"/v2/nginx/manifests/{digest}"), digests)
        assert {answer.status_code for answer in answers} == {200}
    assert upstream.requests.count("/token") == 1


def token(**fields: object) -> Answer:
    return Answer(200, body=json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Answer(200, body=b"{"), (502, "UNAVAILABLE")),
        (Answer(200, body=b"\xff"), (502, "UNAVAILABLE")),
        (Answer(200, body=b"[" * 20_000), (502, "UNAVAILABLE")),
        (Answer(200, body=b" " * 100_000), (502, "UNAVAILABLE")),
        (token(token="a", padding="x" * 100_000), (502, "UNAVAILABLE")),
        (token(), (502, "UNAVAILABLE")),
        (token(token=7), (502, "UNAVAILABLE")),
        (token(token="a\r\nb: c"), (502, "UNAVAILABLE")),
        (token(token="a", expires_in="soon"), (502, "UNAVAILABLE")),
        (redirect("http://127.0.0.1:1/"), (502, "UNAVAILABLE")),
        (Reset(), (502, "UNAVAILABLE")),
        (Answer(500), (502, "UNAVAILABLE")),
        (Answer(503), (503, "UNAVAILABLE")),
        (Answer(401), (403, "DENIED")),
        (Answer(403), (403, "DENIED")),
        (Answer(404), (403, "DENIED")),
        (Answer(429, {"Retry-After": "7"}), (429, "TOOMANYREQUESTS")),
    ],
    ids=lambda value: repr(value)[:80].replace("\\", ""),
)
def test_a_token_endpoint_that_fails_is_said_as_what_it_is(
    client: httpx.Client, upstream: ExampleUpstream, fault: Answer | Reset, expected: tuple[int, str]
) -> None:
    times = 2 if isinstance(fault, Reset) else 1  # what is reset is tried once more
    upstream.inject(Fault(fault, path="/token", times=times))
    path = f"/v2/nginx/manifests/{upstream.store('nginx').tags['latest']}"
    assert error(client.get(path)) == expected
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"token": ""},
        {"expires_in": "300"},
        {"expires_in": 0},
        {"expires_in": -5},
        {"expires_in": 1e300},
        {"expires_in": None},
    ],
)
def test_a_token_with_a_strange_lifetime_is_used_all_the_same(
    client: httpx.Client, upstream: ExampleUpstream, fields: dict[str, float]
) -> None:
    query = {"scope": "repository:chainguard/nginx:pull"}
    value = httpx.get(f"{upstream.url}/token", params=query).json()["token"]
    upstream.inject(Fault(token(access_token=value, **fields), path="/token"))
    assert latest(client).status_code == 200
    assert latest(client).status_code == 200
    assert upstream.requests.count("/token") == 2


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "learned"])
def test_a_realm_that_is_stated_with_a_scope_is_that_of_each_repository(
    serve: Serve, index: Path, upstream: ExampleUpstream, recorded: bool
) -> None:
    """nvcr.io: the scope that is asked for is stated once, and is the image's own."""
    upstream.options.realm_scope = True
    auth = {"realm": f"{upstream.url}/token?scope=repository:chainguard/other:pull", "service": upstream.host}
    about = {"auth": auth} if recorded else {}
    write(index, upstream, {name: image(upstream, name, **about) for name in ("nginx", "python")})
    if not recorded:
        for name in ("nginx", "python"):
            path = index / name / "index.json"
            path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "auth"}))
    client = serve()
    for name in ("nginx", "python"):
        assert latest(client, name).status_code == 200
    asked = [parse_qs(request.query_string.decode())["scope"] for request in upstream.requests.matching("/token")]
    assert asked == [["repository:chainguard/nginx:pull"], ["repository:chainguard/python:pull"]]
