"""Refreshes that have bad luck, or are killed: `python -m tests.bench.faults`.

The baseline is a run that nothing disturbs: its bytes, which every other run has to end with, and its time.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.check import check
from generator.images import load
from generator.record.store import Store
from generator.refresh import Refresh
from generator.upstream import Limits
from tests.bench.machine import facts, ratio
from tests.example import ROOT
from tests.upstream import Answer, ExampleUpstream, Fault, Hang, Reset, Truncate

IMAGES = ("nginx", "python", "postgres")
LIMITS = Limits(connect=2, read=0.4, attempts=12, backoff=0.01)
ACTIONS = (Answer(429, {"Retry-After": "0"}), Answer(503), Reset(), Truncate(9), Hang(30))
SHARE = 0.2


@dataclass(frozen=True)
class Bench:
    """`folder` holds an index for each run."""

    upstream: ExampleUpstream
    folder: Path

    def begin(self, name: str) -> Path:
        index = self.folder / name
        shutil.rmtree(index, ignore_errors=True)
        index.mkdir()
        tables = "".join(f'[images.{image}]\nsince = "always"\n' for image in IMAGES)
        (index / "images.toml").write_text(f'upstream = "{self.upstream.host}/chainguard"\n{tables}')
        return index

    def refresh(self, index: Path) -> float:
        """Gives the seconds that it took; raises `RuntimeError` where an image failed."""
        began = time.perf_counter()
        run = Refresh(Store(index), load(index / "images.toml"), LIMITS, 16)
        if errors := [error for outcome in run.run() for error in outcome.errors]:
            raise RuntimeError(errors)
        return time.perf_counter() - began


def content(index: Path) -> dict[str, bytes]:
    return {str(path.relative_to(index)): path.read_bytes() for path in sorted(index.rglob("*")) if path.is_file()}


def unlucky(bench: Bench, seeds: int) -> Iterator[str]:
    """Bad luck with a fifth of all requests."""
    each = 1 - (1 - SHARE) ** (1 / len(ACTIONS))
    pairs = []
    statuses: Counter[str] = Counter()
    for seed in range(seeds):
        expected = bench.begin("clean")
        clean = bench.refresh(expected)
        index = bench.begin("unlucky")
        bench.upstream.faults.seed(seed)
        bench.upstream.inject(*(Fault(action, probability=each, times=None) for action in ACTIONS))
        bench.upstream.requests.clear()
        pairs.append((bench.refresh(index), clean))
        bench.upstream.faults.clear()
        statuses.update(str(request.status) for request in bench.upstream.requests)
        assert content(index) == content(expected), f"seed {seed} ended with other bytes"
    yield f"{seeds} runs, faults in {SHARE:.0%} of {statuses.total()} requests: all ended with the clean run's bytes"
    yield f"answers: {', '.join(f'{count} x {status}' for status, count in statuses.most_common())}"
    yield ratio("time with faults", pairs)


def killed(bench: Bench, moments: int, seed: int) -> Iterator[str]:
    """SIGKILL at a random moment of a refresh, as a command; then `check`, and a refresh that is let live."""
    chance = random.Random(seed)
    expected = bench.begin("clean")
    bench.refresh(expected)
    words = [sys.executable, "-m", "generator", "refresh", "--index"]
    began = time.perf_counter()
    subprocess.run([*words, bench.begin("whole")], cwd=ROOT, check=True, capture_output=True)
    whole = time.perf_counter() - began
    seen: Counter[str] = Counter()
    while seen["killed"] < moments:
        index = bench.begin("killed")
        process = subprocess.Popen([*words, index], cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.5 * whole, whole))
        process.kill()
        if process.wait() == 0:
            seen["was done already"] += 1
            continue
        seen["killed"] += 1
        seen["with a file half written"] += any(index.rglob(".*"))
        seen["with some images recorded"] += 0 < len(list(index.glob("*/index.json"))) < len(IMAGES)
        seen["before anything was recorded"] += not list(index.glob("*/index.json"))
        seen["while pages were written"] += bool(list(index.glob("*/README.md"))) and not (index / "README.md").exists()
        problems = [finding for finding in check(index) if not finding.is_note]
        assert not problems, problems
        bench.refresh(index)
        assert content(index) == content(expected), "the next refresh ended with other bytes"
    yield f"a whole refresh takes {whole:.2f} s; of those killed: {dict(seen)}"
    yield "`check` found no problem in any, and the next refresh ended with the clean run's bytes each time"


def full(bench: Bench) -> Iterator[str]:
    """A file system without room; needs root."""
    index = bench.begin("full")
    text = (index / "images.toml").read_text()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "none", index], check=False, capture_output=True
    )
    if mounted.returncode:
        yield "disk full: not tried, a file system cannot be mounted here"
        return
    try:
        (index / "images.toml").write_text(text)
        command = [sys.executable, "-m", "generator", "refresh", "--index", str(index)]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        problems = [finding for finding in check(index) if not finding.is_note]
        yield f"disk full: exit {done.returncode}, {done.stderr.strip()!r}; check finds {len(problems)} problems"
        assert (done.returncode, problems) == (1, [])
    finally:
        subprocess.run(["umount", index], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--moments", type=int, default=50)
    given = parser.parse_args()
    print(facts("oras"))
    with ExampleUpstream() as upstream, tempfile.TemporaryDirectory() as name:
        bench = Bench(upstream, Path(name))
        for lines in (unlucky(bench, given.seeds), killed(bench, given.moments, seed=0), full(bench)):
            for line in lines:
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
