"""A server under load through index reloads, some of them of a broken index: `python -m tests.bench.reloads`.

The load is mixed traffic, and beside it HEADs of known tags as fast as one core asks for them; no request may fail.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import bars
from tests.bench.load import Order, generating
from tests.bench.machine import facts
from tests.bench.traffic import Traffic
from tests.bench.worker import server
from tests.clients.serving import recorded
from tests.upstream import ExampleUpstream, Options

RATE = 150
EVERY_BROKEN = 4


async def under_load(traffic: Traffic, reloads: int, pause: float) -> None:
    """Every fourth index is broken."""
    done = asyncio.Event()

    async def reload() -> None:
        for number in range(reloads):
            await asyncio.sleep(pause)
            await traffic.reload(number, broken=number % EVERY_BROKEN == EVERY_BROKEN - 1)
        done.set()

    await asyncio.gather(traffic.run(done.is_set), reload())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reloads", description=__doc__)
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--pause", type=float, default=0.3, help="between two of them, in seconds")
    given = parser.parse_args()
    print(facts("uvicorn"))
    with (
        tempfile.TemporaryDirectory() as folder,
        ExampleUpstream(Options(redirect_blobs=False)) as upstream,
        generating() as generator,
    ):
        index = recorded(Path(folder), upstream, nginx="nginx")
        with server(index) as worker:
            traffic = Traffic(worker, upstream, index, RATE)
            order = Order(worker.port, "HEAD", ["/v2/nginx/manifests/1.27.4"], given.reloads * given.pause, 8)
            generator.start(order)
            began = time.perf_counter()
            asyncio.run(under_load(traffic, given.reloads, given.pause))
            seconds = time.perf_counter() - began
            result = generator.result()
    broken = given.reloads // EVERY_BROKEN
    print(f"{given.reloads} reloads, {broken} of a broken index, in {seconds:.1f} s; slowest HEAD", end=" ")
    print(f"{1000 * result.slowest:.1f} ms; {result.requests} HEADs and {traffic.visits.total()} visits:", end=" ")
    print(", ".join(f"{count} {name}" for name, count in sorted(traffic.visits.items())))
    for failure, count in traffic.failures.items():
        print(f"  {count} times {failure}")
    failed = traffic.failures.total() + result.broken + result.requests - result.statuses.get("200", 0)
    bars.at_most(0, failed, "failed requests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
