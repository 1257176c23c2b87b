"""What is told of each request: a line of JSON on standard output, and the metrics."""

import asyncio
import logging
import re
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from time import perf_counter
from urllib.parse import quote

import msgspec
from starlette.types import Message, Scope, Send

from . import metrics
from .lines import Lines

PAUSE = 0.02
"""Seconds that a line waits for others."""

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


class Told(msgspec.Struct):
    """A line of the log but for when and who: `bytes` of body sent, `upstream_ms` until upstream's headers came."""

    method: str
    endpoint: str
    name: str
    reference: str
    status: int
    bytes: int
    upstream_ms: float
    ms: float
    complete: bool


def told(
    method: str,
    subject: Subject,
    status: int,
    sent: int,
    upstream: float = 0.0,
    spent: float = 0.0,
    complete: bool = True,
) -> bytes:
    """The end of a line of the log; `upstream` and `spent` are in seconds."""
    upstream_ms, ms = round(1000 * upstream, 1), round(1000 * spent, 1)
    line = Told(method, subject.endpoint, subject.name, subject.reference, status, sent, upstream_ms, ms, complete)
    return msgspec.json.encode(line)[1:] + b"\n"


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


@lru_cache(1024)
def _client(address: str) -> bytes:
    return msgspec.json.encode(_shown(address.encode()))


exchange: ContextVar[Exchange] = ContextVar("exchange")


class Access:
    """
    Stands in for uvicorn's access log: switched off by `--no-access-log` or a `--log-level` above info, like that.

    Answers that were at hand are counted once a turn of the event loop; lines are handed over in batches, as each wakes
    the thread that writes.
    """

    def __init__(self) -> None:
        uvicorns = logging.getLogger("uvicorn.access")
        self._output = Lines() if uvicorns.isEnabledFor(logging.INFO) and uvicorns.hasHandlers() else None
        uvicorns.handlers, uvicorns.propagate = [], False
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._tallies: list[metrics.Tally] = []

    def observe_prepared(self, scope: Scope, tally: metrics.Tally, told: bytes) -> None:
        """An answer that was at hand."""
        if not self._tallies:
            asyncio.get_running_loop().call_soon(self._count)
        self._tallies.append(tally)
        if self._output:
            self._log(scope, told)

    def observe(self, scope: Scope, done: Exchange, started: float) -> None:
        subject, spent = Subject.of(scope["raw_path"]), perf_counter() - started
        sent = 0 if scope["method"] == "HEAD" else done.sent
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics.answered(subject.endpoint, method, done.status, spent)
        metrics.SENT.inc(sent)
        if self._output:
            self._log(scope, told(scope["method"], subject, done.status, sent, done.upstream, spent, done.complete))

    def _log(self, scope: Scope, told: bytes) -> None:
        client = scope["client"][0] if scope.get("client") else ""
        if not self._lines:
            asyncio.get_running_loop().call_later(PAUSE, self._write)
        self._lines.append(b'{"time":%b,"client":%b,%b' % (self._encode(datetime.now(UTC)), _client(client), told))

    def _count(self) -> None:
        tallies, self._tallies = self._tallies, []
        for tally, times in Counter(tallies).items():
            tally.add(times)

    def _write(self) -> None:
        if self._output:
            self._output.put(self._lines)
        self._lines = []

    def close(self) -> None:
        """Writes what is left."""
        if self._output:
            self._write()
            self._output.close()
