"""Answers that need upstream: so many at once, and none for a client that has left."""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..errors import RegistryError

MOST = 2000
RESERVED, DESCRIPTORS = 128, 3
"""File descriptors left to everything else, and those that a relay may take: the client's, upstream's, a look-up's."""


def capacity() -> int:
    """How many relays this process can carry, with as many file descriptors as it may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, (soft - RESERVED) // DESCRIPTORS))


class Relays(asyncio.Semaphore):
    """What the index knows waits for none of them; nor does anybody else."""

    async def acquire(self) -> Literal[True]:
        """Raises RegistryError where it is full: the client may come again, but not hold its connection for that."""
        if self.locked():
            headers = {"Retry-After": "1", "Connection": "close"}
            raise RegistryError(503, "TOOMANYREQUESTS", "too much is being asked of upstream at once", headers)
        return await super().acquire()


class Relay(Response):
    """What `respond` will give; it may raise RegistryError."""

    def __init__(self, relays: Relays, respond: Callable[[], Awaitable[Response]]) -> None:
        self._relays = relays
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task  # noqa: S101
        async with self._relays:
            watcher = asyncio.create_task(_cancel_when_left(receive, task))
            try:
                await (await self._respond())(scope, receive, send)
            except asyncio.CancelledError:
                if not watcher.done() or task.uncancel():
                    raise
            finally:
                watcher.cancel()


async def _cancel_when_left(receive: Receive, task: "asyncio.Task[None]") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()
