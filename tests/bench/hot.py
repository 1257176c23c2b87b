"""The hot path beside a bare ASGI callable that gives the same answers: `python -m tests.bench.hot`.

One worker on one core, the load generator on the other; short pairs, alternating. A rate suffers from all else that
the machine does; the CPU time of a request does so less, that of the cheaper bursts least. All are shown, and bars are
held against the last.
"""

import base64
import http.client
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.bench import bars, rivals
from tests.bench.load import ACCEPT, Generator, Order, burst, generating
from tests.bench.machine import facts, ratio
from tests.bench.worker import ASKING, Worker, server, uvicorn
from tests.clients.serving import recorded
from tests.upstream import ExampleUpstream

PAIRS, SECONDS = 11, 0.3
FEWER = 5
TAG_BAR, MANIFEST_BAR = 0.93, 0.8
CACHE_BAR = round(2 * 52 / 44, 2)
"""Twice the rate of archeio's redirects: where it made 52,000 a second, this server made 44,000."""


@dataclass(frozen=True)
class Ask:
    """A request, sent again and again, and the status that its answer has."""

    method: str
    path: str
    status: int


@dataclass(frozen=True)
class Pair:
    """`rate` is ours over the baseline's, `cpu` the baseline's over ours: both are better when larger."""

    rate: float
    cpu: float
    ours: float
    baseline: float


def cheap(spent: Iterable[float]) -> float:
    """The lower quartile: what else a machine does only adds to CPU time, and one lucky burst is no measure."""
    return statistics.quantiles(spent, n=4)[0]


def by_cheap(ran: Sequence[Pair]) -> float:
    """The baseline's CPU time over ours."""
    return cheap(each.baseline for each in ran) / cheap(each.ours for each in ran)


class Course:
    """Where the pairs are run."""

    def __init__(self, generator: Generator, connections: int = 32, seconds: float = SECONDS) -> None:
        self._generator = generator
        self._connections = connections
        self._seconds = seconds

    def run(self, name: str, ours: tuple[Worker, Ask], theirs: tuple[Worker, Ask], pairs: int = PAIRS) -> float:
        """Prints the ratios, and gives that of the CPU time."""
        ran = self.pairs(ours, theirs, pairs)
        ours_cpu, baseline_cpu = cheap(each.ours for each in ran), cheap(each.baseline for each in ran)
        print(ratio(name, ((each.rate, 1.0) for each in ran)))
        by_cpu = ratio("  by CPU time of a request", ((each.cpu, 1.0) for each in ran))
        print(f"{by_cpu}; {by_cheap(ran):.2f} by lower quartiles, {ours_cpu:.1f} to {baseline_cpu:.1f} µs", flush=True)
        return by_cheap(ran)

    def pairs(self, ours: tuple[Worker, Ask], theirs: tuple[Worker, Ask], count: int) -> list[Pair]:
        """The first is not counted."""
        return [self._pair(ours, theirs) for _ in range(1 + count)][1:]

    def _pair(self, ours: tuple[Worker, Ask], theirs: tuple[Worker, Ask]) -> Pair:
        rate, cpu = self._burst(*ours)
        baseline_rate, baseline_cpu = self._burst(*theirs)
        return Pair(rate / baseline_rate, baseline_cpu / cpu, cpu, baseline_cpu)

    def _burst(self, worker: Worker, ask: Ask) -> tuple[float, float]:
        order = Order(worker.port, ask.method, [ask.path], self._seconds, self._connections)
        result, cpu = burst(self._generator, worker, order, ask.status)
        return result.rate, cpu


