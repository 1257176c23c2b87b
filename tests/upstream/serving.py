"""Sockets, and a uvicorn that serves several apps from a thread, each at its own port."""

import asyncio
import errno
import logging
import socket
import threading
from asyncio import BaseTransport
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    # It takes more than `make run` installs.
    from tests.upstream.tls import Authority

NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
EPHEMERAL_ATTEMPTS = 20

# Clients try TLS first; uvicorn's warning of each such try would bury what matters.
LOGGER = logging.getLogger("tests.upstream")
LOGGER.setLevel(logging.ERROR)


class PortInUseError(OSError):
    """Another program listens at the port."""


def listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY where the protocol is stated; without it every body waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(f"port {port} of {address} is in use") from None
        raise
    return listener


def listen_on_localhost(port: int) -> list[socket.socket]:
    """Listeners for all that `localhost` may mean here: 127.0.0.1, and ::1 where the machine has it."""
    for attempt in range(EPHEMERAL_ATTEMPTS):
        listener = listen("127.0.0.1", port)
        try:
            return [listener, listen("::1", listener.getsockname()[1])]
        except OSError as error:
            if error.errno in NOT_HERE:
                return [listener]
            listener.close()
            is_taken = isinstance(error, PortInUseError)
            if port or not is_taken or attempt == EPHEMERAL_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


class Protocol(H11Protocol):
    """Shows the connection to the apps, as `scope["state"]["transport"]`."""

    def connection_made(self, transport: BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self.logger = LOGGER
        self.app_state: dict[str, Any] = {**self.app_state, "transport": transport}


class ByPort:
    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)


class Serving:
    """Serves until closed; ready for requests when made."""

    def __init__(
        self, apps: Mapping[int, ASGIApp], listeners: Sequence[socket.socket], authority: "Authority | None" = None
    ) -> None:
        config = uvicorn.Config(
            ByPort(apps),
            http=Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_certfile=authority.certificate if authority else None,
            ssl_keyfile=authority.key if authority else None,
        )
        self._server = uvicorn.Server(config)
        self._listeners = list(listeners)
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._closed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="example upstream", daemon=True)
        self._thread.start()
        self._is_up.wait()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        finally:
            self._is_up.set()

    async def _serve(self) -> None:
        """What uvicorn does, but that the end is waited for, not looked for at intervals: tests end many of these."""
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(sockets=self._listeners)
        ticking = asyncio.create_task(self._server.main_loop())
        self._is_up.set()
        await self._closed.wait()
        ticking.cancel()
        for listener in self._server.servers:
            listener.close()
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._server.server_state.tasks, return_exceptions=True), 1)

    def close(self) -> None:
        """Hang up on every client, also on those that a fault keeps waiting."""
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join()
