"""What is recorded of each request: a line of JSON on standard output, and the metrics."""

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
import prometheus_client
from starlette.types import Message, Scope, Send

from . import metrics
from .log_writer import LogWriter

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
            return cls(endpoint.decode(), _escaped(name), _escaped(reference))
        other = "registry" if path.startswith(b"/v2/") else "page"
        return cls(_OTHERS.get(path, other), _escaped(path), "")


def _escaped(part: bytes) -> str:
    return quote(part[:_LONGEST], "/:%+@=,~")


class _Entry(msgspec.Struct, rename={"sent": "bytes"}):
    """A line of the log but for when and who: bytes of body sent, `upstream_ms` until upstream's headers came."""

    method: str
    endpoint: str
    name: str
    reference: str
    status: int
    sent: int
    upstream_ms: float = 0.0
    ms: float = 0.0
    complete: bool = True

    def line(self) -> bytes:
        """The end of the line."""
        return msgspec.json.encode(self)[1:] + b"\n"


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What is recorded of a prepared answer each time that it is given."""

    counts: tuple[tuple[prometheus_client.Counter, int], ...]
    line: bytes

    @classmethod
    def of(cls, method: str, path: bytes, status: int, body: int, is_from_memory: bool) -> "Record":
        subject, sent = Subject.of(path), 0 if method == "HEAD" else body
        counts = [(metrics.count_of(subject.endpoint, method, status), 1), (metrics.SENT, sent)]
        if is_from_memory:
            counts.append((metrics.CACHE_HITS, 1))
        entry = _Entry(method, subject.endpoint, subject.name, subject.reference, status, sent)
        return cls(tuple(each for each in counts if each[1]), entry.line())


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
    return msgspec.json.encode(_escaped(address.encode()))


exchange: ContextVar[Exchange] = ContextVar("exchange")


class AccessLog:
    """
    Stands in for uvicorn's access log: switched off by `--no-access-log` or a `--log-level` above info, like that.

    Prepared answers are counted once a turn of the event loop; lines are handed over in batches, as each wakes the
    thread that writes.
    """

    def __init__(self) -> None:
        uvicorns = logging.getLogger("uvicorn.access")
        self._writer = LogWriter() if uvicorns.isEnabledFor(logging.INFO) and uvicorns.hasHandlers() else None
        uvicorns.handlers, uvicorns.propagate = [], False
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._records: list[Record] = []

    def observe_prepared(self, scope: Scope, record: Record) -> None:
        if not self._records:
            asyncio.get_running_loop().call_soon(self._count)
        self._records.append(record)
        if self._writer:
            self._log(scope, record.line)

    def observe(self, scope: Scope, done: Exchange, started: float) -> None:
        subject, spent = Subject.of(scope["raw_path"]), perf_counter() - started
        sent = 0 if scope["method"] == "HEAD" else done.sent
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics.observe_request(subject.endpoint, method, done.status, sent, spent)
        if self._writer:
            upstream_ms, ms = round(1000 * done.upstream, 1), round(1000 * spent, 1)
            about = (subject.endpoint, subject.name, subject.reference, done.status, sent)
            self._log(scope, _Entry(scope["method"], *about, upstream_ms, ms, done.complete).line())

    def _log(self, scope: Scope, line: bytes) -> None:
        client = scope["client"][0] if scope.get("client") else ""
        if not self._lines:
            asyncio.get_running_loop().call_later(PAUSE, self._write)
        self._lines.append(b'{"time":%b,"client":%b,%b' % (self._encode(datetime.now(UTC)), _client(client), line))

    def _count(self) -> None:
        records, self._records = self._records, []
        for record, times in Counter(records).items():
            for counter, amount in record.counts:
                counter.inc(times * amount)

    def _write(self) -> None:
        if self._writer:
            self._writer.put(self._lines)
        self._lines = []

    def close(self) -> None:
        """Writes what is left."""
        if self._writer:
            self._write()
            self._writer.close()
