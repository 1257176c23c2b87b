"""`make run`: the committed index served with the example upstream behind it, until Ctrl-C."""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import msgspec

from tests.example import HOST, INDEX, ROOT
from tests.upstream import ExampleUpstream, PortInUseError

IMAGE, VERSION = "example/nginx", "1.27.4"

COMMANDS = """
reverse-registry serves {index} at http://{host}/ (in a browser: the catalogue)

Paste into another terminal, whichever client you have:

    docker pull {host}/{image}:{version}
    docker run --rm {host}/{image}:{version}
    podman pull --tls-verify=false {host}/{image}:{version}
    skopeo inspect --tls-verify=false docker://{host}/{image}:{version}
    skopeo list-tags --tls-verify=false docker://{host}/{image}
    curl -sI http://{host}/v2/{image}/manifests/{version}

{image} {version} is {digest}.
The upstream behind it is an example on this machine ({upstream}): no account, no network. Ctrl-C ends both.
"""


@contextlib.contextmanager
def serve(port: int) -> Iterator[None]:
    """A server process; raises `RuntimeError` where it does not come up."""
    # Clients try TLS first; uvicorn's warning of each such try would be what a newcomer sees of a pull that works.
    command = [sys.executable, "-m", "uvicorn", "server.app:app", "--port", str(port), "--log-level", "error"]
    environment = {**os.environ, "REVERSE_REGISTRY_INDEX": str(INDEX)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        for _ in range(100):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
                break
            if process.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.1)
        else:
            raise RuntimeError("the server did not answer within ten seconds")
        yield
    finally:
        process.terminate()
        process.wait()


def check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise RuntimeError(f"port {port} is in use; choose another: make run PORT={port + 1}") from None


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    digest = msgspec.json.decode((INDEX / IMAGE / "index.json").read_bytes())["tags"][VERSION]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        check_free(port)
        with ExampleUpstream(port=5055, cdn_port=5056), serve(port):
            page = COMMANDS.format(
                index=INDEX.relative_to(ROOT),
                host=f"localhost:{port}",
                image=IMAGE,
                version=VERSION,
                digest=digest,
                upstream=HOST,
            )
            print(page, flush=True)
            stop.wait()
    except PortInUseError as error:
        print(f"make run: {error}; the committed example names that port, so end what uses it", file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
