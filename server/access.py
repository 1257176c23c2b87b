"""What is told of each request: a line of JSON on standard output, and the metrics."""

import asyncio
import logging
import re
import sys
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from urllib.parse import quote

import msgspec
from starlette.types import Message, Scope, Send

from . import metrics

_LONGEST = 512
_endpoint = re.compile(rb"/v2/(.+)/(manifests|blobs|referrers|tags)/([^/]*)\Z").match
_OTHERS = {b"/v2": "version", b"/v2/": "version", b"/v2/_catalog": "catalogue"}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about, escaped and cut so that it can be shown: a name and a tag or digest."""

    endpoint: str
    name: str
    reference: str

    @classmethod
    def of(cls, path: bytes) -> "Subject":
        if found := _endpoint(path):
            name, endpoint, reference = found.groups()
            return cls(endpoint.decode(), _shown(name), _shown(reference))
        other = "registry" if path.startswith(b"/v2/") else "page"
        return cls(_OTHERS.get(path, other), _shown(path), "")


def _shown(part: bytes) -> str:
    return quote(part[:_LONGEST], "/:%+@=,~")


class Line(msgspec.Struct):
    """A line of the log: `bytes` of body sent, `upstream_ms` until upstream's headers came, `ms` in all."""

    time: datetime
    client: str
    method: str
    endpoint: str
    name: str
    reference: str
    status: int
    bytes: int
    upstream_ms: float
    ms: float
    complete: bool


class Exchange:
    """A request being answered: counts what goes through `send`."""

    def __init__(self, send: Send, is_private: bool) -> None:
        self.status = 0
        self.sent = 0
        self.complete = False
        self.upstream = 0.0
        self._send = send
        self._is_private = is_private

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._is_private:
                message["headers"] = [_private(*header) for header in message["headers"]]
        await self._send(message)
        if message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)


def _private(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """An answer to somebody's credentials is not for a shared cache (RFC 9111, 3.5)."""
    return (name, value.replace(b"public", b"private")) if name == b"cache-control" else (name, value)


exchange: ContextVar[Exchange] = ContextVar("exchange")


class Access:
    """
    Stands in for uvicorn's access log: switched off by `--no-access-log` or a `--log-level` above info, like that.

    Lines are written once a turn of the event loop.
    """

    def __init__(self) -> None:
        uvicorns = logging.getLogger("uvicorn.access")
        self._is_logged = uvicorns.isEnabledFor(logging.INFO) and uvicorns.hasHandlers()
        uvicorns.handlers, uvicorns.propagate = [], False
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []

    def observe(self, scope: Scope, subject: Subject, status: int, started: float) -> None:
        """An answer that needed nobody else and has no body to speak of."""
        spent = perf_counter() - started
        metrics.answered(subject.endpoint, scope["method"], status, spent)
        if self._is_logged:
            self._log(scope, subject, status, 0, 0.0, spent, True)

    def observe_exchange(self, scope: Scope, done: Exchange, started: float) -> None:
        subject, spent = Subject.of(scope["raw_path"]), perf_counter() - started
        sent = 0 if scope["method"] == "HEAD" else done.sent
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics.answered(subject.endpoint, method, done.status, spent)
        metrics.SENT.inc(sent)
        if self._is_logged:
            self._log(scope, subject, done.status, sent, done.upstream, spent, done.complete)

    def _log(
        self, scope: Scope, subject: Subject, status: int, sent: int, upstream: float, spent: float, complete: bool
    ) -> None:
        client = _shown(scope["client"][0].encode()) if scope.get("client") else ""
        line = Line(
            datetime.now(UTC),
            client,
            scope["method"],
            subject.endpoint,
            subject.name,
            subject.reference,
            status,
            sent,
            round(1000 * upstream, 1),
            round(1000 * spent, 1),
            complete,
        )
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(self._encode(line) + b"\n")

    def _write(self) -> None:
        lines, self._lines = b"".join(self._lines), []
        # A log that nobody reads any more is no reason to refuse a pull.
        with suppress(OSError, ValueError):
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
