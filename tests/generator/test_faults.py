"""A bad day upstream: what passes is waited out, what stays is one clear line, and nobody's secrets travel."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import requests
import urllib3

from generator.errors import NotFoundError, TransientError, UntrustedError, UpstreamError
from generator.reference import Repository
from generator.upstream import Client, Connections
from generator.upstream.challenge import Realm
from generator.upstream.transport.pauses import Pauses
from generator.upstream.transport.response import bounded, date
from tests.generator.conftest import ALWAYS, QUICK, Expected, Index
from tests.upstream import (
    Answer,
    ExampleUpstream,
    Fault,
    Hang,
    Huge,
    Limit,
    Mislabel,
    Options,
    Reset,
    Slow,
    Truncate,
    redirect,
)
from tests.upstream.faults import Action

NOW = '[images.nginx]\nsince = "now"\n'
PLACES = {
    "token": "^/token",
    "head": "/manifests/latest$",
    "history": "/history/",
    "manifest": "/manifests/sha256:",
    "attestations": r"\.att$",
    "blob": "/blobs/",
    "cdn": "^/sha256/",
}
FAULTS: dict[str, Action] = {
    "429": Answer(429, {"Retry-After": "0"}),
    "500": Answer(500),
    "502": Answer(502, {}, b"<html>bad gateway</html>"),
    "503": Answer(503),
    "504": Answer(504),
    "408": Answer(408),
    "reset": Reset(),
    "truncated": Truncate(20),
}


@pytest.fixture
def upstream(shared: ExampleUpstream) -> ExampleUpstream:
    return shared


@pytest.mark.parametrize("fault", FAULTS)
def test_what_passes_is_waited_out(fault: str, upstream: ExampleUpstream, expected: Expected, tmp_path: Path) -> None:
    method = "GET" if fault == "truncated" else ".*"
    upstream.inject(*(Fault(FAULTS[fault], path=path, method=method, times=2) for path in PLACES.values()))
    index = Index(upstream, tmp_path, ALWAYS, replace(QUICK, attempts=6))
    assert index.refresh()["nginx"].errors == []
    assert index.content() == expected(upstream)


@pytest.mark.parametrize("place", PLACES)
def test_what_hangs_is_given_up_and_tried_again(
    place: str, upstream: ExampleUpstream, expected: Expected, tmp_path: Path
) -> None:
    upstream.inject(Fault(Hang(30), path=PLACES[place]))
    index = Index(upstream, tmp_path, ALWAYS, replace(QUICK, read=0.4))
    assert index.refresh()["nginx"].errors == []
    assert index.content() == expected(upstream)


BAD_LUCK = (Answer(429, {"Retry-After": "0"}), Answer(502), Reset(), Truncate(9), Hang(30))


@pytest.mark.parametrize("seed", [1, 2])
def test_bad_luck_with_a_fifth_of_all_requests_changes_nothing(seed: int, expected: Expected, tmp_path: Path) -> None:
    with ExampleUpstream(seed=seed) as upstream:
        upstream.inject(*(Fault(action, probability=0.044, times=None) for action in BAD_LUCK))
        index = Index(upstream, tmp_path, ALWAYS, replace(QUICK, read=0.4, attempts=12))
        assert index.refresh()["nginx"].errors == []
        assert index.content() == expected(upstream)


STAYING: dict[str, tuple[Action, str]] = {
    "403": (Answer(403), "403, refused; asked anonymously"),
    "teapot": (Answer(418), "unexpected answer 418"),
    "redirected for ever": (redirect("/v2/chainguard/nginx/manifests/latest"), "redirected too often"),
    "503 for ever": (Answer(503), "tag latest: 503 Service Unavailable"),
    "no challenge": (Answer(401), "asks for authentication that anonymous reading cannot give: ''"),
    "basic": (Answer(401, {"WWW-Authenticate": 'Basic realm="x"'}), "cannot give: 'Basic realm=\"x\"'"),
    "reset for ever": (Reset(), "tag latest: no connection"),
    "hangs for ever": (Hang(30), "tag latest: no answer in time"),
    "no bearer realm": (Answer(401, {"WWW-Authenticate": "Bearer service=x"}), "cannot give: 'Bearer service=x'"),
    "realm nowhere": (Answer(401, {"WWW-Authenticate": 'Bearer realm="/token"'}), "not to be trusted: '/token'"),
    "realm of another kind": (Answer(401, {"WWW-Authenticate": 'Bearer realm="file:///x"'}), "not to be trusted"),
}


@pytest.mark.parametrize("what", STAYING)
def test_what_stays_is_one_line(upstream: ExampleUpstream, tmp_path: Path, what: str) -> None:
    action, message = STAYING[what]
    upstream.inject(Fault(action, path="/manifests/latest", times=None))
    index = Index(upstream, tmp_path, NOW, replace(QUICK, read=0.3, attempts=2))
    (error,) = index.refresh()["nginx"].errors
    assert message in error
    assert error.isprintable()
    assert index.store.image("nginx") is None


def test_a_401_for_ever_is_one_line(upstream: ExampleUpstream, tmp_path: Path) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{upstream.url}/token",service="{upstream.host}"'}
    upstream.inject(Fault(Answer(401, challenge), path="/manifests/", times=None))
    (error,) = Index(upstream, tmp_path, NOW).refresh()["nginx"].errors
    assert error.endswith("tag latest: 401, refused; asked anonymously")
    assert upstream.requests.count("HEAD") == 2


TOKENS: dict[str, tuple[Action, str]] = {
    "404": (Answer(404), "the token from {host}: not found"),
    "403": (Answer(403), "the token from {host}: 403"),
    "503": (Answer(503), "the token from {host}: 503"),
    "not JSON": (Answer(200, {}, b"<html>"), "the token from {host}: JSON is malformed"),
    "no token": (Answer(200, {}, b"{}"), "the token from {host}: none that can be used"),
    "another type": (Answer(200, {}, b'{"token": 1}'), "none that can be used"),
    "a line break": (Answer(200, {}, b'{"token": "a\\r\\nX: y"}'), "none that can be used"),
    "empty": (Answer(200, {}, b'{"token": ""}'), "none that can be used"),
    "an array": (Answer(200, {}, b"[]"), "Expected `object`"),
    "huge": (Answer(200, {}, b'{"token": "' + b"x" * 100_000), "more than 65536 bytes"),
    "redirected for ever": (redirect("/token"), "redirected, which no token endpoint may do"),
    "reset": (Reset(), "the token from {host}: no connection"),
    "truncated": (Answer(200, {"Content-Length": "999"}, b"{"), "the token from {host}: "),
}


@pytest.mark.parametrize("what", TOKENS)
def test_no_token_is_one_line(upstream: ExampleUpstream, tmp_path: Path, what: str) -> None:
    action, message = TOKENS[what]
    upstream.inject(Fault(action, path="/token", times=None))
    (error,) = Index(upstream, tmp_path, NOW, replace(QUICK, attempts=2)).refresh()["nginx"].errors
    assert message.format(host=upstream.host) in error
    assert "internal" not in error
    assert error.isprintable()


def test_a_token_may_be_called_access_token(upstream: ExampleUpstream, tmp_path: Path) -> None:
    token = requests.get(f"{upstream.url}/token?scope=repository:chainguard/nginx:pull", timeout=5).json()["token"]
    upstream.inject(Fault(Answer(200, {}, f'{{"access_token": "{token}"}}'.encode()), path="/token"))
    assert Index(upstream, tmp_path, NOW).refresh()["nginx"].errors == []


def test_a_token_that_expires_meanwhile_is_fetched_anew(expected: Expected, tmp_path: Path) -> None:
    with ExampleUpstream() as upstream:
        challenge = f'Bearer realm="{upstream.url}/token",service="{upstream.host}"'
        upstream.inject(Fault(Answer(401, {"WWW-Authenticate": challenge}), path=r"\.att$"))
        index = Index(upstream, tmp_path, ALWAYS)
        assert index.refresh()["nginx"].errors == []
        assert upstream.requests.count("/token") > 1
        assert index.content() == expected(upstream)


def test_one_token_serves_every_thread(upstream: ExampleUpstream, tmp_path: Path) -> None:
    Index(upstream, tmp_path, ALWAYS).refresh()
    assert upstream.requests.count("/token") == 1


def test_where_tokens_are_given_may_change(nginx: Index) -> None:
    nginx.refresh()
    recorded = nginx.folder / "nginx" / "index.json"
    before = recorded.read_bytes()
    recorded.write_bytes(before.replace(b"/token", b"/gone"))
    assert nginx.refresh()["nginx"].errors == []
    assert recorded.read_bytes() == before


def test_no_token_is_asked_for_where_none_is_needed(tmp_path: Path) -> None:
    with ExampleUpstream(Options(tokens=False)) as upstream:
        index = Index(upstream, tmp_path, NOW)
        index.refresh()
        index.refresh()
        assert upstream.requests.count("/token") == 0
        assert index.image("nginx").auth is None
        assert {request.authorization for request in upstream.requests} == {None}


# Bounds.


@pytest.mark.parametrize("is_stated", [True, False])
def test_a_manifest_of_100_megabytes_is_not_read(upstream: ExampleUpstream, tmp_path: Path, is_stated: bool) -> None:
    upstream.inject(Fault(Huge(100 * 1024 * 1024, is_stated), path="/manifests/sha256:", method="GET", times=None))
    (error,) = Index(upstream, tmp_path, NOW).refresh()["nginx"].errors[:1]
    assert "more than 4194304 bytes" in error
    assert sum(request.sent for request in upstream.requests) < 60 * 1024 * 1024


def test_a_history_of_any_size_is_not_read(upstream: ExampleUpstream, tmp_path: Path) -> None:
    upstream.inject(Fault(Huge(30 * 1024 * 1024), path="/history/", times=None))
    (error,) = Index(upstream, tmp_path, NOW, replace(QUICK, blob=1024 * 1024)).refresh()["nginx"].errors
    assert "history of latest: more than 1048576 bytes" in error


# What an answer may say. One client, without the rest.


@pytest.fixture
def client(upstream: ExampleUpstream) -> Iterator[Client]:
    with Connections(4) as connections:
        yield Client(Repository.parse(upstream.repository("nginx")), connections, QUICK)


def test_every_page_of_referrers_is_read(upstream: ExampleUpstream, client: Client) -> None:
    digests = [f"sha256:{number:064x}" for number in range(3)]
    for number, digest in enumerate(digests):
        found = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 2}
        body = json.dumps({"schemaVersion": 2, "manifests": [found]}).encode()
        following = {"Link": f'<?page={number + 1}>; rel="next"'} if number < 2 else {}
        upstream.inject(Fault(Answer(200, following, body), path="/referrers/"))
    assert [each.digest for each in client.referrers(digests[0])] == digests


def test_a_page_of_referrers_elsewhere_is_not_read(upstream: ExampleUpstream, client: Client) -> None:
    body = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    link = {"Link": '<http://127.0.0.1:1/elsewhere>; rel="next"'}
    upstream.inject(Fault(Answer(200, link, body), path="/referrers/"))
    assert client.referrers(f"sha256:{0:064x}") == ()


def test_retry_after_is_waited_for(upstream: ExampleUpstream, client: Client) -> None:
    upstream.inject(Fault(Answer(429, {"Retry-After": "1"}), path="/manifests/"))
    began = time.monotonic()
    client.head("latest")
    assert time.monotonic() - began >= 1


def test_one_refusal_slows_all_that_ask_the_same_host(upstream: ExampleUpstream, client: Client) -> None:
    upstream.inject(Fault(Answer(429, {"Retry-After": "1"}), path="nginx/manifests/"))
    other = Client(Repository.parse(upstream.repository("python")), client.connections, QUICK)
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        refused = pool.submit(client.head, "latest")
        while not upstream.requests.count(status=429):
            time.sleep(0.01)
        time.sleep(0.05)
        before = len(upstream.requests)
        other.head("latest")
        assert time.monotonic() - began >= 1
        assert not [each for each in list(upstream.requests)[:before] if "python" in each.path]
        refused.result()


class Impatient(threading.Event):
    """Whoever waits for it for some seconds is told at once to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return True


