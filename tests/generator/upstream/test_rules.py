"""Rules of the upstream client that need no upstream: what a manifest, a challenge and an answer say."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import MalformedError, UpstreamError
from generator.upstream.challenge import Realm, asks_for_basic
from generator.upstream.client import _fallback_tag, _following, _iso
from generator.upstream.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    ImageConfig,
    Platform,
    parse_manifest,
    parse_time,
)
from generator.upstream.redaction import hide
from generator.upstream.transport.response import date, is_transient, reason, retry_after
from tests.upstream.oci import Document, serialise

DIGEST = f"sha256:{'a' * 64}"
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": DIGEST, "size": 2}
IMAGE: Document = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER]}
INDEX: Document = {"schemaVersion": 2, "manifests": [LAYER]}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "stated", "sent", "expected"),
    [
        (IMAGE, OCI_MANIFEST, OCI_MANIFEST, OCI_MANIFEST),
        (IMAGE, DOCKER_MANIFEST, DOCKER_MANIFEST, DOCKER_MANIFEST),
        (IMAGE, OCI_MANIFEST, DOCKER_MANIFEST, OCI_MANIFEST),
        (IMAGE, None, f" {OCI_MANIFEST.upper()} ; charset=utf-8", OCI_MANIFEST),
        (IMAGE, OCI_MANIFEST, "text/plain", OCI_MANIFEST),
        (IMAGE, OCI_MANIFEST, "", OCI_MANIFEST),
        (INDEX, OCI_INDEX, OCI_INDEX, OCI_INDEX),
        (INDEX, None, DOCKER_LIST, DOCKER_LIST),
        ({"schemaVersion": 2, "config": CONFIG}, OCI_MANIFEST, "", OCI_MANIFEST),
        ({"schemaVersion": 2}, OCI_INDEX, "", OCI_INDEX),
        (IMAGE, OCI_INDEX, OCI_INDEX, "an image index with a config or layers"),
        ({**INDEX, "layers": [LAYER]}, OCI_INDEX, "", "an image index with a config or layers"),
        ({**INDEX, "config": CONFIG}, OCI_INDEX, "", "an image index with a config or layers"),
        (INDEX, OCI_MANIFEST, "", "an image manifest without a config, or with manifests"),
        ({**IMAGE, "manifests": [LAYER]}, OCI_MANIFEST, "", "an image manifest without a config, or with manifests"),
        (IMAGE, OCI_MANIFEST, OCI_INDEX, f"sent as {OCI_INDEX}, says that it is {OCI_MANIFEST}"),
        (INDEX, DOCKER_LIST, DOCKER_MANIFEST, f"sent as {DOCKER_MANIFEST}, says that it is {DOCKER_LIST}"),
        ({**IMAGE, "schemaVersion": 1}, OCI_MANIFEST, "", "schemaVersion 1 is not 2"),
        (IMAGE, None, "", "neither an image nor an image index (no type)"),
        (IMAGE, None, "text/plain", "neither an image nor an image index (text/plain)"),
        (IMAGE, "text/plain", OCI_MANIFEST, "neither an image nor an image index (text/plain)"),
    ],
)
def test_a_manifest_is_what_it_says_itself_or_as_what_it_is_sent(
    document: Document, stated: str | None, sent: str, expected: str
) -> None:
    data = serialise(document | ({"mediaType": stated} if stated else {}))
    if expected in (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST):
        assert parse_manifest(data, sent, "what")[1] == expected
    else:
        with pytest.raises(MalformedError, match=f"^what: {re.escape(expected)}"):
            parse_manifest(data, sent, "what")


def test_a_platform_is_written_without_what_it_does_not_say() -> None:
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
    assert str(Platform("linux", "amd64")) == "linux/amd64"
    assert str(Platform()) == ""
    assert ImageConfig(os="linux", architecture="arm64", variant="v8").platform == "linux/arm64/v8"
    assert ImageConfig().labels == {}
    assert Descriptor("x", DIGEST, 1).annotation("a") == ""
    assert Descriptor("x", DIGEST, 1, annotations={"a": "b"}).annotation("a") == "b"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T13:00:00+01:00", NOW),
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01T12:00:00", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("now", None),
        ("", None),
    ],
)
def test_a_time_is_of_rfc_3339_and_in_utc(text: str, moment: datetime | None) -> None:
    assert parse_time(text) == moment
    assert moment is None or str(parse_time(text)) == str(moment)


@pytest.mark.parametrize(
    ("challenge", "url", "service"),
    [
        ('Bearer realm="https://a/token",service="b"', "https://a/token", "b"),
        ('bearer REALM="https://a/token" , Service=b', "https://a/token", "b"),
        ('Basic realm="x", Bearer realm="https://a/token"', "https://a/token", None),
        ('Bearer realm="https://a/token", Basic realm="https://b/"', "https://a/token", None),
        ('Bearer realm="https://a/\\"q\\"",realm="https://b/"', 'https://a/"q"', None),
        ('Bearer realm="https://a/token",service=""', "https://a/token", None),
        ('Negotiate abc, Bearer\trealm = "https://a:1/t"', "https://a:1/t", None),
    ],
)
def test_a_challenge_names_one_realm(challenge: str, url: str, service: str | None) -> None:
    realm = Realm.of(challenge, plain=False)
    assert (realm.url, realm.service) == (url, service)


@pytest.mark.parametrize(
    ("url", "plain", "is_trusted"),
    [
        ("https://a/token", False, True),
        ("http://a/token", False, False),
        ("http://a/token", True, True),
        ("https://a/token", True, True),
        ("https://a:1/token", False, True),
        ("https://a:0/token", False, False),
        ("https://a:99999/token", False, False),
        ("https://user@a/token", False, False),
        ("https://:1/token", False, False),
        ("https:///token", False, False),
        ("//a/token", True, False),
        ("ftp://a/token", True, False),
        ("https://[/token", False, False),
    ],
)
def test_a_realm_is_trusted_as_the_registry_is_spoken_to(url: str, plain: bool, is_trusted: bool) -> None:
    challenge = f'Bearer realm="{url}"'
    if is_trusted:
        assert Realm.of(challenge, plain).host == url.split("/")[2]
    else:
        with pytest.raises(UpstreamError, match="names a token realm that is not to be trusted"):
            Realm.of(challenge, plain)


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        ('Basic realm="x"', True),
        ('BASIC realm="x"', True),
        ("Basic", True),
        ('Bearer realm="https://a/"', False),
        ('Basic realm="x", Bearer realm="https://a/"', False),
        ('Bearer service="x", Basic realm="y"', True),
        ('Digest basic="x"', False),
        ("", False),
    ],
)
def test_a_password_alone_is_asked_for_where_no_bearer_realm_is(challenge: str, expected: bool) -> None:
    assert asks_for_basic(challenge) == expected


def answer(status: int, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_may_say_when(status: int) -> None:
    assert is_transient(answer(status))
    assert retry_after(answer(status, retry_after="7")) == 7.0
    assert retry_after(answer(status, retry_after="999999999")) == 999999999.0
    for value in ("9999999999", "-1", "1.5", "", "soon"):
        assert retry_after(answer(status, retry_after=value)) is None
    clock = "Sun, 01 Mar 2026 12:00:00 GMT"
    for value, seconds in (("Sun, 01 Mar 2026 12:00:30 GMT", 30.0), ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0)):
        assert retry_after(answer(status, retry_after=value, date=clock)) == seconds


@pytest.mark.parametrize("status", [200, 307, 400, 401, 403, 404, 405, 418, 501, 505])
def test_what_stays_does_not(status: int) -> None:
    assert not is_transient(answer(status))
    assert retry_after(answer(status, retry_after="7")) is None


def test_the_date_of_an_answer_is_in_utc_and_ours_has_whole_seconds() -> None:
    assert str(date(answer(200, date="Sun, 01 Mar 2026 13:00:00 +0100"))) == str(NOW)
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= date(answer(200)) <= datetime.now(UTC)
    assert date(answer(200, date="then")).microsecond == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.ConnectTimeout(), "no connection in time"),
        (requests.ReadTimeout(), "no answer in time"),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), "TLS failed: its certificate is of no authority"),
        (requests.exceptions.SSLError("WRONG_VERSION_NUMBER"), "TLS failed"),
        (requests.ConnectionError("http://secret"), "no connection"),
        (OSError("secret"), "OSError"),
    ],
)
def test_why_there_was_no_answer_is_told_in_our_words(error: Exception, words: str) -> None:
    assert reason(error).startswith(words)
    assert "secret" not in reason(error)
    assert (reason(error) == "TLS failed") == (words == "TLS failed")


@pytest.mark.parametrize(("secret", "shown"), [("abcd", "***"), ("abc", "abc"), ("", "")])
def test_what_is_too_short_to_be_a_secret_is_shown(secret: str, shown: str) -> None:
    assert hide(f"x {secret} y", secret) == f"x {shown} y"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=12), st.text(max_size=30))
def test_no_secret_is_left_in_a_message(secret: str, text: str) -> None:
    assert secret not in hide(f"{text}{secret}{text}", "other", secret).replace("***", "\0")


@pytest.mark.parametrize(
    ("digest", "tag"),
    [(DIGEST, f"sha256-{'a' * 64}"), (f"sha512:{'b' * 128}", f"sha512-{'b' * 64}"), (f"{'x' * 40}:y", f"{'x' * 32}-y")],
)
def test_the_fallback_tag_is_cut_as_the_specification_says(digest: str, tag: str) -> None:
    assert _fallback_tag(digest) == tag


@pytest.mark.parametrize(
    ("link", "following"),
    [
        (None, "https://a/v2/x?n=1"),
        ('</v2/x?n=2>; rel="next"', "https://a/v2/x?n=2"),
        ('</v2/x?n=2>; rel="prev"', "https://a/v2/x?n=1"),
        ('<https://a/v2/y>; rel="next"', "https://a/v2/y"),
        ('<http://a/v2/y>; rel="next"', "https://a/v2/x?n=1"),
        ('<https://b/v2/y>; rel="next"', "https://a/v2/x?n=1"),
        ('<https://[/>; rel="next"', "https://a/v2/x?n=1"),
    ],
)
def test_the_next_page_is_on_the_same_host_or_there_is_none(link: str | None, following: str) -> None:
    response = answer(200, **({"link": link} if link else {}))
    assert _following("https://a/v2/x?n=1", response) == following


def test_times_are_asked_for_in_utc() -> None:
    assert _iso(NOW.astimezone(timezone(timedelta(hours=2)))) == "2026-03-01T12:00:00Z"
