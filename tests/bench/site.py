"""What the site of an index takes: `python -m tests.bench.site`, and its search data.

The baseline is a plain copy of the same files, one after the other. CPU time is that of all processes.
"""

import argparse
import gzip
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import bars
from tests.bench.machine import facts
from tests.bench.synthetic import Synthetic
from tests.example import ROOT

CPU_OF_A_BUILD = 4.0
MEMORY = 600.0
FIRST_ANSWER = 200.0


def make(index: Path, site: Path) -> tuple[float, float]:
    """Seconds by the clock and of CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "generator", "site", str(site), "--index", str(index)]
    print(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout, end="")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def copy(site: Path, target: Path) -> float:
    began = time.process_time()
    shutil.copytree(site, target)
    return time.process_time() - began


def packed(*paths: Path) -> float:
    """Kilobytes as a host sends them."""
    return sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths) / 1000


def largest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.stat().st_size)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.site", description=__doc__)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--builds", type=int, default=12_000, help="of all images together")
    given = parser.parse_args()
    print(facts("jinja2"))
    with tempfile.TemporaryDirectory() as name:
        index, site = Path(name) / "index", Path(name) / "site"
        Synthetic(given.images, given.builds).write(index)
        clock, cpu = make(index, site)
        again, cpu_again = make(index, site)
        files = [path for path in site.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        copied = copy(site, Path(name) / "copy")
        print(f"first {clock:.1f} s, {cpu / copied:.1f} times the CPU of a copy", end="; ")
        print(f"again {again:.1f} s, {cpu_again / cpu:.2f} of the CPU of the first")
        print(f"{len(files)} files, {size / 1e6:.0f} MB: {size / given.builds / 1000:.1f} kB a build")
        search = site / "-" / "search"
        always = search / "images.json", search / "packages.json"
        print(
            f"search, packed: images and names of packages {packed(*always):.1f} kB, and of each kind the largest file:"
        )
        for kind in ("versions", "digests", "packages"):
            shards = list((search / kind).iterdir())
            print(
                f"  {kind}: {packed(largest(search / kind)):.1f} kB of {packed(*shards):.0f} kB in {len(shards)} files"
            )
        bars.at_most(CPU_OF_A_BUILD, 1000 * cpu / given.builds, "ms of CPU a build")
        bars.at_most(MEMORY, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000, "MB in the largest process")
        kinds = (largest(search / kind) for kind in ("versions", "digests", "packages"))
        bars.at_most(FIRST_ANSWER, packed(*always, *kinds), "kB packed for the first answer at worst")
    return 0


if __name__ == "__main__":
    sys.exit(main())