def test_a_pause_of_one_host_is_not_another_s() -> None:
    stopping = Impatient()
    pauses = Pauses(60, stopping)
    pauses.ask("a.example", 30)
    pauses.wait("b.example")
    assert not stopping.waits
    pauses.wait("a.example")
    assert stopping.waits


def test_a_host_that_asks_for_more_than_our_patience_is_not_asked_again(
    upstream: ExampleUpstream, client: Client
) -> None:
    upstream.inject(Fault(Answer(503, {"Retry-After": "900"}), path="/manifests/"))
    with pytest.raises(TransientError, match="503"):
        client.head("latest")
    upstream.requests.clear()
    with pytest.raises(TransientError, match=r"localhost:\d+ asks to be left alone for 900 seconds"):
        client.head("latest")
    assert len(upstream.requests) == 0


def test_a_host_that_only_ever_asks_to_wait_costs_one_patience_and_not_one_for_each_image(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    upstream.inject(Fault(Answer(503, {"Retry-After": "1"}), side="registry", times=None))
    names = [f"image{number}" for number in range(12)]
    index = Index(upstream, tmp_path, "".join(f"[images.{name}]\n" for name in names), replace(QUICK, patience=1.5))
    outcomes = list(index.run(jobs=2))
    assert all(outcome.errors for outcome in outcomes)
    assert len(upstream.requests) < len(names)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "x"])
