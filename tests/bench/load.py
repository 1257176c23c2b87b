"""A load generator: HEAD and GET over kept connections, one request at a time on each, no pipelining.

wrk cannot ask by HEAD (it waits for the body that a Content-Length promises), nor at a bounded rate. This one is a
process that takes orders as lines of JSON, so that a burst of a fraction of a second costs no start of a program.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import cast

import uvloop

from tests.bench.worker import ASKING, Worker
from tests.example import ROOT

ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
"""docker-registry gives no image index to who does not ask for one."""

_END = b"\r\n\r\n"
_length = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search


@dataclass(frozen=True)
class Order:
    """`pause` is between two requests of a connection, in seconds; each goes round `paths` from another start."""

    port: int
    method: str
    paths: Sequence[str]
    seconds: float
    connections: int = 32
    pause: float = 0.0


@dataclass
class Result:
    """What came back within `seconds`; `slowest` in seconds, `cpu` is the generator's own."""

    seconds: float = 0.0
    cpu: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    broken: int = 0

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Generator:
    """The process; one order at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, order: Order) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()

    def result(self) -> Result:
        assert self._process.stdout
        return Result(**json.loads(self._process.stdout.readline()))

    def __call__(self, order: Order, *expected: int) -> Result:
        """Raises RuntimeError where another status than `expected` came, or a connection broke."""
        self.start(order)
        result = self.result()
        if result.broken or set(result.statuses) != {str(status) for status in expected}:
            raise RuntimeError(f"{order.method} {order.paths[0]} of port {order.port}: {result}")
        return result


def burst(generator: Generator, worker: Worker, order: Order, *expected: int) -> tuple[Result, float]:
    """The result, and the server's CPU time for each request, in microseconds."""
    before = worker.cpu
    result = generator(order, *expected)
    return result, 1e6 * (worker.cpu - before) / result.requests


@contextlib.contextmanager
def generating(core: int | None = ASKING) -> Iterator[Generator]:
    pinned = () if core is None else ("taskset", "--cpu-list", str(core))
    command = [*pinned, sys.executable, "-m", "tests.bench.load"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Generator(process)
        finally:
            process.kill()


class _Connection(asyncio.Protocol):
    def __init__(self, round_: "_Round", number: int) -> None:
        self._round = round_
        self._next = number * len(round_.requests) // round_.order.connections
        self._is_head = round_.order.method == "HEAD"
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        if self._transport.is_closing():
            return
        self._asked = time.perf_counter()
        self._transport.write(self._round.requests[self._next])
        self._next += 1
        if self._next == len(self._round.requests):
            self._next = 0

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        head = received.find(_END)
        if head < 0:
            return
        if not self._is_head:
            length = _length(received, 0, head)
            if length is None or len(received) < head + len(_END) + int(length[1]):
                return
        self._received = b""
        round_ = self._round
        now = time.perf_counter()
        if now > round_.end:
            self._transport.abort()
            return
        round_.statuses[received[9:12]] += 1
        if now - self._asked > round_.slowest:
            round_.slowest = now - self._asked
        if round_.order.pause:
            asyncio.get_running_loop().call_later(round_.order.pause, self._ask)
        else:
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self._round.closed()


class _Round:
    def __init__(self, order: Order) -> None:
        self.order = order
        rest = f" HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\nAccept: {ACCEPT}\r\n\r\n"
        self.requests = [f"{order.method} {path}{rest}".encode() for path in order.paths]
        self.statuses: Counter[bytes] = Counter()
        self.slowest = 0.0
        self.broken = 0
        self.end = 0.0

    def closed(self) -> None:
        if time.perf_counter() < self.end:
            self.broken += 1

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        began, cpu = time.perf_counter(), time.process_time()
        self.end = began + self.order.seconds
        made = [
            await loop.create_connection(partial(_Connection, self, number), "127.0.0.1", self.order.port)
            for number in range(self.order.connections)
        ]
        await asyncio.sleep(self.end - time.perf_counter())
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        for transport, _ in made:
            transport.abort()
        statuses = {status.decode(): count for status, count in self.statuses.items()}
        return Result(seconds, cpu, statuses, self.slowest, self.broken)


def main() -> int:
    for line in sys.stdin:
        result = uvloop.run(_Round(Order(**json.loads(line))).run())
        print(json.dumps(asdict(result)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
