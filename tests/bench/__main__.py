"""
`make bench`: every benchmark in turn, or those that are named, and at the end what each bar was held against.

Options are for the ones named: `python -m tests.bench soak --minutes 10`.
"""

import argparse
import subprocess
import sys
import time

from tests.bench.bars import MET, MISSED
from tests.example import ROOT

SERVER = ("hot", "pull", "scale", "reloads", "fleet")
GENERATOR = ("refresh", "first", "growth", "faults", "trust", "site")
NAMED = ("cost", "soak")
"""Run only if named: a profile, and ten minutes."""


def run(name: str, options: list[str]) -> list[str]:
    """Runs it, its output shown as it comes; gives the lines with bars, or that it failed."""
    command = [sys.executable, "-u", "-m", f"tests.bench.{name}", *options]
    said: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            said.append(line.rstrip("\n"))
    bars = [line for line in said if line.startswith((MET, MISSED))]
    return bars if process.returncode == 0 else [*bars, f"{MISSED} {name} ended with status {process.returncode}"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join((*SERVER, *GENERATOR, *NAMED)))
    given, options = parser.parse_known_args()
    if options and not given.names:
        parser.error(f"name the benchmark that {' '.join(options)} is for")
    if unknown := set(given.names) - {*SERVER, *GENERATOR, *NAMED}:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    bars: list[str] = []
    for name in given.names or (*SERVER, *GENERATOR):
        print(f"\n## {name}\n", flush=True)
        began = time.monotonic()
        bars += run(name, options)
        print(f"\n{name} took {time.monotonic() - began:.0f} s", flush=True)
    print("\n## bars\n")
    print("\n".join(bars))
    return int(any(line.startswith(MISSED) for line in bars))


if __name__ == "__main__":
    sys.exit(main())
