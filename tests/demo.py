"""`make run`: the example upstream, the generator run on it, and the server over what that made, until Ctrl-C.

All of it is one process and one folder of the system's temporary ones, so that nothing is left when it ends.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import uvicorn

from tests.example import ROOT
from tests.upstream import ExampleUpstream, PortInUseError
from tests.upstream.serving import listen_on_localhost

IMAGE, VERSION = "nginx", "1.27.4"

IMAGES = """\
upstream = "{upstream}/chainguard"
address = "localhost:{port}"

[images.nginx]
since = "always"

[images.postgres]
since = "always"

[images.python]
since = "always"
"""

COMMANDS = """
3. The server: http://{host}/ (in a browser: the pages). Paste into another terminal, whichever client you have:

    docker pull {host}/{image}:{version}
    docker run --rm {host}/{image}:{version}
    podman pull --tls-verify=false {host}/{image}:{version}
    skopeo list-tags --tls-verify=false docker://{host}/{image}
    curl -sI http://{host}/v2/{image}/manifests/{version}

    export REVERSE_REGISTRY_INDEX={index}
    {console} list {image}
    {console} resolve {image}:1.27
    {console} diff {image}:{version} {image}:1.28

{image} {version} is {digest}, and the upstream's own tags are only latest and latest-dev.
No account and no network was used. Ctrl-C ends all of it.
"""


class Server(uvicorn.Server):
    """uvicorn that tells when it serves, and that ends with its terminal too."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # To a server in production it means: read the index again.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.handle_exit, signal.SIGTERM, None)
            print(self._announcement, flush=True)


def checked(text: str) -> int:
    """A port that is free. Raises `RuntimeError` with what to do."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise RuntimeError(f"PORT={text} is no port; choose one from 1 to 65535, as in make run PORT=8000")
    port = int(text)
    try:
        for listener in listen_on_localhost(port):
            listener.close()
    except PortInUseError:
        other = port + 1 if port < 65535 else port - 1
        raise RuntimeError(f"port {port} is in use; choose another: make run PORT={other}") from None
    except PermissionError:
        raise RuntimeError(f"port {port} is for root only; choose another: make run PORT=8000") from None
    return port


def generator(*words: str) -> None:
    """Raises `RuntimeError`."""
    print(f"   reverse-registry {' '.join(words)}", flush=True)
    if subprocess.run([sys.executable, "-m", "generator", *words], cwd=ROOT, check=False).returncode:
        raise RuntimeError(f"`{words[0]}` failed, for the reason above")


def run(port: int, folder: Path) -> None:
    """Raises `RuntimeError`; serves until it is interrupted."""
    index = folder / "index"
    index.mkdir()
    with ExampleUpstream() as upstream:
        names = ", ".join(sorted(upstream.repositories))
        print(f"1. An example upstream, at {upstream.host}: {names}, each with no tags but latest and latest-dev.\n")
        print("2. The generator finds out which version each build is, and writes an index and pages of it:\n")
        (index / "images.toml").write_text(IMAGES.format(upstream=upstream.host, port=port))
        generator("refresh", "--index", str(index))
        generator("site", str(folder / "site"), "--index", str(index))
        announcement = COMMANDS.format(
            host=f"localhost:{port}",
            index=index,
            image=IMAGE,
            version=VERSION,
            digest=json.loads((index / IMAGE / "index.json").read_bytes())["tags"][VERSION],
            console=".venv/bin/reverse-registry",
        )
        os.environ |= {"REVERSE_REGISTRY_INDEX": str(index), "REVERSE_REGISTRY_SITE": str(folder / "site")}
        # Clients try TLS first; uvicorn's warning of each such try would be what a newcomer sees of a pull that works.
        config = uvicorn.Config("server.app:app", port=port, log_level="error", timeout_graceful_shutdown=1)
        server = Server(config, announcement)
        server.run()
        if not server.started:
            raise RuntimeError("the server did not start, for the reason above")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", usage="make run [PORT=8000]", description=__doc__)
    parser.add_argument("--port", metavar="PORT", default="8000")
    port = parser.parse_args().port
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="reverse-registry-") as folder:
            run(checked(port), Path(folder))
    except KeyboardInterrupt:
        print("stopped; nothing was left behind")
    except RuntimeError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
