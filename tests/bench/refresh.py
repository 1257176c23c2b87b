"""What a refresh costs where nothing is new: `python -m tests.bench.refresh`.

The ideal is one token a repository and one HEAD a track, `jobs` repositories at a time and each one's requests one
after the other. The baseline does just that with bare sockets and remembers nothing, in alternating pairs.
"""

import argparse
import asyncio
import contextlib
import gc
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.images import load
from generator.record.store import Store
from generator.refresh import Refresh
from generator.upstream import Limits
from tests.bench.latent import Latent, latent
from tests.bench.machine import facts, ratio
from tests.bench.synthetic import TRACKS
from tests.example import refresh as command


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run; `seconds` are elapsed, `cpu` this process's own."""

    seconds: float
    cpu: float
    requests: int
    connections: int


@contextlib.contextmanager
def counted(upstream: Latent) -> Iterator[list[Cost]]:
    """One cost, once the block is done."""
    costs: list[Cost] = []
    gc.collect()
    before = upstream.counts()
    began, cpu = time.perf_counter(), time.process_time()
    yield costs
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    after = upstream.counts()
    own = 1  # the connection that asks for the counts
    costs.append(Cost(seconds, cpu, after.requests - before.requests, after.connections - before.connections - own))


def refresh(folder: Path, jobs: int) -> int:
    """Gives how many images had something new or failed."""
    run = Refresh(Store(folder), load(folder / "images.toml"), Limits(), jobs)
    return sum(bool(outcome.new or outcome.errors) for outcome in run.run())


async def bare(upstream: Latent, jobs: int) -> None:
    """The same requests with as many connections, and nothing else."""
    host = upstream.host
    names = iter(upstream.made.names)

    async def work() -> None:
        reader, writer = await asyncio.open_connection(*host.split(":"))
        for name in names:
            path = f"{upstream.made.upstream.partition('/')[2]}/{name}"
            targets = [f"GET /token?scope=repository:{path}:pull&service={host}"]
            targets += [f"HEAD /v2/{path}/manifests/{track}" for track in TRACKS]
            for target in targets:
                writer.write(f"{target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                if target.startswith("GET"):
                    await reader.readexactly(int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
        writer.close()

    await asyncio.gather(*(work() for _ in range(jobs)))


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.refresh", description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--builds", type=int, default=200_000, help="of all images together")
    parser.add_argument("--latency", type=float, default=20, help="of the upstream, in milliseconds")
    parser.add_argument("--jobs", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    ideal = math.ceil(given.images / given.jobs) * (1 + len(TRACKS)) * given.latency / 1000
    print(facts("oras", "requests", "urllib3"))
    print(f"{given.images} images, {given.builds} builds, {given.latency} ms, {given.jobs} jobs: ideal {ideal:.2f} s")
    with (
        tempfile.TemporaryDirectory() as name,
        latent(given.images, given.builds, given.latency) as upstream,
    ):
        folder = Path(name)
        upstream.made.write(folder)
        # Not in this process, whose memory would not be a fresh one's after that.
        with counted(upstream) as first:
            done = command(folder, "--jobs", str(given.jobs))
        assert done.returncode == 0, done.stdout + done.stderr
        print(f"first run, which makes every tag and page: {first[0].seconds:.1f} s")
        before = files(folder)
        ours: list[Cost] = []
        baseline: list[Cost] = []
        for _ in range(given.pairs):
            with counted(upstream) as costs:
                asyncio.run(bare(upstream, given.jobs))
            baseline += costs
            with counted(upstream) as costs:
                news = refresh(folder, given.jobs)
            ours += costs
            assert not news
        assert files(folder) == before, "a file was written"
        began = time.perf_counter()
        done = command(folder, "--jobs", str(given.jobs))
        whole = time.perf_counter() - began
        assert done.returncode == 0, done.stdout
        busy = upstream.counts().cpu
    print(ratio("refresh, nothing new", zip(seconds(ours), seconds(baseline), strict=True)))
    print(ratio("refresh over the ideal time", ((each, ideal) for each in seconds(ours))))
    cpu = statistics.median(cost.cpu for cost in ours)
    print(f"refresh: {statistics.median(seconds(ours)):.2f} s, baseline {statistics.median(seconds(baseline)):.2f} s")
    print(f"refresh: {ours[-1].requests} requests over {ours[-1].connections} connections")
    print(
        f"refresh: {1000 * cpu / given.images:.2f} ms of CPU an image; as a command, start-up included: {whole:.2f} s"
    )
    print(f"upstream: {1000 * busy / ((2 * given.pairs + 2) * ours[-1].requests):.2f} ms of CPU a request")
    return 0


def seconds(costs: list[Cost]) -> list[float]:
    return [cost.seconds for cost in costs]


if __name__ == "__main__":
    sys.exit(main())
