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


def subject(path: bytes) -> tuple[str, str, str]:
    """What a request is about, escaped and cut so that it can be shown: endpoint, name, and tag or digest."""
    if found := _endpoint(path):
        name, endpoint, reference = found.groups()
        return endpoint.decode(), _escaped(name), _escaped(reference)
    return _OTHERS.get(path, "registry" if path.startswith(b"/v2/") else "page"), _escaped(path), ""


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


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What is recorded of a prepared answer each time that it is given."""

    requests: prometheus_client.Counter
    sent: int
    is_manifest: bool
    line: bytes

    @classmethod
    def of(cls, method: str, path: bytes, status: int, body: int) -> "Record":
        entry = _Entry(method, *subject(path), status, 0 if method == "HEAD" else body)
        requests, is_manifest = metrics.count_of(entry.endpoint, method, status), entry.endpoint == "manifests"
        return cls(requests, entry.sent, is_manifest and entry.sent > 0, _line(entry))


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
        self._lines: list[bytes] = []
        self._records: list[Record] = []

    def observe_prepared(self, scope: Scope, record: Record) -> None:
        if not self._records:
            asyncio.get_running_loop().call_soon(self._count)
        self._records.append(record)
        if self._writer:
            self._log(scope, record.line)

    def observe(self, scope: Scope, done: Exchange, started: float) -> None:
        method, spent = scope["method"], perf_counter() - started
        sent = 0 if method == "HEAD" else done.sent
        upstream_ms, ms = round(1000 * done.upstream, 1), round(1000 * spent, 1)
        entry = _Entry(method, *subject(scope["raw_path"]), done.status, sent, upstream_ms, ms, done.complete)
        counted = method if method in _METHODS else "other"
        metrics.observe_request(entry.endpoint, counted, done.status, sent, spent)
        if self._writer:
            self._log(scope, _line(entry))

    def _log(self, scope: Scope, line: bytes) -> None:
        client = scope["client"][0] if scope.get("client") else ""
        if not self._lines:
            asyncio.get_running_loop().call_later(PAUSE, self._write)
        self._lines.append(b'{"time":%b,"client":%b,%b' % (_encode(datetime.now(UTC)), _client(client), line))

    def _count(self) -> None:
        records, self._records = self._records, []
        for record, times in Counter(records).items():
            record.requests.inc(times)
            metrics.SENT.inc(times * record.sent)
            metrics.CACHE_HITS.inc(times * record.is_manifest)

    def _write(self) -> None:
        if self._writer:
            self._writer.put(self._lines)
        self._lines = []

    def close(self) -> None:
        """Writes what is left."""
        if self._writer:
            self._write()
            self._writer.close()


_encode = msgspec.json.Encoder().encode


def _line(entry: _Entry) -> bytes:
    """Its end, after when and who."""
    return _encode(entry)[1:] + b"\n"


@lru_cache(1024)
def _client(address: str) -> bytes:
    return _encode(_escaped(address.encode()))
