"""What is recorded of each request: a line of JSON on standard output, and the metrics."""

import asyncio
import logging
import os
import re
import sys
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from queue import SimpleQueue
from threading import Thread
from time import perf_counter, time
from urllib.parse import quote

import msgspec
from starlette.types import Message, Scope

from . import metrics

PAUSE = 0.02
"""Seconds that a line waits for others."""

BATCHES, LAST = 100, 1.0
"""How many batches of lines may wait to be written, and how many seconds the last ones are given at the end."""

_LONGEST = 512
_endpoint = re.compile(rb"/v2/(.+)/(manifests|blobs|referrers|tags)/([^/]*)\Z").match
_OTHERS = {b"/v2": "version", b"/v2/": "version", b"/v2/_catalog": "catalogue"}


def _subject(path: bytes) -> tuple[str, str, str]:
    """What a request is about, escaped and cut so that it can be shown: endpoint, name, and tag or digest."""
    if found := _endpoint(path):
        name, endpoint, reference = found.groups()
        return endpoint.decode(), _escaped(name), _escaped(reference)
    return _OTHERS.get(path, "registry" if path.startswith(b"/v2/") else "page"), _escaped(path), ""


def _escaped(part: bytes) -> str:
    return quote(part[:_LONGEST], "/:%+@=,~")


class Entry(msgspec.Struct, eq=False, rename={"sent": "bytes"}):
    """A line of the log but for when and who: bytes of body sent, `upstream_ms` until upstream's headers came."""

    method: str
    endpoint: str
    name: str
    reference: str
    status: int = 0
    sent: int = 0
    upstream_ms: float = 0.0
    ms: float = 0.0
    complete: bool = False

    @classmethod
    def of(cls, scope: Scope) -> "Entry":
        return cls(scope["method"], *_subject(scope["raw_path"]))

    def note(self, message: Message) -> None:
        """That a message of the answer was sent; of HEAD's, the body is not."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.sent += 0 if self.method == "HEAD" else len(message.get("body", b""))
            self.complete = not message.get("more_body", False)

    @property
    def line(self) -> bytes:
        """Its end, after when and who."""
        return _encode(self)[1:] + b"\n"


current: ContextVar[Entry] = ContextVar("current")
"""Of the request that is being answered."""


class AccessLog:
    """
    Stands in for uvicorn's access log: switched off by `--no-access-log` or a `--log-level` above info, like that.

    Prepared answers are counted once a turn of the event loop. Lines are handed over in batches, as each wakes the
    thread that writes: where nobody reads them no request has to wait.
    """

    def __init__(self) -> None:
        uvicorns = logging.getLogger("uvicorn.access")
        self._is_on = uvicorns.isEnabledFor(logging.INFO) and uvicorns.hasHandlers()
        uvicorns.handlers, uvicorns.propagate = [], False
        self._prepared: list[Entry] = []
        self._lines: list[tuple[float, str, bytes]] = []
        self._batches: SimpleQueue[bytes] = SimpleQueue()
        self._writer = Thread(target=_write, args=(self._batches,), daemon=True)
        self._writer.start()

    def observe_prepared(self, scope: Scope, entry: Entry, line: bytes) -> None:
        if not self._prepared:
            asyncio.get_running_loop().call_soon(self._count)
        self._prepared.append(entry)
        if self._is_on:
            self._log(scope, line)

    def observe(self, scope: Scope, entry: Entry, started: float) -> None:
        spent = perf_counter() - started
        entry.upstream_ms, entry.ms = round(entry.upstream_ms, 1), round(1000 * spent, 1)
        metrics.observe_request(entry.endpoint, entry.method, entry.status, entry.sent, spent)
        if self._is_on:
            self._log(scope, entry.line)

    def _log(self, scope: Scope, line: bytes) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(PAUSE, self._hand_over)
        self._lines.append((time(), scope["client"][0] if scope.get("client") else "", line))

    def _count(self) -> None:
        entries, self._prepared = self._prepared, []
        for entry, times in Counter(entries).items():
            metrics.count_of(entry.endpoint, entry.method, entry.status).inc(times)
            if entry.sent:
                metrics.SENT.inc(times * entry.sent)
                metrics.CACHE_HITS.inc(times * (entry.endpoint == "manifests"))

    def _hand_over(self) -> None:
        """Drops the lines where too much waits already."""
        lines, self._lines = self._lines, []
        if self._batches.qsize() < BATCHES:
            self._batches.put(b"".join(_begun(*line) for line in lines))
        else:
            metrics.LOST.inc(len(lines))

    def close(self) -> None:
        """Writes what is left."""
        self._hand_over()
        self._batches.put(b"")
        self._writer.join(LAST)


def _write(batches: SimpleQueue[bytes]) -> None:
    while batch := batches.get():
        with suppress(OSError):
            while batch:
                batch = batch[os.write(sys.stdout.fileno(), batch) :]


_encode = msgspec.json.Encoder().encode


def _begun(when: float, client: str, line: bytes) -> bytes:
    return b'{"time":%b,"client":%b,%b' % (_time(int(1000 * when)), _client(client), line)


@lru_cache(1)
def _time(milliseconds: int) -> bytes:
    return _encode(datetime.fromtimestamp(milliseconds / 1000, UTC))


@lru_cache(1024)
def _client(address: str) -> bytes:
    return _encode(_escaped(address.encode()))
