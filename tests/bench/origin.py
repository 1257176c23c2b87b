"""A registry that costs next to nothing: blobs elsewhere, blobs that it sends itself, and manifests that never come.

A process of its own, without a web framework, so that it is not what a benchmark measures.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from tests.bench.worker import ASKING
from tests.clients.processes import free_port
from tests.example import ROOT

_END = b"\r\n\r\n"
_CHUNK = b"\0" * 65536
STREAMED = 1 << 30
"""Bytes of a blob that it sends itself."""

DIGEST = "sha256:" + "d" * 64
TAG = "1.0"


@dataclass
class Counts:
    """Requests by endpoint, and the CPU time that the origin has used, in seconds."""

    requests: dict[str, int] = field(default_factory=dict)
    cpu: float = 0.0


class _Answering(asyncio.Protocol):
    """
    One connection; a client sends its next request after the answer to the last.

    A blob of the repository `once` is at an address that may not be remembered, of `signed` at one that is good for
    ten minutes, of `streamed` it is here.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._received = b""
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(_END):
            return
        path = self._received.split(b" ", 2)[1].decode().partition("?")[0]
        self._received = b""
        if path == "/counts":
            self._send(json.dumps({"requests": self._counts, "cpu": time.process_time()}).encode())
            return
        _, _, repository, endpoint, reference = path.split("/") if path.startswith("/v2/") else ("", "", "", path, "")
        self._counts[endpoint] += 1
        if endpoint == "/token":
            self._send(b'{"token":"anybody\'s","expires_in":3600}')
        elif endpoint == "blobs" and repository == "streamed":
            self._task = asyncio.ensure_future(self._stream())
        elif endpoint == "blobs":
            self._redirect(repository, reference)

    def _redirect(self, repository: str, digest: str) -> None:
        now = time.gmtime()
        signed = time.strftime("X-Amz-Date=%Y%m%dT%H%M%SZ&X-Amz-Expires=600&X-Amz-Signature=", now) + "a" * 64
        cache_control = "Cache-Control: no-store\r\n" if repository == "once" else ""
        self._transport.write(
            f"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://cdn.example.com/{digest}?{signed}\r\n"
            f"{cache_control}Content-Length: 0\r\nDate: {_date(now)}\r\n\r\n".encode()
        )

    async def _stream(self) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {STREAMED}\r\nDate: {_date(time.gmtime())}\r\n\r\n"
        self._transport.write(head.encode())
        for _ in range(STREAMED // len(_CHUNK)):
            await self._writable.wait()
            if self._transport.is_closing():
                return
            self._transport.write(_CHUNK)

    def _send(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nDate: {_date(time.gmtime())}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()


def _date(now: time.struct_time) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", now)


@dataclass(frozen=True)
class Origin:
    """A running one at `host`."""

    host: str

    def counts(self) -> Counts:
        with urlopen(f"http://{self.host}/counts") as answer:
            return Counts(**json.load(answer))

    def index(self, folder: Path) -> Path:
        """An index of its repositories, with one tag each."""
        names = ("once", "signed", "streamed", "hanging")
        summaries = {name: {"repository": f"{self.host}/{name}", "refreshed": True} for name in names}
        folder.mkdir(parents=True)
        catalogue = {"schema": 1, "upstream": f"{self.host}/elsewhere", "images": summaries}
        (folder / "index.json").write_text(json.dumps(catalogue))
        build = {
            "digest": DIGEST,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "size": 795,
            "track": "latest",
            "version": TAG,
            "created": None,
            "seen": "2026-01-01T00:00:00Z",
        }
        for name in names:
            document = {
                "schema": 1,
                "name": name,
                "repository": f"{self.host}/{name}",
                "package": name,
                "auth": {"realm": f"http://{self.host}/token", "service": self.host},
                "tracks": {},
                "tags": {TAG: DIGEST},
                "builds": [build],
            }
            (folder / name).mkdir()
            (folder / name / "index.json").write_text(json.dumps(document))
        return folder


@contextlib.contextmanager
def origin() -> Iterator[Origin]:
    port = free_port()
    command = ["taskset", "--cpu-list", str(ASKING), sys.executable, "-m", "tests.bench.origin", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        yield Origin(f"localhost:{port}")
    finally:
        process.terminate()
        process.wait()


async def _serve(port: int) -> None:
    counts: Counter[str] = Counter()
    server = await asyncio.get_running_loop().create_server(lambda: _Answering(counts), "localhost", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
