"""HTTP connections that lead where they may, and whose answers have to be complete by a certain moment."""

import io
import socket
import ssl
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from generator.upstream.transport.addresses import Network, judge_address

_until: ContextVar[float] = ContextVar("until", default=float("inf"))
_allowed: ContextVar[Collection[Network]] = ContextVar("allowed", default=frozenset(Network))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Answers to what is asked inside of it are read no longer than so many seconds from now."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


@contextmanager
def leading_to(networks: Collection[Network]) -> Iterator[None]:
    """What is asked inside of it goes to addresses in these networks only, whatever a name resolves to by then."""
    token = _allowed.set(networks)
    try:
        yield
    finally:
        _allowed.reset(token)


class _Timed(io.RawIOBase):
    """A socket's file; a socket's own timeout begins anew with every byte."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection = connection
        self._file = connection.makefile("rb", buffering=0)
        self._timeout = connection.gettimeout()
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._connection.settimeout(left if self._timeout is None else min(self._timeout, left))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if (until := _until.get()) != float("inf"):
            self.fp.close()
            self.fp = io.BufferedReader(_Timed(sock, until))


class _Judged(HTTPConnection):
    """Its address is looked at once it is connected, and whenever it is used again: before anything is sent."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        try:
            _judge(connected)
        except BaseException:
            connected.close()
            raise
        return connected

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _judge(self.sock)
        super().putrequest(*args, **kwargs)


def _judge(connected: socket.socket) -> None:
    """Raises `UntrustedError`."""
    judge_address(str(connected.getpeername()[0]), _allowed.get())


class _Http(_Judged):
    pass


class _Https(_Judged, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


class Adapter(HTTPAdapter):
    """requests' adapter over such connections, also through a proxy; no authorities are `trusted` but those."""

    def __init__(self, trusted: ssl.SSLContext, **kwargs: Any) -> None:
        self._trusted = trusted
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._trusted)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        contexts = {"ssl_context": self._trusted, "proxy_ssl_context": self._trusted}
        manager = super().proxy_manager_for(proxy, **kwargs, **contexts)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager

    def cert_verify(self, *_: object) -> None:
        """requests would add certifi's."""
