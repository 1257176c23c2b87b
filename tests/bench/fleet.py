"""Many who pull at once, and who hang, and who read slowly: `python -m tests.bench.fleet [--against CHECKOUT]`.

The server is on one core, who asks and the registry behind it (`origin.py`) on the other. With another checkout the
same is done to its server, in the same run.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tests.bench import bars
from tests.bench.load import Generator, Order, burst, generating
from tests.bench.machine import facts
from tests.bench.origin import TAG, Origin, origin
from tests.bench.worker import Worker, server
from tests.example import ROOT

SECONDS = 2.0
BURSTS = 3
CONNECTIONS = (1, 32, 400)
NODES, LAYERS = 200, 10
HANGING, READERS = 1500, 250
PROBES, PAUSE = 100, 0.02
"""Known tags that are asked for meanwhile, and the seconds between two."""


@dataclass(frozen=True)
class Served:
    """A server over an index of the origin's repositories."""

    name: str
    checkout: Path
    index: Path
    origin: Origin

    @contextmanager
    def running(self) -> Iterator[Worker]:
        with server(self.index, checkout=self.checkout) as worker:
            yield worker

    def bar(self, is_met: Callable[[float, float, str], None], bar: float, figure: float, what: str) -> None:
        """Of our own server alone."""
        if self.checkout == ROOT:
            is_met(bar, figure, what)
        else:
            print(f"       {what}: {figure:.3g}", flush=True)


def blobs(repository: str, count: int) -> list[str]:
    return [f"/v2/{repository}/blobs/sha256:{number:064x}" for number in range(count)]


def relays(served: Served, generator: Generator) -> None:
    """Each blob redirect is a call upstream. The cheapest burst counts: what else a machine does only adds to it."""
    with served.running() as worker:
        for connections in CONNECTIONS:
            order = Order(worker.port, "GET", blobs("once", 20_000), SECONDS, connections)
            bursts = [burst(generator, worker, order, 307) for _ in range(BURSTS)]
            rate, cpu = max(result.rate for result, _ in bursts), min(cpu for _, cpu in bursts)
            what = f"ms of CPU a relayed redirect, {connections} connections ({rate:.0f}/s)"
            served.bar(bars.at_most, 0.5, cpu / 1000, what)


def fleet(served: Served, generator: Generator) -> None:
    """Nodes that pull the same image, each layer by all of them at once."""
    with served.running() as worker:
        before = served.origin.counts().requests.get("blobs", 0)
        order = Order(worker.port, "GET", blobs("signed", LAYERS), SECONDS, NODES)
        result, cpu = burst(generator, worker, order, 307)
        calls = served.origin.counts().requests["blobs"] - before
        print(f"{NODES} nodes, {LAYERS} layers, {SECONDS:.0f} s: {result.requests} redirects, {calls} calls upstream")
        served.bar(bars.at_least, 5000, 1e6 / cpu, "redirects a second and core, of blobs that are asked for often")
        served.bar(bars.at_most, LAYERS * (1 + SECONDS), calls, "calls upstream for them")


async def known_tags(port: int, count: int = PROBES) -> list[float]:
    """Milliseconds until each was answered."""
    spent = []
    for _ in range(count):
        began = time.perf_counter()
        _, writer = await ask(port, "HEAD", f"/v2/once/manifests/{TAG}", answered=True)
        spent.append(1000 * (time.perf_counter() - began))
        writer.close()
        await asyncio.sleep(PAUSE)
    return spent


async def ask(
    port: int, method: str, path: str, answered: bool = False, limit: int = 1024
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    if answered:
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"{method} {path}: {status!r}")
    return reader, writer


async def meanwhile(
    served: Served,
    worker: Worker,
    what: str,
    begin: Callable[[int], Awaitable[asyncio.StreamWriter]],
    count: int,
    endpoint: str,
) -> None:
    """What known tags take while `count` others are there, all at the origin, and what it costs to have them."""
    quiet = await known_tags(worker.port)
    resident = worker.resident
    before = served.origin.counts().requests.get(endpoint, 0)
    others = [await begin(number) for number in range(count)]
    deadline = time.monotonic() + 30
    while served.origin.counts().requests.get(endpoint, 0) < before + count and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    try:
        spent = await asyncio.wait_for(known_tags(worker.port), 60)
    except TimeoutError:
        print(f"       {what}: no known tag in 60 s", flush=True)
        return
    grown = (worker.resident - resident) / 1000
    print(f"{what}: {grown / count:.0f} kB each, {worker.descriptors} descriptors; without: {_told(quiet)}")
    served.bar(bars.at_most, 50, statistics.median(spent), f"{what}: ms to a known tag, median")
    served.bar(bars.at_most, 250, max(spent), f"{what}: ms to a known tag, slowest of {PROBES}")
    for writer in others:
        writer.transport.abort()
    began = time.perf_counter()
    while worker.descriptors > 64 and time.perf_counter() - began < 30:
        await known_tags(worker.port, 1)
    served.bar(bars.at_most, 2, time.perf_counter() - began, f"{what}: seconds until all of it is gone")


def _told(spent: list[float]) -> str:
    return f"{statistics.median(spent):.1f} ms, slowest {max(spent):.1f}"


def overload(served: Served) -> None:
    """Tags that upstream never answers for."""
    with served.running() as worker:

        async def begin(number: int) -> asyncio.StreamWriter:
            return (await ask(worker.port, "GET", f"/v2/hanging/manifests/tag-{number}"))[1]

        asyncio.run(meanwhile(served, worker, f"{HANGING} hanging relays", begin, HANGING, "manifests"))


def slow_readers(served: Served) -> None:
    """A blob that upstream sends itself, taken by nobody."""
    with served.running() as worker:

        async def begin(number: int) -> asyncio.StreamWriter:
            _, writer = await ask(worker.port, "GET", blobs("streamed", 1)[0], answered=True)
            cast(asyncio.Transport, writer.transport).pause_reading()
            return writer

        asyncio.run(meanwhile(served, worker, f"{READERS} slow readers", begin, READERS, "blobs"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout, to compare")
    given = parser.parse_args()
    print(facts("uvicorn", "uvloop", "aiohttp"), flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(origin())
        generator = stack.enter_context(generating())
        index = upstream.index(folder / "index")
        for checkout in (given.against, ROOT):
            if checkout:
                print(f"\n{checkout.name if checkout != ROOT else 'this server'}", flush=True)
                served = Served(checkout.name, checkout.resolve(), index, upstream)
                relays(served, generator)
                fleet(served, generator)
                overload(served)
                slow_readers(served)
    return 0


if __name__ == "__main__":
    sys.exit(main())
