"""Faults: what a real network and real registries do on bad days, as small ASGI behaviours.

An action is called in place of the app, and may call it. `scope["state"]["transport"]` is the connection
(see `serving.py`), for what ASGI has no words for.
"""

import asyncio
import math
import random
import re
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHUNK = 1 << 16


class Action(Protocol):
    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None: ...


Headers = Mapping[str, str]


def start(status: int, headers: Headers) -> Message:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}


def part(data: bytes, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def answer(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """The app's own answer: the message that starts it, and its whole body."""
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, collect)
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


async def is_gone(receive: Receive, seconds: float) -> bool:
    """Wait, but not longer than the client does."""

    async def disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnect(), seconds)
    except TimeoutError:
        return False
    return True


@dataclass(frozen=True)
class Answer:
    """Any answer at all, without asking the app."""

    status: int
    headers: Headers = field(default_factory=dict)
    body: bytes = b""

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(self.status, {"Content-Length": str(len(self.body))} | dict(self.headers)))
        await send(part(self.body))


def redirect(location: str, status: int = 307) -> Answer:
    return Answer(status, {"Location": location})


@dataclass(frozen=True)
class Hang:
    """Say nothing for some seconds, then answer as ever."""

    seconds: float

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if not await is_gone(receive, self.seconds):
            await app(scope, receive, send)


@dataclass(frozen=True)
class Reset:
    """Reset the connection (TCP RST) before any header."""

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"]["transport"]
        no_lingering = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
        transport.abort()
        await is_gone(receive, 1)


@dataclass(frozen=True)
class Truncate:
    """Close the connection after some bytes of the body, of which `Content-Length` promised more."""

    size: int

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        first, body = await answer(app, scope, receive)
        await send(first)
        await send(part(body[: self.size], more=True))
        scope["state"]["transport"].close()
        await is_gone(receive, 1)


@dataclass
class Limit:
    """So many requests in so many whole seconds are let through; any other is 429 with `Retry-After`."""

    count: int
    seconds: int
    left: int = 0
    until: float = 0.0

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        now = time.monotonic()
        if now >= self.until:
            self.left, self.until = self.count, now + self.seconds
        self.left -= 1
        refused = Answer(429, {"Retry-After": str(math.ceil(self.until - now))})
        await (app(scope, receive, send) if self.left >= 0 else refused(app, scope, receive, send))


@dataclass(frozen=True)
class Corrupt:
    """The right length, the wrong content. Its last digit is another one, so JSON still parses."""

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        first, body = await answer(app, scope, receive)
        await send(first)
        await send(part(self.corrupted(body)))

    @staticmethod
    def corrupted(body: bytes) -> bytes:
        digits = [found.start() for found in re.finditer(rb"\d", body)]
        at = digits[-1] if digits else len(body) - 1
        return body[:at] + bytes(byte ^ 1 for byte in body[at : at + 1]) + body[at + 1 :]


@dataclass(frozen=True)
class Mislabel:
    """Replace headers, `Content-Type` or `Docker-Content-Digest` for instance; None leaves one out."""

    headers: Mapping[str, str | None]

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        first, body = await answer(app, scope, receive)
        own = {name.decode(): value.decode() for name, value in first["headers"]}
        own |= {name.lower(): value for name, value in self.headers.items() if value is not None}
        absent = {name.lower() for name, value in self.headers.items() if value is None}
        await send(start(first["status"], {name: value for name, value in own.items() if name not in absent}))
        await send(part(body))


@dataclass(frozen=True)
class Huge:
    """A body of that many spaces after the app's own headers; chunked where its length is not stated."""

    size: int
    is_stated: bool = True

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        first, _ = await answer(app, scope, receive)
        headers = {name.decode(): value.decode() for name, value in first["headers"]}
        headers.pop("content-length", None)
        await send(start(200, headers | ({"content-length": str(self.size)} if self.is_stated else {})))
        transport: asyncio.Transport = scope["state"]["transport"]
        for sent in range(0, self.size, CHUNK):
            if transport.is_closing():
                return
            await send(part(b" " * min(CHUNK, self.size - sent), more=True))
            await asyncio.sleep(0)
        await send(part(b""))


@dataclass(frozen=True)
class Slow:
    """The app's answer in pieces of some bytes, with a pause of some seconds before each."""

    size: int
    seconds: float

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        first, body = await answer(app, scope, receive)
        await send(first)
        for sent in range(0, len(body), self.size):
            if await is_gone(receive, self.seconds):
                return
            await send(part(body[sent : sent + self.size], more=True))
        await send(part(b""))


@dataclass(frozen=True)
class Fault:
    """An action, and which requests it befalls.

    `path` is a regular expression searched for in the path with its query, `method` one that the whole
    method matches, `side` is "registry" or "cdn". It ends after `times` requests, never when None; a
    `probability` below 1 lets some of them through.
    """

    action: Action
    path: str = ""
    method: str = ".*"
    side: str = ""
    times: int | None = 1
    probability: float = 1.0

    def matches(self, side: str, method: str, target: str) -> bool:
        return (
            self.side in ("", side)
            and re.fullmatch(self.method, method) is not None
            and re.search(self.path, target) is not None
        )


@dataclass
class Armed:
    fault: Fault
    remaining: float


class Faults:
    """The faults in force. Of several that match a request the first one befalls it."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._armed: list[Armed] = []

    def inject(self, *faults: Fault) -> None:
        self._armed += [Armed(fault, math.inf if fault.times is None else fault.times) for fault in faults]

    def clear(self) -> None:
        self._armed = []

    def seed(self, seed: int) -> None:
        """Chance from here on."""
        self._random.seed(seed)

    def choose(self, side: str, method: str, target: str) -> Fault | None:
        """The fault for this request, counted as used."""
        for armed in tuple(self._armed):
            fault = armed.fault
            if armed.remaining and fault.matches(side, method, target) and self._random.random() < fault.probability:
                armed.remaining -= 1
                return fault
        return None


class Faulty:
    """An app that faults befall."""

    def __init__(self, app: ASGIApp, side: str, faults: Faults) -> None:
        self._app = app
        self._side = side
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = f"{scope['path']}?{scope['query_string'].decode()}".rstrip("?")
        fault = self._faults.choose(self._side, scope["method"], target)
        await (fault.action(self._app, scope, receive, send) if fault else self._app(scope, receive, send))
