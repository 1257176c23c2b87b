"""Whole pulls, through the server and past it: `python -m tests.bench.pull`.

The baseline is the same client pulling the same image from the example upstream itself. The clients are skopeo and one
that does no more than it must, one request after the other; that one also pulls through docker-registry, to compare
(skopeo's parallel requests make Debian's break off many a first pull). Latency is added to every answer of the upstream
and of its CDN; connections cost none.
"""

import contextlib
import http.client
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import bars, rivals
from tests.bench.load import ACCEPT
from tests.bench.machine import facts
from tests.bench.worker import server
from tests.clients.client import Skopeo
from tests.clients.serving import recorded
from tests.upstream import ExampleUpstream, Fault, Hang
from tests.upstream.requests import Request

ROUNDS = {0: 5, 50: 3}
"""Of each latency in milliseconds."""

DIRECT, COLD, WARM = "direct", "cold", "warm"
KINDS = ("refused", "token", "manifest", "blob", "CDN")

_challenge = re.compile(r'(\w+)="([^"]*)"').findall


class Scripted:
    """Asks for the digest of the tag, then for what that needs: the least that a client does."""

    def __init__(self) -> None:
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._token = ""

    def pull(self, reference: str) -> None:
        """Pulls `host/name:tag`, for linux/amd64."""
        host, _, rest = reference.partition("/")
        name, _, tag = rest.rpartition(":")
        at = f"http://{host}/v2/{name}"
        digest = self._ask("HEAD", f"{at}/manifests/{tag}")[0]["Docker-Content-Digest"]
        index = json.loads(self._ask("GET", f"{at}/manifests/{digest}")[1])
        child = next(each for each in index["manifests"] if each["platform"]["architecture"] == "amd64")
        manifest = json.loads(self._ask("GET", f"{at}/manifests/{child['digest']}")[1])
        for each in (manifest["config"], *manifest["layers"]):
            body = self._ask("GET", f"{at}/blobs/{each['digest']}")[1]
            assert len(body) == each["size"]

    def _ask(self, method: str, url: str) -> tuple[http.client.HTTPMessage, bytes]:
        status, headers, body = self._send(method, url, self._token)
        if status == 401:
            fields = dict(_challenge(headers["WWW-Authenticate"]))
            target = f"{fields['realm']}?service={fields['service']}&scope={fields['scope']}"
            self._token = json.loads(self._send("GET", target)[2])["token"]
            status, headers, body = self._send(method, url, self._token)
        if status == 307:
            status, headers, body = self._send(method, headers["Location"])
        assert status == 200, f"{method} {url}: {status}"
        return headers, body

    def _send(self, method: str, url: str, token: str = "") -> tuple[int, http.client.HTTPMessage, bytes]:
        parts = urlsplit(url)
        connection = self._connections.setdefault(parts.netloc, http.client.HTTPConnection(parts.netloc))
        headers = {"Accept": ACCEPT} | ({"Authorization": f"Bearer {token}"} if token else {})
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


def scripted(reference: str) -> None:
    with contextlib.closing(Scripted()) as client:
        client.pull(reference)


def skopeo(reference: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Skopeo(folder=Path(folder)).pull(reference, *Skopeo.plain)


@dataclass(frozen=True)
class Cost:
    """Of one pull; `calls` are those that the upstream and its CDN saw, by kind."""

    seconds: float
    calls: Counter[str]


def kind(request: Request) -> str:
    if request.side == "cdn":
        return "CDN"
    if request.status == 401:
        return "refused"
    kinds = {"/token": "token", "/manifests/": "manifest", "/blobs/": "blob"}
    return next((name for part, name in kinds.items() if part in request.path), "other")


class Course:
    """Pulls of one image with a client, by every way."""

    def __init__(self, upstream: ExampleUpstream, index: Path, pull: Callable[[str], None]) -> None:
        self._upstream = upstream
        self._index = index
        self._pull = pull
        self._costs: dict[str, list[Cost]] = {}

    def round(self) -> None:
        self._run(DIRECT, self._upstream.repository("nginx") + ":latest")
        with server(self._index, core=None) as ours:
            for way in (COLD, WARM):
                self._run(way, f"localhost:{ours.port}/nginx:1.29.1")
        if self._pull is skopeo:
            return
        with rivals.docker_registry(self._upstream.url, core=None) as registry:
            for way in (COLD, WARM):
                self._run(f"docker-registry {way}", f"localhost:{registry.port}/chainguard/nginx:latest")

    def _run(self, way: str, reference: str) -> None:
        self._upstream.requests.clear()
        began = time.perf_counter()
        self._pull(reference)
        spent = time.perf_counter() - began
        self._costs.setdefault(way, []).append(Cost(spent, Counter(map(kind, self._upstream.requests))))

    def tell(self) -> None:
        for way, costs in self._costs.items():
            ratios = sorted(cost.seconds / each.seconds for cost, each in zip(costs, self._costs[DIRECT], strict=True))
            calls = ", ".join(f"{count} {name}" for name in KINDS if (count := costs[-1].calls[name]))
            print(
                f"  {way:<22} {1000 * self.seconds(way):>5.0f} ms, {statistics.median(ratios):.2f} of direct "
                f"({ratios[0]:.2f} to {ratios[-1]:.2f}); {costs[-1].calls.total():>2} calls: {calls}",
                flush=True,
            )

    def seconds(self, way: str) -> float:
        return statistics.median(cost.seconds for cost in self._costs[way])

    def calls(self, way: str) -> Counter[str]:
        return self._costs[way][-1].calls


@contextlib.contextmanager
def latency(upstream: ExampleUpstream, milliseconds: int) -> Iterator[None]:
    if milliseconds:
        upstream.inject(Fault(Hang(milliseconds / 1000), times=None))
    yield
    upstream.faults.clear()


def main() -> int:
    if missing := [program for program in ("skopeo", "docker-registry") if shutil.which(program) is None]:
        print(f"tests.bench.pull: {', '.join(missing)}: not installed", file=sys.stderr)
        return 1
    print(facts("httpx"))
    with ExampleUpstream() as upstream, tempfile.TemporaryDirectory() as folder:
        index = recorded(Path(folder) / "index", upstream, nginx="nginx")
        for milliseconds, rounds in ROUNDS.items():
            for name, pull in {"scripted": scripted, "skopeo": skopeo}.items():
                print(f"{name}, {milliseconds} ms, median of {rounds}")
                course = Course(upstream, index, pull)
                with latency(upstream, milliseconds):
                    for _ in range(rounds):
                        course.round()
                course.tell()
                if milliseconds:
                    beyond = 1000 * (course.seconds(COLD) - course.seconds(DIRECT)) / milliseconds
                    bars.at_most(1, beyond, f"{name}, cold: round trips beyond direct, from the time")
                else:
                    beyond = course.calls(COLD).total() - course.calls(DIRECT).total()
                    bars.at_most(1, beyond, f"{name}, cold: calls beyond direct")
                    fewer = course.calls(DIRECT)["manifest"] - course.calls(WARM)["manifest"]
                    bars.at_least(1, fewer, f"{name}, warm: calls for manifests fewer than direct")
    return 0


if __name__ == "__main__":
    sys.exit(main())