class Hot:
    """The servers of one run: `served` is the one that is measured."""

    def __init__(self, stack: ExitStack, upstream: ExampleUpstream, folder: Path) -> None:
        self.index = recorded(folder / "index", upstream, nginx="nginx")
        digest = json.loads((self.index / "nginx" / "index.json").read_text())["tags"]["1.27.4"]
        self.head = Ask("HEAD", "/v2/nginx/manifests/1.27.4", 200)
        self.get = Ask("GET", "/v2/nginx/manifests/1.27.4", 307)
        self.manifest = Ask("GET", f"/v2/nginx/manifests/{digest}", 200)
        self.tags = Ask("GET", "/v2/nginx/tags/list", 200)
        self.version = Ask("GET", "/v2/", 200)
        self._stack, self._folder, self._upstream = stack, folder, upstream
        self.served = stack.enter_context(server(self.index))
        self._get(self.served, self.manifest)
        generator = stack.enter_context(generating())
        self.course = Course(generator)
        self.fleet = Course(generator, connections=128)
        self.long = Course(generator, seconds=2.0)

    def bare(self, ask: Ask, logs: bool = False) -> Worker:
        """A bare callable that gives the answer that our server gives."""
        file = self._folder / "answer.json"
        _record(self.served.host, ask, file)
        environment = {"BARE_ANSWER": str(file)}
        return self._stack.enter_context(uvicorn("tests.bench.bare:app", logs=logs, environment=environment))

    def against_bare(self) -> None:
        self._against_bare("HEAD a known tag", self.head, TAG_BAR)
        self._against_bare("GET a known tag", self.get, TAG_BAR)
        self._against_bare("GET a manifest in memory", self.manifest, MANIFEST_BAR)
        self.course.run("GET a list of tags", (self.served, self.tags), (self.bare(self.tags), self.tags))
        self.course.run("GET /v2/", (self.served, self.version), (self.bare(self.version), self.version))

    def _against_bare(self, name: str, ask: Ask, bar: float) -> None:
        bars.at_least(bar, self.course.run(name, (self.served, ask), (self.bare(ask), ask)), f"{name}, of bare")

    def with_the_log(self) -> None:
        logged = self._stack.enter_context(server(self.index, logs=True))
        for name, logs in (("HEAD with our log, bare without one", False), ("HEAD, each with its own log", True)):
            self.course.run(name, (logged, self.head), (self.bare(self.head, logs), self.head), FEWER)

    def through_the_cache(self) -> None:
        """Of nginx.conf, beside what is behind it. Fewer connections would leave it idle between two requests."""
        cache = self._stack.enter_context(rivals.nginx_cache(self.served.host))
        asks = {"HEAD a known tag": self.head, "GET a known tag": self.get, "GET a manifest": self.manifest}
        for name, ask in asks.items():
            figure = self.fleet.run(f"{name}, through the cache", (cache, ask), (self.served, ask))
            bars.at_least(CACHE_BAR, figure, f"{name} through the cache, of this server")

    def against_others(self) -> None:
        nginx = self._stack.enter_context(rivals.nginx_map(self.index))
        for name, ask in (("HEAD a known tag, to nginx", self.head), ("GET a known tag, to nginx", self.get)):
            self.course.run(name, (self.served, ask), (nginx, ask), FEWER)
        registry = self._stack.enter_context(rivals.docker_registry(self._upstream.url))
        path = self.manifest.path.replace("/v2/nginx", "/v2/chainguard/nginx")
        theirs = Ask("GET", path, 200)
        self._get(registry, theirs)
        self.long.run("GET a manifest, to docker-registry", (self.served, self.manifest), (registry, theirs), FEWER)
        tag = Ask("HEAD", "/v2/chainguard/nginx/manifests/latest", 200)
        self.long.run("HEAD a tag, to docker-registry (asks on)", (self.served, self.head), (registry, tag), FEWER)

    def two_workers(self) -> None:
        """With the load generator on the same two cores: CPU time tells what cores of their own would give."""
        generator = self._stack.enter_context(generating(core=None))
        one = self._stack.enter_context(server(self.index, core=None))
        two = self._stack.enter_context(server(self.index, "--workers", "2", core=None))
        course = Course(generator, connections=64)
        pairs = course.pairs((two, self.head), (one, self.head), FEWER)
        print(ratio("2 workers to 1, all on the same cores", ((each.rate, 1.0) for each in pairs)))
        bars.at_least(1.8, 2 * by_cheap(pairs), "2 workers to 1, had each a core of its own (from CPU time)")

    def wrk(self) -> None:
        """wrk, for who would rather believe that."""
        bare = self.bare(self.get)
        pairs = [(_wrk(self.served, self.get), _wrk(bare, self.get)) for _ in range(FEWER)]
        print(ratio("GET a known tag, by wrk", pairs), flush=True)

    @staticmethod
    def _get(worker: Worker, ask: Ask) -> None:
        httpx.get(f"http://{worker.host}{ask.path}", headers={"Accept": ACCEPT}).raise_for_status()


def _record(host: str, ask: Ask, file: Path) -> None:
    """Keeps our server's answer for the bare callable to give, but for what uvicorn adds."""
    connection = http.client.HTTPConnection(host)
    connection.request(ask.method, ask.path)
    answer = connection.getresponse()
    body = base64.b64encode(answer.read()).decode()
    connection.close()
    headers = [each for each in answer.getheaders() if each[0].lower() not in ("date", "server")]
    file.write_text(json.dumps({"status": answer.status, "headers": headers, "body": body}))


def _wrk(worker: Worker, ask: Ask) -> float:
    """Requests a second."""
    url = f"http://{worker.host}{ask.path}"
    command = ["taskset", "--cpu-list", str(ASKING), "wrk", "-t1", "-c32", "-d1s", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if not found or "Non-2xx" in output:
        raise RuntimeError(output)
    return float(found[1])


def main() -> int:
    needed = ("taskset", "wrk", "nginx", "docker-registry")
    if missing := [program for program in needed if shutil.which(program) is None]:
        print(f"tests.bench.hot: {', '.join(missing)}: not installed", file=sys.stderr)
        return 1
    print(facts("uvicorn", "uvloop", "httptools"))
    print(f"baseline: a bare ASGI callable, the same answer; {PAIRS} pairs of {SECONDS} s, 32 connections", flush=True)
    with ExitStack() as stack:
        upstream = stack.enter_context(ExampleUpstream())
        hot = Hot(stack, upstream, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        hot.against_bare()
        hot.wrk()
        hot.with_the_log()
        hot.through_the_cache()
        hot.against_others()
        hot.two_workers()
    return 0


if __name__ == "__main__":
    sys.exit(main())
