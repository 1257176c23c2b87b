"""How long the address of a blob is good for others: what is signed in it, and what its answer says."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from server.registry.locations import HOLD, HOLD_UNSIGNED, lifetime
from tests.server.conftest import Serve
from tests.upstream import Answer, ExampleUpstream, Fault, Hang, redirect
from tests.upstream.registry import basic

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DATE = {"date": format_datetime(NOW, usegmt=True)}
LATER = NOW + timedelta(seconds=7)
EPOCH = int(LATER.timestamp())
POLICY = base64.b64encode(
    json.dumps({"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": EPOCH}}}]}).encode()
).decode()
TOKEN = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in ({"alg": "none"}, {"iat": EPOCH - 60, "sub": "?>~", "exp": EPOCH})
)


@pytest.mark.parametrize(
    "address",
    [
        "?X-Amz-Date=20260304T050604Z&X-Amz-Expires=10&X-Amz-Signature=aa",
        "?X-Goog-Date=20260304T050604Z&X-Goog-Expires=10&X-Goog-Signature=aa",
        "?X-Amz-Expires=7&X-Amz-Signature=aa",
        f"?Expires={EPOCH}&Signature=aa",
        f"?expires={EPOCH}&signature=aa",
        f"?expires={EPOCH}000",
        f"?expires={EPOCH}000000&signature=aa",
        "?Expires=Wed,%2004%20Mar%202026%2005:06:14%20GMT&Signature=aa",
        "?Expires=Wed%2C+04+Mar+2026+05%3A06%3A14+GMT",
        f"?Policy={POLICY.translate(str.maketrans('+=/', '-_~'))}&Signature=aa",
        f"?policy={POLICY}",
        "?sv=2024-01-01&se=2026-03-04T05%3A06%3A14Z&sig=aa",
        "?se=2026-03-04T07%3A06%3A14%2B02%3A00&sig=aa",
        "?se=2026-03-04T04:06:14-01&ske=2026-03-11T05:06:14Z",
        "?valid-until=20260304T050614Z",
        f"?__token__=exp%3D{EPOCH}~acl%3D%2F%2A~hmac%3Daa",
        f"exp={EPOCH}~hmac=aa/blob",
        f"?token={TOKEN}.aa",
        f"{TOKEN}.aa/blob",
        f"?verify={EPOCH}-aa",
        f"?sign=aa&t={EPOCH:x}",
        f"{'a' * 32}/{EPOCH:X}/blob",
        f"?q-sign-time={EPOCH - 60};{EPOCH}",
        f"?Expires=1999999999&X-Amz-Date=20260304T050604Z&X-Amz-Expires=10&issued={int(NOW.timestamp()) - 9}",
    ],
)
def test_at_most_half_of_what_is_left_of_a_signature(address: str) -> None:
    assert lifetime(URL(f"https://cdn.example.com/{address}", encoded=True), DATE) == 3.0


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Date=20260304T050603Z&X-Amz-Expires=3",
        "X-Amz-Date=20260304T050603Z&X-Amz-Expires=soon",
        "X-Amz-Date=yesterday&X-Amz-Expires=3000",
        "Expires=1000000000",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "expires_at=2026-03-04T05:06:60Z",
        "se=2026-03-04T05:06:06Z",
        "exp=never",
    ],
)
def test_not_at_all_where_it_is_over_or_cannot_be_read(query: str) -> None:
    assert lifetime(URL(f"https://cdn.example.com/x?{query}", encoded=True), DATE) == 0.0


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], HOLD),
        (["Cache-Control: public, max-age=31536000"], HOLD),
        (["Cache-Control: max-age=5"], 2.0),
        (["Cache-Control: max-age=60, s-maxage=5"], 2.0),
        (['Cache-Control: s-maxage="5"', "Cache-Control: max-age=60"], 2.0),
        (["Cache-Control: max-age=60", "Age: 55"], 2.0),
        (["Expires: Wed, 04 Mar 2026 05:06:12 GMT"], 2.0),
        (["Cache-Control: max-age=0"], 0.0),
        (["Cache-Control: s-maxage=0"], 0.0),
        (["Cache-Control: max-age=soon"], 0.0),
        (["Cache-Control: no-store"], 0.0),
        (["Cache-Control: No-Cache"], 0.0),
        (["Cache-Control: private, max-age=60"], 0.0),
        (["Cache-Control: max-age=60", "Cache-Control: no-store"], 0.0),
        (["Pragma: no-cache"], 0.0),
        (["Expires: Thu, 01 Jan 1970 00:00:00 GMT"], 0.0),
        (["Expires: 0"], 0.0),
        (["Age: 600"], 0.0),
    ],
)
def test_what_the_answer_says_holds_as_well(lines: list[str], expected: float) -> None:
    url = URL("https://cdn.example.com/x?X-Amz-Date=20260304T050607Z&X-Amz-Expires=600", encoded=True)
    headers = CIMultiDict(DATE)
    for line in lines:
        name, _, value = line.partition(": ")
        headers.add(name, value)
    assert lifetime(url, headers) == expected


@pytest.mark.parametrize(
    "path", ["", "2147483648/x", f"sha256/{'68' * 32}", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "?seen=1&exports=all"]
)
def test_an_address_that_says_nothing_is_good_for_a_moment(path: str) -> None:
    assert lifetime(URL(f"https://cdn.example.com/{path}"), DATE) == HOLD_UNSIGNED


@given(st.text(), st.dictionaries(st.sampled_from(["date", "cache-control", "expires", "age"]), st.text()))
def test_whatever_it_holds_is_seconds(query: str, headers: dict[str, str]) -> None:
    assert 0 <= lifetime(URL("https://cdn.example.com/x").with_query({"expires": query, "policy": query}), headers) <= 5


@pytest.fixture
def path(upstream: ExampleUpstream) -> str:
    return f"/v2/nginx/blobs/{next(iter(upstream.store('nginx').blobs))}"


def asked(upstream: ExampleUpstream) -> int:
    return upstream.requests.count("/blobs/", status=307)


def test_all_who_want_a_blob_at_that_moment_cause_one_call(
    client: httpx.Client, upstream: ExampleUpstream, path: str
) -> None:
    upstream.inject(Fault(Hang(0.5), path="/blobs/"))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.get(path), range(16)))
    assert {answer.status_code for answer in answers} == {307}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert asked(upstream) == 1


def test_who_wants_it_soon_after_is_sent_to_the_same_place(
    client: httpx.Client, upstream: ExampleUpstream, path: str
) -> None:
    answers = [client.get(path) for _ in range(3)]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert asked(upstream) == 1


def test_a_signature_that_is_over_is_asked_for_anew(client: httpx.Client, upstream: ExampleUpstream, path: str) -> None:
    upstream.options.url_lifetime = 0
    for _ in range(2):
        assert client.get(path).status_code == 307
    assert asked(upstream) == 2


def test_head_and_get_are_signed_apart(client: httpx.Client, upstream: ExampleUpstream, path: str) -> None:
    for method in ("HEAD", "GET", "HEAD", "GET"):
        assert client.request(method, path).status_code == 307
    assert asked(upstream) == 2


def test_nobody_is_given_what_another_ones_token_was_told(serve: Serve, upstream: ExampleUpstream, path: str) -> None:
    upstream.options.private = frozenset({"chainguard/nginx"})
    client = serve(auth="passthrough", public_url="https://registry.example.com")
    for _ in range(2):
        answer = client.get(
            "/token", params={"scope": "repository:nginx:pull"}, headers={"Authorization": basic("user", "secret")}
        )
        headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        assert client.get(path, headers=headers).status_code == 307
    assert client.get(path, headers={"Authorization": "Bearer another"}).status_code == 401
    assert asked(upstream) == 2


def test_a_blob_that_upstream_sends_itself_goes_to_each(
    client: httpx.Client, upstream: ExampleUpstream, path: str
) -> None:
    upstream.options.redirect_blobs = False
    upstream.inject(Fault(Hang(0.3), path="/blobs/"))
    data = next(iter(upstream.store("nginx").blobs.values()))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: client.get(path).content, range(4))) == [data] * 4


def test_a_refusal_is_not_remembered(client: httpx.Client, upstream: ExampleUpstream, path: str) -> None:
    upstream.inject(Fault(Answer(503), path="/blobs/"))
    assert [client.get(path).status_code for _ in range(2)] == [503, 307]


def test_a_location_is_handed_on_byte_for_byte(client: httpx.Client, upstream: ExampleUpstream, path: str) -> None:
    location = f"http://{upstream.cdn_host}/a%2Fb//c/../d;x=%7e?sig=a%2Bb+c%20d&e=1%3d==&f"
    upstream.inject(Fault(redirect(location), path="/blobs/"))
    assert client.get(path).headers["location"] == location
