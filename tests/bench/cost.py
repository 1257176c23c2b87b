"""What a request costs in our own code, without uvicorn and sockets, and where: `python -m tests.bench.cost`.

Calls the application with a `send` that does nothing. The baseline is a bare callable that sends two messages.
"""

import asyncio
import cProfile
import io
import logging
import os
import pstats
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.app import Server
from server.settings import Settings
from tests.bench.machine import facts
from tests.example import INDEX

CALLS, ROUNDS, SHOWN = 20_000, 5, 14
TURN = 16
"""Calls in a turn of the event loop, as under load: some work is done once a turn."""

_IMAGE = "example/nginx"


START, BODY = {"type": "http.response.start", "status": 200, "headers": []}, {"type": "http.response.body", "body": b""}


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(BODY)


async def nothing(message: Message) -> None:
    pass


async def empty() -> Message:
    return {"type": "http.request"}


def scope(method: str, path: str) -> Scope:
    return {
        "type": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 55555),
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*")],
        "state": {},
    }


async def calls(app: ASGIApp, asked: Scope, count: int = CALLS) -> float:
    """CPU time of one, in microseconds."""
    began = time.process_time()
    for _ in range(count // TURN):
        for _ in range(TURN):
            await app(asked, empty, nothing)
        await asyncio.sleep(0)
    return 1e6 * (time.process_time() - began) / count


@contextmanager
def silenced() -> Iterator[TextIO]:
    """Standard output to /dev/null, where the log goes; gives what it was."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w") as shown, open(os.devnull, "w") as null:  # noqa: PTH123 -- its descriptor is wanted
        os.dup2(null.fileno(), 1)
        yield shown


def started(logs: bool) -> Server:
    logger = logging.getLogger("uvicorn.access")
    logger.handlers = [logging.NullHandler()]
    logger.setLevel(logging.INFO if logs else logging.CRITICAL)
    server = Server(Settings(index=str(INDEX)))
    server.start()
    return server


async def measure(shown: TextIO) -> None:
    silent, logged = started(logs=False), started(logs=True)
    tags = silent.current.index.images[_IMAGE].tags
    asks = {
        "HEAD a known tag": scope("HEAD", f"/v2/{_IMAGE}/manifests/1.27.4"),
        "GET a known tag": scope("GET", f"/v2/{_IMAGE}/manifests/1.27.4"),
        "HEAD a known digest": scope("HEAD", f"/v2/{_IMAGE}/manifests/{tags['1.27.4']}"),
        "GET a list of tags": scope("GET", f"/v2/{_IMAGE}/tags/list"),
        "GET /v2/": scope("GET", "/v2/"),
        "GET /healthz, which is routed": scope("GET", "/healthz"),
    }
    for name, asked in asks.items():
        rounds = [[await calls(app, asked) for app in (silent, logged, bare)] for _ in range(ROUNDS)]
        ours, ours_logged, baseline = map(min, zip(*rounds, strict=True))
        print(f"{name:<32} {ours:>6.2f} µs, with the log {ours_logged:>6.2f} µs; bare {baseline:.2f} µs", file=shown)
    for title, app in {"without the log": silent, "with it": logged}.items():
        profile = cProfile.Profile()
        profile.enable()
        await calls(app, asks["HEAD a known tag"])
        profile.disable()
        table = io.StringIO()
        pstats.Stats(profile, stream=table).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
        rows = table.getvalue().partition("   ncalls")
        print(f"\nProfile of {CALLS} HEADs of a known tag, {title} (the profile itself costs most of it)\n", file=shown)
        print((rows[1] + rows[2]).rstrip(), file=shown)


def main() -> int:
    print(facts("starlette", "prometheus-client"))
    with silenced() as shown:
        asyncio.run(measure(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