def test_what_is_packed_without_being_asked_for_is_refused(
    upstream: ExampleUpstream, client: Client, coding: str
) -> None:
    upstream.inject(Fault(Answer(200, {"Content-Encoding": coding}, b"{}"), path="/manifests/", times=None))
    with pytest.raises(UntrustedError, match=f"is packed, as {coding}"):
        client.manifest("latest")


def test_a_host_that_asked_to_wait_long_ago_is_asked_again() -> None:
    pauses = Pauses(0.2, threading.Event())
    pauses.ask("x", 0.01)
    time.sleep(0.25)
    pauses.wait("x")
    pauses.ask("x", 0.01)
    time.sleep(0.25)
    pauses.wait("x")


def test_another_host_has_no_say_in_who_gives_tokens(
    upstream: ExampleUpstream, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream.options, "tokens", False)
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{upstream.cdn_host}/evil"'}
    upstream.inject(Fault(Answer(401, challenge), side="cdn", times=None))
    config = client.manifest(client.manifest("latest").manifest.manifests[0]).manifest.config
    assert config
    with pytest.raises(UpstreamError):
        client.blob(config)
    assert client.realm is None
    assert upstream.requests.count("/evil") == 0


def test_a_registry_that_limits_its_clients_is_read_at_its_own_pace(expected: Expected, tmp_path: Path) -> None:
    with ExampleUpstream() as upstream:
        upstream.inject(Fault(Limit(30, 1), side="registry", times=None))
        index = Index(upstream, tmp_path, ALWAYS, replace(QUICK, patience=30))
        assert index.refresh()["nginx"].errors == []
        assert index.content() == expected(upstream)
        refused, let_through = upstream.requests.count(status=429), upstream.requests.count(side="registry", status=200)
        assert 0 < refused < let_through / 2


