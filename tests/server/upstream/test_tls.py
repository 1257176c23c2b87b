"""An upstream over TLS: verified by the authorities that the environment names, also through a proxy."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.errors import StartError
from server.upstream import proxy
from tests.server.conftest import Serve, error, image, write
from tests.upstream import ExampleUpstream

VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy")


@pytest.fixture(scope="module")
def secure() -> Iterator[ExampleUpstream]:
    with ExampleUpstream(tls=True) as running:
        yield running


@pytest.fixture
def authority(secure: ExampleUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    proxy._proxy_for.cache_clear()
    path = tmp_path / "authority.pem"
    path.write_text(secure.authority)
    write(tmp_path / "secure", secure, {"nginx": image(secure, "nginx", tracks={})})
    return path


def get(serve: Serve, tmp_path: Path) -> httpx.Response:
    return serve(index=str(tmp_path / "secure")).get("/v2/nginx/manifests/latest")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_an_authority_that_is_named_is_trusted(
    serve: Serve, tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority))
    assert get(serve, tmp_path).status_code == 200


def test_no_other_is(serve: Serve, tmp_path: Path, authority: Path, secure: ExampleUpstream) -> None:
    secure.requests.clear()
    assert error(get(serve, tmp_path)) == (502, "UNAVAILABLE")
    assert len(secure.requests) == 0


def test_a_bundle_that_cannot_be_read_is_named(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.parent / "nowhere"))
    with pytest.raises(StartError, match=r"SSL_CERT_FILE: .*nowhere"):
        proxy.trusted()


def test_a_proxy_is_asked_to_connect(
    serve: Serve,
    tmp_path: Path,
    authority: Path,
    secure: ExampleUpstream,
    monkeypatch: pytest.MonkeyPatch,
    loop: asyncio.AbstractEventLoop,
) -> None:
    asked: list[str] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        host, _, port = asked[-1].rpartition(":")
        onward, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(copy(reader, back), copy(onward, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    started = asyncio.run_coroutine_threadsafe(asyncio.start_server(relay, "127.0.0.1", 0), loop).result()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{started.sockets[0].getsockname()[1]}")
    assert get(serve, tmp_path).status_code == 200
    assert set(asked) == {secure.host}
    loop.call_soon_threadsafe(started.close)
