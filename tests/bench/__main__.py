"""`make bench`: requests a second of the hot path, as a ratio to a bare ASGI callable on the same uvicorn."""

import contextlib
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator

import uvicorn

from tests.clients.conftest import free_port, wait_for
from tests.example import INDEX, ROOT

PAIRS, SECONDS, CONNECTIONS = 7, 3, 32
PATHS = {
    "GET a known tag": "/v2/example/nginx/manifests/1.27.4",
    "GET /v2/": "/v2/",
}


@contextlib.contextmanager
def serving(app: str) -> Iterator[str]:
    """One worker on the first core; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "error", "--no-access-log"]
    environment = {**os.environ, "REVERSE_REGISTRY_INDEX": str(INDEX)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def rate(url: str) -> float:
    """Requests a second, asked for from the last core."""
    core = str(max(os.sched_getaffinity(0)))
    command = ["taskset", "-c", core, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if not found or "Non-2xx" in output:
        raise RuntimeError(output)
    return float(found[1])


def main() -> int:
    if missing := [program for program in ("wrk", "taskset") if shutil.which(program) is None]:
        print(f"make bench: {' and '.join(missing)} not installed", file=sys.stderr)
        return 1
    versions = f"Python {platform.python_version()}, uvicorn {uvicorn.__version__}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}")
    print(
        f"{PAIRS} pairs of {SECONDS} s, {CONNECTIONS} connections; baseline: a bare ASGI callable with five headers\n"
    )
    with serving("tests.bench.bare:app") as bare, serving("server.app:app") as served:
        for name, path in PATHS.items():
            pairs = [(rate(served + path), rate(bare + path)) for _ in range(PAIRS)]
            ratios = sorted(ours / theirs for ours, theirs in pairs)
            middle = statistics.median(ratios)
            print(f"{name:<18} {middle:.2f} of the baseline (median; {ratios[0]:.2f} to {ratios[-1]:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
