"""Mixed traffic at a bounded rate: what clients, browsers, crawlers and people who give up ask a registry for."""

import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.bench.worker import Worker
from tests.upstream import ExampleUpstream, blob

AWAY = frozenset({429, 502, 503, 504})
"""What the server says of an upstream that fails."""

PAGES = ("/", "/index/index.json", "/index/nginx/index.json", "/metrics")
LARGE = 2 << 20

Visit = Callable[[], Awaitable[None]]


class FailedError(Exception):
    """An answer that should not have been."""


@dataclass
class Traffic:
    """
    `rate` is in visits a second. With `is_away`, answers that blame the upstream are no failures.

    The index has nginx of the example upstream. `visits` and `failures` count by kind.
    """

    worker: Worker
    upstream: ExampleUpstream
    index: Path
    rate: float
    is_away: bool = False
    visitors: int = 12
    visits: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(0)
        self._document = (self.index / "nginx" / "index.json").read_text()
        self._tags: dict[str, str] = json.loads(self._document)["tags"]
        store = self.upstream.store("nginx")
        large = blob(random.Random(1).randbytes(LARGE), "application/octet-stream")
        store.blobs[large.digest] = large.data
        self._blobs = {digest: len(data) for digest, data in store.blobs.items()}
        self._large = large.digest

    async def run(self, until: Callable[[], bool]) -> None:
        """Visits, until told that it is enough."""
        async with httpx.AsyncClient(base_url=f"http://{self.worker.host}", timeout=30) as self._client:
            await asyncio.gather(*(self._visitor(until) for _ in range(self.visitors)))

    async def _visitor(self, until: Callable[[], bool]) -> None:
        kinds: dict[Visit, int] = {
            self.head: 30,
            self.pull: 20,
            self.tags: 8,
            self.stream: 8,
            self.track: 8,
            self.page: 8,
            self.referrers: 4,
            self.wrong: 10,
            self.give_up: 4,
        }
        while not until():
            began = time.monotonic()
            (visit,) = self._chance.choices(list(kinds), list(kinds.values()))
            name = getattr(visit, "__name__", "")
            self.visits[name] += 1
            try:
                await visit()
            except (FailedError, httpx.HTTPError, OSError) as error:
                self.failures[f"{name}: {type(error).__name__} {error}"] += 1
            await asyncio.sleep(max(0.0, self.visitors / self.rate - (time.monotonic() - began)))

    async def _ask(self, method: str, path: str, *expected: int) -> httpx.Response:
        answer = await self._client.request(method, path)
        if answer.status_code not in expected and not (self.is_away and answer.status_code in AWAY):
            raise FailedError(f"{method} {path}: {answer.status_code}")
        return answer

    async def head(self) -> None:
        tag = self._chance.choice(list(self._tags))
        answer = await self._ask("HEAD", f"/v2/nginx/manifests/{tag}", 200)
        if answer.headers["docker-content-digest"] != self._tags[tag]:
            raise FailedError(f"{tag} is {answer.headers['docker-content-digest']}")

    async def pull(self) -> None:
        """A tag, its manifest, a platform's, and the blobs of that."""
        tag = self._chance.choice(list(self._tags))
        await self._ask("GET", f"/v2/nginx/manifests/{tag}", 307)
        index = await self._manifest(self._tags[tag])
        if index is None:
            return
        manifest = await self._manifest(self._chance.choice(json.loads(index)["manifests"])["digest"])
        if manifest is None:
            return
        for each in (json.loads(manifest)["config"], *json.loads(manifest)["layers"]):
            await self._blob(each["digest"])

    async def _manifest(self, digest: str) -> bytes | None:
        answer = await self._ask("GET", f"/v2/nginx/manifests/{digest}", 200)
        if answer.status_code != 200:
            return None
        if f"sha256:{hashlib.sha256(answer.content).hexdigest()}" != digest:
            raise FailedError(f"the manifest is not {digest}")
        return answer.content

    async def stream(self) -> None:
        await self._blob(self._large)

    async def _blob(self, digest: str) -> None:
        """Passed through, or a redirect; of a broken one the client is told by its connection."""
        try:
            answer = await self._ask("GET", f"/v2/nginx/blobs/{digest}", 200, 307)
        except httpx.RemoteProtocolError:
            if not self.is_away:
                raise
            return
        if answer.status_code == 200 and len(answer.content) != self._blobs[digest]:
            raise FailedError(f"{digest} has {len(answer.content)} bytes")

    async def tags(self) -> None:
        await self._ask(
            "GET", self._chance.choice(("/v2/nginx/tags/list", "/v2/nginx/tags/list?n=2", "/v2/_catalog")), 200
        )

    async def track(self) -> None:
        """Upstream's own tag; while that is away, the last indexed build of it."""
        expected = (200, 307) if self.is_away else (200,)
        await self._ask("GET", f"/v2/{self._chance.choice(('nginx', 'postgres'))}/manifests/latest", *expected)

    async def referrers(self) -> None:
        await self._ask("GET", f"/v2/nginx/referrers/{self._chance.choice(list(self._tags.values()))}", 200)

    async def page(self) -> None:
        await self._ask("GET", self._chance.choice(PAGES), 200)

    async def wrong(self) -> None:
        """Other tags and digests each time; of names only some, as a token is kept for each."""
        number = self._chance.randrange(1 << 30)
        path, status = self._chance.choice(
            (
                (f"/v2/nginx/manifests/0.{number}", 404),
                (f"/v2/nobody-{number % 100}/manifests/latest", 404),
                (f"/v2/nginx/manifests/sha256:{number:064x}", 404),
                (f"/v2/nginx/blobs/sha256:{number:064x}", 404),
                (f"/v2/nginx/blobs/{number}", 400),
                (f"/nobody-{number}", 404),
            )
        )
        await self._ask("GET", path, status)

    async def give_up(self) -> None:
        """Leaves in the middle of a large blob, or before any answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.worker.port)
        path = self._chance.choice((f"blobs/{self._large}", "manifests/latest-dev"))
        writer.write(f"GET /v2/nginx/{path} HTTP/1.1\r\nHost: {self.worker.host}\r\n\r\n".encode())
        await writer.drain()
        if self._chance.random() < 0.7:
            await reader.read(1000)
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def reload(self, number: int, *, broken: bool = False) -> None:
        """Another index, or one that cannot be read; returns when the server has taken or refused it."""
        path = self.index / "nginx" / "index.json"
        document = json.loads(self._document)
        document["tags"][f"0.0.{number}"] = next(iter(self._tags.values()))
        new = path.with_suffix(".new")
        new.write_text('{"schema": 1' if broken else json.dumps(document))
        new.replace(path)
        before = await self._reloads()
        os.kill(self.worker.process, signal.SIGHUP)
        while await self._reloads() == before:  # noqa: ASYNC110 -- it is another process that is waited for
            await asyncio.sleep(0.02)

    async def _reloads(self) -> dict[str, float]:
        async with httpx.AsyncClient(base_url=f"http://{self.worker.host}") as client:
            lines = (await client.get("/metrics")).text.splitlines()
        name = "reverse_registry_index_reloads_total{"
        return {line.partition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)}
