"""Servers being measured, each a process: what they cost, and one core for them and the other for who asks."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.clients.processes import daemon, free_port, listens, wait_until
from tests.example import ROOT

SERVING, ASKING = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Worker:
    """A running server and the processes that it started; `seconds` passed from its start to its first answer."""

    process: int
    port: int
    log: Path
    seconds: float = 0.0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cpu(self) -> float:
        """Seconds used so far, by all threads that still run."""
        tasks = (task for each in self.processes() for task in Path(f"/proc/{each}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        pages = (int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in self.processes())
        return sum(pages) * os.sysconf("SC_PAGESIZE")

    @property
    def descriptors(self) -> int:
        return sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in self.processes())

    @property
    def threads(self) -> int:
        return sum(len(list(Path(f"/proc/{each}/task").iterdir())) for each in self.processes())

    def processes(self) -> list[int]:
        found, waiting = list[int](), [self.process]
        while waiting:
            found.append(waiting.pop())
            children = Path(f"/proc/{found[-1]}/task/{found[-1]}/children").read_text()
            waiting += map(int, children.split())
        return found


@contextlib.contextmanager
def program(
    port: int,
    *command: str | Path,
    core: int | None = None,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Worker]:
    """Runs what listens at `port`, on one core or wherever the system likes."""
    pinned = () if core is None else ("taskset", "--cpu-list", str(core))
    with tempfile.TemporaryDirectory() as folder:
        log = log or Path(folder) / "log"
        began = time.perf_counter()
        with daemon(log, *pinned, *command, cwd=cwd, environment=environment) as process:
            wait_until(lambda: listens(port), process, log)
            yield Worker(process.pid, port, log, time.perf_counter() - began)


@contextlib.contextmanager
def uvicorn(
    app: str,
    *options: str,
    core: int | None = SERVING,
    logs: bool = False,
    environment: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Worker]:
    """`logs`: whether the access log is written, to /dev/null."""
    port = free_port()
    silent = () if logs else ("--no-access-log",)
    command = (sys.executable, "-m", "uvicorn", app, "--port", str(port), *silent, *options)
    log = Path(os.devnull) if logs else None
    with program(port, *command, core=core, log=log, environment=environment, cwd=cwd) as worker:
        yield worker


@contextlib.contextmanager
def server(
    index: Path, *options: str, core: int | None = SERVING, logs: bool = False, checkout: Path = ROOT, **settings: str
) -> Iterator[Worker]:
    """Ours, over an index folder; of another `checkout`, to compare."""
    environment = {"REVERSE_REGISTRY_INDEX": str(index), **settings}
    with uvicorn("server.app:app", *options, core=core, logs=logs, environment=environment, cwd=checkout) as worker:
        yield worker
