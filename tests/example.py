"""Records the example index, `tests/example/`, anew: a real refresh against the example upstream. `make example`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.upstream import ExampleUpstream

ROOT = Path(__file__).parent.parent
INDEX = ROOT / "tests" / "example"
HOST = "localhost:5055"
NAMES = ("example/nginx", "example/postgres", "example/python")


def refresh(index: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`reverse-registry refresh` in a process of its own, as users run it."""
    command = [sys.executable, "-m", "generator", "refresh", "--index", str(index), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def record(folder: Path, host: str) -> None:
    """Makes the example index in `folder`: refreshed from `host`, then frozen."""
    images = (INDEX / "images.toml").read_text().replace(HOST, host)
    for text in (images.replace("frozen = true", "frozen = false"), images):
        (folder / "images.toml").write_text(text)
        done = refresh(folder, *NAMES)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)


def main() -> None:
    with ExampleUpstream() as upstream, tempfile.TemporaryDirectory() as name:
        record(Path(name), upstream.host)
        shutil.rmtree(INDEX)
        # Without the generator's own note, which changes with the program: a refresh makes it again.
        shutil.copytree(name, INDEX, ignore=shutil.ignore_patterns("refreshed.json"))
        for path in (path for path in INDEX.rglob("*") if path.is_file()):
            path.write_bytes(path.read_bytes().replace(upstream.host.encode(), HOST.encode()))


if __name__ == "__main__":
    main()
