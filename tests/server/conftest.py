"""A server in this process, over an index made by hand of what the example upstream holds."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from server.app import Server
from server.settings import Settings
from server.upstream.proxy import trusted
from tests.upstream import ExampleUpstream, Options
from tests.upstream.repository import Repository

Document = dict[str, Any]
Serve = Callable[..., httpx.Client]


@pytest.fixture(scope="session")
def example() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture
def upstream(example: ExampleUpstream) -> Iterator[ExampleUpstream]:
    """The example upstream, as if just started."""
    held = {name: _content(store) for name, store in example.repositories.items()}
    example.requests.clear()
    yield example
    example.faults.clear()
    vars(example.options).update(vars(Options()))
    for name in tuple(example.repositories):
        if name in held:
            vars(example.repositories[name]).update(held[name])
        else:
            del example.repositories[name]


def _content(store: Repository) -> dict[str, Any]:
    """What changes when something is pushed; contents themselves never do."""
    moves = {tag: list(records) for tag, records in store.moves.items()}
    return {"blobs": dict(store.blobs), "manifests": dict(store.manifests), "tags": dict(store.tags), "moves": moves}


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """The certificate authorities of all servers, read once: it takes longer than most of what a server is asked."""
    read = cache(lambda *_: trusted())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "server.upstream.client.trusted",
            lambda: read(os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("SSL_CERT_FILE")),
        )
        yield


@pytest.fixture
def index(upstream: ExampleUpstream, tmp_path: Path) -> Path:
    """nginx is refreshed, postgres and python are not; all else is unknown."""
    folder = tmp_path / "index"
    write(folder, upstream, {"nginx": image(upstream, "nginx")})
    return folder


@pytest.fixture
def gone(index: Path, upstream: ExampleUpstream) -> Path:
    """The same index, but there is nothing where it says that upstream is."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for file in index.rglob("*.json"):
        file.write_text(file.read_text().replace(upstream.host, f"localhost:{port}"))
    return index


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Runs in a thread, for every server of the session."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def serve(index: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Serve]:
    """Starts a server with settings, and gives a client that follows no redirect."""
    with ExitStack() as stack:

        def start(**settings: Any) -> httpx.Client:
            server = asyncio.run_coroutine_threadsafe(up(Settings(**{"index": str(index), **settings})), loop).result()
            stack.callback(lambda: asyncio.run_coroutine_threadsafe(down(server), loop).result())
            port = server.servers[0].sockets[0].getsockname()[1]
            # Without TLS there is nothing to verify, and reading the authorities takes longer than most tests.
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, verify=False)
            return stack.enter_context(client)

        yield start


@pytest.fixture
def client(serve: Serve) -> httpx.Client:
    return serve()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that resolve to these addresses, in this order, for servers in this process."""
    known: dict[str, list[str]] = {}
    resolve = socket.getaddrinfo

    def resolved(host: Any, *asked: Any, **named: Any) -> Any:
        found = known.get(host.decode() if isinstance(host, bytes) else host or "", [host])
        return [each for address in found for each in resolve(address, *asked, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return known


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[ExampleUpstream]:
    """An upstream that speaks HTTPS; `secure.pem` is the certificate to trust."""
    with ExampleUpstream(tls=True) as running:
        (tmp_path / "secure.pem").write_text(running.authority)
        yield running


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """`seconds` are for a machine that is busy: what is waited for is an event, not a time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


async def up(settings: Settings) -> uvicorn.Server:
    """uvicorn without its main loop, which takes a fifth of a second to end."""
    config = uvicorn.Config(Server(settings), port=0, log_level="error", lifespan="on")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    return server


async def down(server: uvicorn.Server) -> None:
    for listener in server.servers:
        listener.close()
    for connection in tuple(server.server_state.connections):
        connection.transport.abort()
    await server.lifespan.shutdown()


def write(folder: Path, upstream: ExampleUpstream, images: dict[str, Document]) -> None:
    """An index folder of these images, and of postgres and python without anything known."""
    summaries = {
        name: {
            "repository": document["repository"],
            "refreshed": True,
            "version": "1.27.4-r0",
            "created": None,
            "tags": 2,
        }
        for name, document in images.items()
    }
    for name in ("postgres", "python"):
        summaries.setdefault(name, {"repository": upstream.repository(name), "refreshed": False})
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = {"schema": 1, "upstream": f"{upstream.host}/chainguard", "images": summaries}
    (folder / "index.json").write_text(json.dumps(catalogue))
    for name, document in images.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "index.json").write_text(json.dumps(document))


def image(upstream: ExampleUpstream, name: str, **changes: Any) -> Document:
    """The image's first and latest build, as the versions 1.27.3 and 1.27.4."""
    store = upstream.store(name)
    digests = {"1.27.3": store.history("latest")[0].digest, "1.27.4": store.tags["latest"]}
    builds = [
        {
            "digest": digest,
            "mediaType": store.manifests[digest].media_type,
            "size": len(store.manifests[digest].data),
            "track": "latest",
            "version": f"{version}-r0",
            "created": "2025-03-04T01:40:12Z",
        }
        for version, digest in digests.items()
    ]
    return {
        "schema": 1,
        "name": name,
        "repository": upstream.repository(name),
        "package": name,
        "auth": {"realm": f"{upstream.url}/token", "service": upstream.host},
        "tracks": {"latest": {"digest": digests["1.27.4"], "since": None}},
        "tags": digests,
        "builds": builds,
        **changes,
    }


def error(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an OCI error."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    code: str = answer.json()["errors"][0]["code"]
    return answer.status_code, code
