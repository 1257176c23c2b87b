"""What the size of an index costs the server: `python -m tests.bench.scale [--plot tests/bench/scale.svg]`.

Each cost is set against that of ten images in the same run, and is CPU time, which a busy machine changes little; the
largest index has 1,000 images, 200,000 builds and 250,000 tags.
"""

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench import bars
from tests.bench.load import Generator, Order, Result, burst, generating
from tests.bench.machine import facts, ratio
from tests.bench.synthetic import Synthetic
from tests.bench.worker import Worker, server

SIZES = (10, 100, 300, 1000)
BUILDS = 200
"""Of each image."""

SPREAD = 2000
"""Tags, of all images, that are asked for."""

RELOADS = 10
PAUSES, WINDOW = 3, 2.5
"""Of so many seconds each; a reload takes less."""

PAUSE = 0.002


@dataclass(frozen=True)
class Cost:
    """Of an index of so many images: seconds of CPU, and bytes. `patience` is seconds from start to first answer."""

    images: int
    patience: float
    start: float
    resident: int
    lookup: float
    reload: float
    reload_of_one: float


def tags(folder: Path, count: int | None = None) -> list[str]:
    """Paths of known tags, in any order: `count` spread over all images, or every one."""
    chance = random.Random(0)
    found: list[str] = []
    images = list(json.loads((folder / "index.json").read_text())["images"])
    for name in images:
        known = list(json.loads((folder / name / "index.json").read_text())["tags"])
        of_image = known if count is None else chance.sample(known, count // len(images))
        found += (f"/v2/{name}/manifests/{tag}" for tag in of_image)
    chance.shuffle(found)
    return found


def rewrite(folder: Path, names: Iterable[str]) -> None:
    """Other files, with a byte more or less, that say the same: nothing of them can be taken over from before."""
    for name in names:
        path = folder / name / "index.json"
        body = path.read_bytes()
        new = path.with_suffix(".new")
        new.write_bytes(body[:-1] if body.endswith(b"\n\n") else body + b"\n")
        new.replace(path)


def reload(worker: Worker) -> float:
    """CPU time until another index is in use, in seconds."""
    with httpx.Client(base_url=f"http://{worker.host}") as client:

        def taken() -> str:
            lines = client.get("/metrics").text.splitlines()
            return next(
                (line for line in lines if line.startswith('reverse_registry_index_reloads_total{result="t')), ""
            )

        before, used = taken(), worker.cpu
        os.kill(worker.process, signal.SIGHUP)
        while taken() == before:
            time.sleep(0.05)
        return worker.cpu - used


def slowest(generator: Generator, worker: Worker, paths: Sequence[str], meanwhile: Callable[[], object]) -> float:
    """Seconds that the slowest of many requests took, while something else went on."""
    generator.start(Order(worker.port, "HEAD", paths, WINDOW, 8, PAUSE))
    time.sleep(0.3)
    meanwhile()
    result = generator.result()
    assert set(result.statuses) == {"200"}, result
    assert not result.broken
    return result.slowest


def lookup(generator: Generator, worker: Worker, paths: Sequence[str]) -> tuple[Result, float]:
    return burst(generator, worker, Order(worker.port, "HEAD", paths, 0.4), 200)


def measure(generator: Generator, folder: Path, images: int) -> Cost:
    with server(folder) as worker:
        paths = tags(folder, SPREAD)
        httpx.head(f"http://{worker.host}{paths[0]}").raise_for_status()
        start, resident = worker.cpu, worker.resident
        lookups = [lookup(generator, worker, paths)[1] for _ in range(4)][1:]
        rewrite(folder, ["image-0001"])
        of_one = reload(worker)
        rewrite(folder, (f"image-{number:04}" for number in range(images)))
        of_all = reload(worker)
        return Cost(images, worker.seconds, start, resident, statistics.median(lookups) / 1e6, of_all, of_one)


def tell(cost: Cost) -> None:
    start = f"start {cost.start:.2f} s of CPU ({cost.patience:.2f} by the clock), {cost.resident / 1e6:.0f} MB"
    reloads = f"reload {cost.reload:.2f} s of CPU, of one image {cost.reload_of_one:.2f}"
    print(f"{cost.images:>5} images: {start}, lookup {1e6 * cost.lookup:.1f} µs, {reloads}", flush=True)


def lookups(generator: Generator, small: Path, large: Path) -> None:
    """The same number of tags of each; then all tags of the large one, far more than are kept prepared."""
    with server(small) as few, server(large) as many:
        paths = tags(small, SPREAD), tags(large, SPREAD)
        pairs = [(lookup(generator, many, paths[1]), lookup(generator, few, paths[0])) for _ in range(9)][1:]
        print(ratio(f"lookups of {SPREAD} tags, rate", ((ours[0].rate, few[0].rate) for ours, few in pairs)))
        print(ratio("  by CPU time", ((few[1], ours[1]) for ours, few in pairs)))
        figure = statistics.median(few[1] / ours[1] for ours, few in pairs)
        bars.at_least(0.9, figure, "lookups in the largest index, of those with ten images, by CPU time")
        every = tags(large)
        cost = statistics.median(lookup(generator, many, every)[1] for _ in range(5))
        print(f"lookups of all {len(every)} tags in any order: {cost:.1f} µs of CPU each")


def pauses(generator: Generator, folder: Path, images: int) -> None:
    """What requests in flight feel of reloads, and what memory those leave behind."""
    everything = [f"image-{number:04}" for number in range(images)]
    with server(folder) as worker:
        paths = tags(folder, SPREAD)

        def reloaded(names: Sequence[str]) -> float:
            rewrite(folder, names)
            return slowest(generator, worker, paths, lambda: reload(worker))

        ran = {
            "nothing else (baseline)": [slowest(generator, worker, paths, lambda: None) for _ in range(PAUSES)],
            "reloads, one image changed": [reloaded(everything[:1]) for _ in range(PAUSES)],
            "reloads, every image changed": [reloaded(everything) for _ in range(PAUSES)],
        }
        print("slowest of 8 times 500 requests a second, in ms, during")
        for name, pauses in ran.items():
            print(f"  {name:<30} {', '.join(f'{1000 * each:.1f}' for each in pauses)}")
        longest = statistics.median(ran["reloads, every image changed"])
        bars.at_most(50, 1000 * longest, f"longest pause in a reload, in ms, median of {PAUSES}")
        resident = [worker.resident]
        for _ in range(RELOADS):
            rewrite(folder, everything)
            reload(worker)
            resident.append(worker.resident)
        shown = ", ".join(f"{each / 1e6:.0f}" for each in resident)
        print(f"resident after reloads of every image, in MB: {shown}")
        bars.at_most(1.02, resident[-1] / resident[0], f"memory after {RELOADS} more reloads, of that before")


def plot(costs: Sequence[Cost], path: Path) -> None:
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "scale", "font.size": 9}
    figure = Figure(figsize=(10, 3), layout="constrained")
    builds = [BUILDS * cost.images / 1000 for cost in costs]
    start, memory, lookup = figure.subplots(1, 3)
    start.plot(builds, [cost.start for cost in costs], "o-", label="start")
    start.plot(builds, [cost.reload for cost in costs], "s-", label="reload, every image changed")
    start.plot(builds, [cost.reload_of_one for cost in costs], "^-", label="reload, one image changed")
    start.set(title="Start and reload", ylabel="seconds of CPU")
    memory.plot(builds, [cost.resident / 1e6 for cost in costs], "o-")
    memory.set(title="Memory after the start", ylabel="MB")
    lookup.plot(builds, [1e6 * cost.lookup for cost in costs], "o-")
    lookup.set(title="HEAD of a known tag", ylabel="µs of CPU")
    for each in (start, memory, lookup):
        each.set_xlabel("thousand builds")
        each.set_ylim(0, 1.3 * each.get_ylim()[1])
        each.grid(alpha=0.3)
    start.legend(loc="upper left")
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--plot", type=Path, help="where to draw the costs, as SVG")
    given = parser.parse_args()
    print(facts("uvicorn", "msgspec"))
    with tempfile.TemporaryDirectory() as name, generating() as generator:
        costs = []
        for images in SIZES:
            Synthetic(images, images * BUILDS).write(Path(name) / str(images))
            costs.append(measure(generator, Path(name) / str(images), images))
            tell(costs[-1])
        few, many = costs[0], costs[-1]
        bars.at_most(3, many.start, f"seconds of CPU to start with {many.images} images")
        bars.at_most(400, many.resident / 1e6, "MB resident then")
        lookups(generator, Path(name) / str(few.images), Path(name) / str(many.images))
        pauses(generator, Path(name) / str(many.images), many.images)
    if given.plot:
        plot(costs, given.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
