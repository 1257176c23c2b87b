"""The variables of "Behind a proxy" in server/README.md mean the same to both halves."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from yarl import URL

import generator.upstream.transport.proxy
import server.upstream.proxy
from generator.errors import ConfigurationError
from server.errors import StartError
from tests.upstream.tls import Authority

HALVES: dict[str, Callable[[str], object]] = {
    "generator": generator.upstream.transport.proxy.proxy_for,
    "server": lambda url: server.upstream.proxy.proxy_for(URL(url)),
}
TRUSTED: dict[str, tuple[Callable[[], ssl.SSLContext], type[Exception]]] = {
    "generator": (generator.upstream.transport.proxy.trusted, ConfigurationError),
    "server": (server.upstream.proxy.trusted, StartError),
}
BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
PROXY = "http://proxy.corp:3128"

PROXIES = [
    ({}, "https://cgr.dev/v2/", None),
    ({"HTTPS_PROXY": PROXY}, "https://cgr.dev/v2/", PROXY),
    ({"https_proxy": PROXY}, "https://cgr.dev/v2/", PROXY),
    ({"HTTPS_PROXY": "proxy.corp:3128"}, "https://cgr.dev/v2/", PROXY),
    ({"HTTPS_PROXY": PROXY}, "http://cgr.dev/v2/", None),
    ({"HTTP_PROXY": PROXY}, "http://cgr.dev/v2/", PROXY),
    ({"HTTP_PROXY": PROXY}, "https://cgr.dev/v2/", None),
    ({"ALL_PROXY": PROXY}, "https://cgr.dev/v2/", PROXY),
    ({"ALL_PROXY": "http://other:1", "HTTPS_PROXY": PROXY}, "https://cgr.dev/v2/", PROXY),
    ({"HTTPS_PROXY": ""}, "https://cgr.dev/v2/", None),
]  # fmt: skip

EXCEPTED = [
    ("*", "https://cgr.dev/"),
    ("cgr.dev", "https://cgr.dev/"),
    ("CGR.dev", "https://cgr.dev/"),
    (".cgr.dev", "https://cgr.dev/"),
    ("cgr.dev", "https://a.cgr.dev/"),
    (".cgr.dev", "https://a.cgr.dev/"),
    ("*.cgr.dev", "https://a.cgr.dev/"),
    ("other.example, cgr.dev ,", "https://cgr.dev/"),
    ("cgr.dev:443", "https://cgr.dev/"),
    ("cgr.dev:5000", "https://cgr.dev:5000/"),
    ("10.1.2.3", "https://10.1.2.3/"),
    ("10.1.2.3:5000", "https://10.1.2.3:5000/"),
    ("10.0.0.0/8", "https://10.1.2.3:5000/"),
    ("10.1.2.3/8", "https://10.1.2.3/"),
    ("fd00::1", "https://[fd00::1]/"),
    ("[fd00::1]", "https://[fd00::1]/"),
    ("[fd00::1]:5000", "https://[fd00::1]:5000/"),
    ("fd00::/8", "https://[fd00::1]/"),
]

NOT_EXCEPTED = [
    ("gr.dev", "https://cgr.dev/"),
    ("a.cgr.dev", "https://cgr.dev/"),
    ("cgr.dev.example", "https://cgr.dev/"),
    ("cgr.dev:5000", "https://cgr.dev/"),
    ("10.1.2.3:5000", "https://10.1.2.3/"),
    ("10.0.0.0/8", "https://11.1.2.3/"),
    ("10.0.0.0/8", "https://10.example/"),
    ("fd00::/8", "https://[2001:db8::1]/"),
    ("[fd00::1]:5000", "https://[fd00::1]/"),
    ("0.0.0.0/0", "https://cgr.dev/"),
]


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BUNDLES, *VARIABLES, *(name.lower() for name in VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    server.upstream.proxy._proxy_for.cache_clear()


def chosen(half: str, url: str) -> str | None:
    found = HALVES[half](url)
    return None if found is None else str(found).removesuffix("/")


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(("environment", "url", "expected"), PROXIES)
def test_the_proxy_is_the_scheme_s_or_else_that_for_all(
    half: str, environment: dict[str, str], url: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert chosen(half, url) == expected


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(("exceptions", "url"), EXCEPTED)
def test_no_proxy_has_it(half: str, exceptions: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert chosen(half, url) is None


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(("exceptions", "url"), NOT_EXCEPTED)
def test_no_proxy_does_not_have_it(half: str, exceptions: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert chosen(half, url) == PROXY


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5000", "registry.localhost:5000", "[::1]", "[::1]:5000"])
def test_this_machine_is_never_asked_by_a_proxy(half: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", PROXY)
    assert chosen(half, f"http://{host}/v2/") is None


@pytest.fixture(scope="module")
def authorities() -> tuple[Authority, Authority]:
    return Authority("one.example"), Authority("two.example")


def subjects(half: str) -> int:
    load, _ = TRUSTED[half]
    return len(load().get_ca_certs())


@pytest.mark.parametrize("half", TRUSTED)
def test_certifi_s_authorities_are_trusted_where_none_are_named(half: str) -> None:
    assert subjects(half) > 50


@pytest.mark.parametrize("half", TRUSTED)
def test_what_is_named_is_trusted_in_their_place(
    half: str, authorities: tuple[Authority, Authority], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, authority in zip(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), authorities, strict=True):
        (tmp_path / name).write_text(authority.pem)
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "SSL_CERT_FILE"))
    assert subjects(half) == 1
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "REQUESTS_CA_BUNDLE"))
    assert subjects(half) == 2
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert subjects(half) == 1


@pytest.mark.parametrize("half", TRUSTED)
def test_a_folder_will_do(half: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    assert subjects(half) == 0


@pytest.mark.parametrize("half", TRUSTED)
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_what_cannot_be_read_is_named(
    half: str, name: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, error = TRUSTED[half]
    if content:
        (tmp_path / "bundle.pem").write_text(content)
    monkeypatch.setenv(name, str(tmp_path / "bundle.pem"))
    with pytest.raises(error, match=rf"^{name}: .*bundle\.pem has no certificate authorities: \S"):
        load()
