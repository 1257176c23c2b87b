"""So many relays at once and no more: what the index knows waits for none, and who has left costs nothing."""

import asyncio
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Message

from server.errors import RegistryError
from server.registry import relays
from server.registry.relays import Relay, Relays, capacity
from tests.server.conftest import Serve, error
from tests.upstream import ExampleUpstream, Fault, Hang


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def client(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    monkeypatch.setattr(relays, "MOST", 3)
    return serve()


@pytest.fixture
def hanging(client: httpx.Client, upstream: ExampleUpstream) -> Iterator[ExitStack]:
    """Three who wait for tags that upstream does not answer for."""
    upstream.inject(Fault(Hang(60), path="/manifests/hang", times=None))
    with ExitStack() as stack:
        for number in range(3):
            connection = stack.enter_context(
                socket.create_connection((client.base_url.host, client.base_url.port or 0))
            )
            connection.sendall(f"GET /v2/nginx/manifests/hang-{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: upstream.faults and client.get("/v2/nginx/manifests/hang-9").status_code == 503)
        yield stack


@pytest.mark.parametrize("path", ["manifests/9.9", f"blobs/sha256:{'0' * 64}", f"referrers/sha256:{'0' * 64}"])
def test_one_too_many_is_told_to_come_again(hanging: ExitStack, client: httpx.Client, path: str) -> None:
    answer = client.get(f"/v2/nginx/{path}")
    assert error(answer) == (503, "TOOMANYREQUESTS")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["connection"] == "close"


def test_what_the_index_knows_is_answered_all_the_same(
    hanging: ExitStack, client: httpx.Client, upstream: ExampleUpstream
) -> None:
    digest = upstream.store("nginx").tags["latest"]
    assert client.head("/v2/nginx/manifests/1.27.4").status_code == 200
    assert client.get("/v2/nginx/manifests/1.27.4").status_code == 307
    assert client.head(f"/v2/nginx/manifests/{digest}").status_code == 200
    assert client.get("/v2/nginx/tags/list?n=1").status_code == 200
    assert client.get("/index/nginx/index.json").status_code == 200


def test_who_leaves_makes_room(hanging: ExitStack, client: httpx.Client) -> None:
    hanging.close()
    until(lambda: client.get("/v2/postgres/manifests/latest").status_code == 200)


def test_a_place_is_given_back_whatever_happens() -> None:
    async def scenario() -> None:
        bound = Relays(1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with bound:
                    raise ZeroDivisionError
        async with bound:
            with pytest.raises(RegistryError):
                await bound.acquire()

    asyncio.run(scenario())


def test_who_has_left_is_worked_for_no_more() -> None:
    async def scenario() -> list[str]:
        events: list[str] = []
        messages = iter(("http.request", "http.disconnect"))

        async def receive() -> Message:
            await asyncio.sleep(0)
            return {"type": next(messages)}

        async def respond() -> Response:
            try:
                await asyncio.Event().wait()
            finally:
                events.append("given up")
            return Response()

        async def send(message: Message) -> None:
            events.append("sent")

        await Relay(Relays(1), respond)({"type": "http"}, receive, send)
        return events

    assert asyncio.run(scenario()) == ["given up"]


def test_a_process_has_as_many_descriptors_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (1024, 100_000)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.update(now=new))
    assert capacity() == relays.MOST
    assert limits["now"] == (100_000, 100_000)
    limits["now"] = (1024, 1024)
    assert 100 < capacity() < 400


def test_a_manifest_in_memory_is_given_all_the_same(
    client: httpx.Client, upstream: ExampleUpstream, request: pytest.FixtureRequest
) -> None:
    (path, *_) = (f"/v2/postgres/manifests/{digest}" for digest in upstream.store("postgres").manifests)
    assert client.get(path, headers={"Connection": "close"}).status_code == 200
    request.getfixturevalue("hanging")
    for method in ("GET", "HEAD"):
        assert client.request(method, path).status_code == 200