def answered(status: int = 200, **headers: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    answer.raw = urllib3.HTTPResponse(BytesIO(), preload_content=False)
    return answer


def test_retry_after_may_be_a_date() -> None:
    answer = answered(503, Date="Thu, 01 Jan 2026 00:00:00 GMT", Retry_After="Thu, 01 Jan 2026 01:00:07 +0100")
    with pytest.raises(TransientError) as raised:
        bounded(answer, 0, "what")
    assert raised.value.retry_after == 7


def test_an_answer_that_drips_is_given_up_after_its_time(upstream: ExampleUpstream) -> None:
    upstream.inject(Fault(Slow(10, 0.05), path="/token", times=None))
    url = f"{upstream.url}/token?scope=repository:chainguard/nginx:pull"
    dripping = requests.get(url, stream=True, timeout=5)
    with dripping, pytest.raises(TransientError, match="what: still unfinished after 0 seconds"):
        bounded(dripping, 10_000, "what", seconds=0.1)


@pytest.mark.parametrize("value", ["soon", "-1", "9" * 40, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", ""])
def test_a_retry_after_that_makes_no_sense_is_none(upstream: ExampleUpstream, client: Client, value: str) -> None:
    upstream.inject(Fault(Answer(503, {"Retry-After": value}), path="/manifests/"))
    client.head("latest")
    assert upstream.requests.count("HEAD", status=200) == 1


def test_a_retry_after_beyond_all_patience_is_given_up_at_once(upstream: ExampleUpstream, client: Client) -> None:
    upstream.inject(Fault(Answer(429, {"Retry-After": "3600"}), path="/manifests/", times=None))
    with pytest.raises(TransientError, match="tag latest: 429 Too Many Requests"):
        client.head("latest")
    assert upstream.requests.count("HEAD") == 1


def test_nothing_is_tried_again_once_all_is_to_stop(upstream: ExampleUpstream, client: Client) -> None:
    client.head("latest")
    client.connections.stopping.set()
    upstream.inject(Fault(Answer(503), path="/manifests/", times=None))
    upstream.requests.clear()
    with pytest.raises(TransientError):
        client.head("latest")
    assert len(upstream.requests) == 1


def test_what_is_not_there_is_told_apart(client: Client) -> None:
    with pytest.raises(NotFoundError, match="tag nowhere: not found"):
        client.head("nowhere")


def test_a_head_that_does_not_say_is_made_good_by_the_manifest(upstream: ExampleUpstream, client: Client) -> None:
    digest = client.head("latest").digest
    upstream.inject(Fault(Mislabel({"Docker-Content-Digest": None}), path="/manifests/latest", times=None))
    assert client.head("latest").digest == digest


@pytest.mark.parametrize("stated", ["", "sha256:0", "md5:00", "latest"])
def test_a_digest_that_is_none_is_not_believed(upstream: ExampleUpstream, client: Client, stated: str) -> None:
    digest = client.head("latest").digest
    upstream.inject(Fault(Mislabel({"Docker-Content-Digest": stated}), path="/manifests/latest", times=None))
    assert client.head("latest").digest == digest


def test_a_manifest_by_tag_has_the_digest_that_it_is_said_to_have(upstream: ExampleUpstream, client: Client) -> None:
    wrong = Mislabel({"Docker-Content-Digest": f"sha256:{'0' * 64}"})
    upstream.inject(Fault(wrong, path="/manifests/latest", times=None))
    with pytest.raises(UntrustedError, match="the content does not have the digest"):
        client.manifest("latest")


def test_the_upstream_s_clock_is_the_one_that_counts() -> None:
    at = date(answered(Date="Thu, 01 Jan 2026 01:00:00 +0100"))
    assert at.isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("text", ["", "yesterday", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_an_upstream_without_a_clock_gets_ours(text: str) -> None:
    assert abs(date(answered(Date=text)).timestamp() - time.time()) < 5


# Secrets.


def test_the_cdn_never_sees_a_token(nginx: Index) -> None:
    nginx.refresh()
    cdn = nginx.upstream.requests.matching(side="cdn")
    assert len(cdn) >= 20
    assert {request.authorization for request in cdn} == {None}
    assert {request.status for request in cdn} == {200}


def test_the_credentials_of_a_netrc_file_are_never_used(
    upstream: ExampleUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for host in ("localhost", "127.0.0.1"):
        with (home / ".netrc").open("a") as netrc:
            netrc.write(f"machine {host} login me password secret\n")
    for variable, value in {"HOME": home, "NETRC": home / ".netrc", "DOCKER_CONFIG": home}.items():
        monkeypatch.setenv(variable, str(value))
    Index(upstream, tmp_path / "index", NOW).refresh()
    sent = {request.authorization for request in upstream.requests}
    assert not [value for value in sent if value and not value.startswith("Bearer ")]
    assert {request.authorization for request in upstream.requests.matching("/token")} == {None}


def test_a_token_goes_to_its_own_repository_only(upstream: ExampleUpstream, tmp_path: Path) -> None:
    Index(upstream, tmp_path, f'{NOW}[images.python]\nsince = "now"\n').refresh()
    tokens = {
        name: {request.authorization for request in upstream.requests.matching(f"/v2/chainguard/{name}/")}
        for name in ("nginx", "python")
    }
    assert tokens["nginx"] & tokens["python"] == {None}
    assert not upstream.requests.count(status=403)


# Challenges (RFC 9110, 11.6.1).


@pytest.mark.parametrize(
    ("challenge", "url", "service"),
    [
        (
            'Bearer realm="https://a.example/token",service="a.example",scope="x:y:pull"',
            "https://a.example/token",
            "a.example",
        ),
        ('bearer Realm="https://a.example/token"', "https://a.example/token", None),
        ("Bearer realm=https://a.example/token, service=a", "https://a.example/token", "a"),
        (r'Bearer realm="https://a.example/t\"oken",service=""', 'https://a.example/t"oken', None),
        ('Basic realm="x", Bearer realm="https://a.example/token"', "https://a.example/token", None),
        ('Bearer realm="https://a.example/token",service="a", Basic realm="x"', "https://a.example/token", "a"),
        ('Bearer realm="https://a.example/t?scope=repository:x:pull,push"', "https://a.example/t", None),
        ('Bearer realm="https://a.example/t?a=1&scope=repository:x:pull&b=2"', "https://a.example/t?a=1&b=2", None),
    ],
)
def test_a_challenge_says_where_tokens_are(challenge: str, url: str, service: str | None) -> None:
    assert Realm.of(challenge, plain=False) == Realm(url, service)


@pytest.mark.parametrize(
    "realm",
    ["http://a.example/token", "//a.example/token", "https://user@a.example/", "https://", "https://[", "ftp://a"],
)
def test_an_https_upstream_may_not_send_its_clients_elsewhere_than_https(realm: str) -> None:
    with pytest.raises(UpstreamError, match="a token realm that is not to be trusted"):
        Realm.of(f'Bearer realm="{realm}"', plain=False)


def test_an_upstream_on_this_machine_may_have_its_realm_over_http() -> None:
    assert Realm.of('Bearer realm="http://localhost:5000/token"', plain=True).url == "http://localhost:5000/token"


@pytest.mark.parametrize("status", [403, 404, 405, 501, 307])
def test_where_a_head_is_refused_a_get_may_not_be(upstream: ExampleUpstream, tmp_path: Path, status: int) -> None:
    """As some registries and proxies do; 307 sends it to an address that is signed for GET alone."""
    upstream.options.head_refused = status
    index = Index(upstream, tmp_path, '[images.postgres]\nsince = "now"\n')
    assert index.refresh()["postgres"].errors == []
    recorded = index.store.image("postgres")
    assert recorded
    assert recorded.tracks["latest"].digest == upstream.store("postgres").tags["latest"]
    assert upstream.requests.count("HEAD .*/latest$")


def test_a_tag_that_is_not_there_is_said_to_be_so_also_by_get(upstream: ExampleUpstream, tmp_path: Path) -> None:
    upstream.options.head_refused = 405
    outcome = Index(upstream, tmp_path, '[images.nothing]\nsince = "now"\n').refresh()["nothing"]
    assert outcome.errors


def test_what_was_asked_for_by_digest_is_that_whatever_the_answer_calls_itself(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    """Another manifest of the same repository, under its own and right digest."""
    store = upstream.store("postgres")
    asked = store.tags["latest"]
    other = next(each for each in store.manifests.values() if each.digest != asked)
    headers = {"Docker-Content-Digest": other.digest, "Content-Type": other.media_type}
    upstream.inject(Fault(Answer(200, headers, other.data), path=f"/manifests/{asked}$", method="GET", times=None))
    index = Index(upstream, tmp_path, '[images.postgres]\nsince = "now"\n')
    assert f"does not have the digest {asked}" in "".join(index.refresh()["postgres"].errors)
