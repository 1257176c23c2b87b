"""An upstream that costs next to nothing but time: tokens and HEADs of a synthetic index, each after a fixed latency.

A process of its own, without a web framework, so that it is not what a benchmark measures.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.request import urlopen

from tests.bench.synthetic import Synthetic
from tests.clients.conftest import free_port
from tests.example import ROOT

_END = b"\r\n\r\n"
_TOKEN = b'{"token":"anybody\'s"}'


@dataclass
class Counts:
    """`cpu` is what the upstream has used so far, in seconds."""

    connections: int = 0
    requests: int = 0
    cpu: float = 0.0


class Answering(asyncio.Protocol):
    """One connection; a client sends its next request after the answer to the last."""

    def __init__(self, made: Synthetic, latency: float, counts: Counts) -> None:
        self._made = made
        self._latency = latency
        self._counts = counts
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._counts.connections += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(_END):
            return
        target = self._received.split(b" ", 2)[1]
        self._received = b""
        if target == b"/counts":
            self._counts.cpu = time.process_time()
            self._send(_answer(json.dumps(vars(self._counts)).encode()))
            return
        self._counts.requests += 1
        answer = _answer(_TOKEN) if target.startswith(b"/token") else self._head(target.decode())
        asyncio.get_running_loop().call_later(self._latency, self._send, answer)

    def _send(self, answer: bytes) -> None:
        self._transport.write(answer)

    def _head(self, target: str) -> bytes:
        name, _, track = target.rpartition("/manifests/")
        digest = self._made.head(name.rpartition("/")[2], track)
        kind = "application/vnd.oci.image.index.v1+json"
        return f"HTTP/1.1 200 OK\r\nContent-Length: 1603\r\nContent-Type: {kind}\r\nDate: {_date()}\r\n".encode() + (
            f"Docker-Content-Digest: {digest}\r\n\r\n".encode()
        )


def _answer(body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nDate: {_date()}\r\n\r\n".encode() + body


def _date() -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())


@dataclass(frozen=True)
class Latent:
    """A running upstream of a synthetic index; `made` has its address."""

    made: Synthetic

    @property
    def host(self) -> str:
        return self.made.upstream.partition("/")[0]

    def counts(self) -> Counts:
        with urlopen(f"http://{self.host}/counts") as answer:  # a connection, which is counted too
            return Counts(**json.load(answer))


@contextlib.contextmanager
def latent(images: int, builds: int, milliseconds: float) -> Iterator[Latent]:
    made = Synthetic(images, builds, f"localhost:{free_port()}/synthetic")
    command = [sys.executable, "-m", "tests.bench.latent", *map(str, (images, builds, made.upstream, milliseconds))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        yield Latent(made)
    finally:
        process.terminate()
        process.wait()


async def _serve(made: Synthetic, latency: float) -> None:
    counts = Counts()
    port = int(made.upstream.partition("/")[0].rpartition(":")[2])
    server = await asyncio.get_running_loop().create_server(
        lambda: Answering(made, latency, counts), "localhost", port, backlog=256
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    _images, _builds, _upstream, _milliseconds = sys.argv[1:]
    asyncio.run(_serve(Synthetic(int(_images), int(_builds), _upstream), float(_milliseconds) / 1000))
