"""The server as users run it, over an index that was really refreshed."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.clients.processes import daemon, free_port, listens, wait_until
from tests.command import command
from tests.example import ROOT
from tests.upstream import ExampleUpstream


@dataclass(frozen=True)
class Served:
    """A running server: `host` is its `host:port`, `index` the folder that it serves."""

    host: str
    index: Path

    def digest(self, image: str, tag: str) -> str:
        """What the index states."""
        tags: dict[str, str] = json.loads((self.index / image / "index.json").read_text())["tags"]
        return tags[tag]

    def tags(self, image: str) -> set[str]:
        """All that can be asked for: those of the index and the upstream's own."""
        document = json.loads((self.index / image / "index.json").read_text())
        return {*document["tags"], *document["tracks"]}


Serve = Callable[[Path], Served]


@contextlib.contextmanager
def serving(index: Path, log: Path, **settings: str) -> Iterator[Served]:
    """Runs `uvicorn server.app:app`, as the README says."""
    port = free_port()
    # Clients try TLS first, and uvicorn warns of each such try.
    command = (sys.executable, "-m", "uvicorn", "server.app:app", "--port", str(port), "--log-level", "error")
    environment = {"REVERSE_REGISTRY_INDEX": str(index), **settings}
    with daemon(log, *command, cwd=ROOT, environment=environment) as process:
        wait_until(lambda: listens(port), process, log)
        yield Served(f"localhost:{port}", index)


def recorded(folder: Path, upstream: ExampleUpstream, **images: str) -> Path:
    """An index in `folder`, refreshed: of each name given, the image of the example upstream that it stands for."""
    tables = (
        f'[images."{name}"]\nrepository = "{upstream.repository(image)}"\nsince = "always"\n'
        for name, image in images.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n' + "".join(tables))
    done = command("refresh", "--index", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
