"""Mixed traffic, failing upstreams and reloads for minutes: `python -m tests.bench.soak [--minutes 10]`.

Memory, descriptors and threads of the server are looked at every second; none may grow once all has been asked for.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench import bars
from tests.bench.machine import facts
from tests.bench.traffic import Traffic
from tests.bench.worker import Worker, server
from tests.clients.serving import recorded
from tests.upstream import Answer, Corrupt, ExampleUpstream, Fault, Hang, Options, Reset, Slow, Truncate

RATE = 100
RELOAD_EVERY = 5.0
IDLE = 1.5
"""Seconds without traffic at the end, for what is being closed."""

WARM_UP = 0.3
"""Share of the time that does not count: caches fill, every path is gone once."""

FAULTS = (
    Fault(Answer(500), probability=0.02, times=None),
    Fault(Answer(429, {"Retry-After": "1"}), probability=0.01, times=None),
    Fault(Reset(), probability=0.01, times=None),
    Fault(Truncate(100), probability=0.02, times=None),
    Fault(Corrupt(), path="/manifests/", probability=0.05, times=None),
    Fault(Hang(0.5), probability=0.02, times=None),
    Fault(Slow(1 << 19, 0.05), path="/blobs/", probability=0.2, times=None),
)


@dataclass(frozen=True)
class Sample:
    """`seconds` since the start; `resident` in bytes."""

    seconds: float
    resident: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, worker: Worker, began: float) -> "Sample":
        return cls(time.monotonic() - began, worker.resident, worker.descriptors, worker.threads)


@dataclass(frozen=True)
class Soaked:
    """`idle` is the server before any traffic and again after all of it."""

    traffic: Traffic
    samples: list[Sample]
    idle: tuple[Sample, Sample]

    @property
    def counted(self) -> list[Sample]:
        return [each for each in self.samples if each.seconds >= WARM_UP * self.samples[-1].seconds]

    @property
    def growth(self) -> float:
        """The least memory in the last third of the counted samples, of that in the first: a leak lifts it."""
        third = max(1, len(self.counted) // 3)
        first, last = (min(each.resident for each in part) for part in (self.counted[:third], self.counted[-third:]))
        return last / first


async def soak(traffic: Traffic, seconds: float, visits: int, reload_every: float) -> list[Sample]:
    """For so many seconds, and longer where there have not been so many visits."""
    began = time.monotonic()
    samples: list[Sample] = []

    def is_over() -> bool:
        return time.monotonic() - began > seconds and traffic.visits.total() >= visits

    async def watch() -> None:
        while not is_over():
            await asyncio.sleep(1)
            samples.append(Sample.of(traffic.worker, began))
            traffic.upstream.requests.clear()

    async def reload() -> None:
        number = 0
        while not is_over():
            await asyncio.sleep(reload_every)
            await traffic.reload(number, broken=number % 3 == 2)
            number += 1

    await asyncio.gather(traffic.run(is_over), watch(), reload())
    return samples


def run(seconds: float, rate: float = RATE, reload_every: float = RELOAD_EVERY, *, visits: int = 0) -> Soaked:
    with (
        tempfile.TemporaryDirectory() as folder,
        ExampleUpstream(Options(redirect_blobs=False)) as upstream,
    ):
        index = recorded(Path(folder), upstream, nginx="nginx")
        upstream.inject(*FAULTS)
        with server(index, core=None, logs=True) as worker:
            before = Sample.of(worker, time.monotonic())
            traffic = Traffic(worker, upstream, index, rate, is_away=True)
            samples = asyncio.run(soak(traffic, seconds, visits, reload_every))
            time.sleep(IDLE)
            return Soaked(traffic, samples, (before, Sample.of(worker, time.monotonic())))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    print(facts("uvicorn", "aiohttp"), flush=True)
    soaked = run(60 * given.minutes)
    visits, (before, after) = soaked.traffic.visits, soaked.idle
    print(f"{visits.total()} visits:", ", ".join(f"{count} {name}" for name, count in sorted(visits.items())))
    every = max(1, len(soaked.samples) // 10)
    print("resident in MB:", ", ".join(f"{each.resident / 1e6:.1f}" for each in soaked.samples[::every]))
    print(
        f"descriptors: {before.descriptors} before, {max(each.descriptors for each in soaked.samples)} at most",
        end=", ",
    )
    print(
        f"{after.descriptors} after; threads: {before.threads}, {max(each.threads for each in soaked.samples)}",
        end=", ",
    )
    print(after.threads)
    for failure, count in soaked.traffic.failures.items():
        print(f"  {count} times {failure}")
    bars.at_most(0, soaked.traffic.failures.total(), "failed visits that the upstream is not to blame for")
    bars.at_most(1.05, soaked.growth, "memory at the end, of that after the warm-up")
    bars.at_most(10, after.descriptors - before.descriptors, "descriptors more at the end")
    counted = [each.threads for each in soaked.counted]
    bars.at_most(0, max(counted) - max(counted[: len(counted) // 2]), "threads more in the second half")
    return 0


if __name__ == "__main__":
    sys.exit(main())
