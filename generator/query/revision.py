"""An index as it was at a git revision."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from generator.document import printable
from generator.errors import ConfigurationError


def recorded_at(folder: Path, revision: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each image's name, with its index.json and packages.json as far as there were any.

    Raises `ConfigurationError` where `folder` is in no git repository, or that has no such revision.
    """
    commit = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    listing = _git(folder, "ls-tree", "-r", "-z", commit, "--", ".").decode("utf-8", "surrogateescape")
    objects: dict[str, dict[str, str]] = {}
    for entry in filter(None, listing.split("\0")):
        described, _, path = entry.partition("\t")
        name, _, file = path.rpartition("/")
        if name and file in ("index.json", "packages.json"):
            objects.setdefault(name, {})[file] = described.split()[2]
    for name, files in objects.items():
        yield name, {file: _git(folder, "cat-file", "blob", object_) for file, object_ in files.items()}


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except FileNotFoundError:
        raise ConfigurationError("--against needs git, which is not installed") from None
    except subprocess.CalledProcessError as error:
        said = printable(error.stderr.decode(errors="replace").strip().removeprefix("fatal: "))
        what = printable(arguments[-1].removesuffix("^{commit}"))
        raise ConfigurationError(f"{folder}: git has no {what} there, or has not fetched it ({said})") from None
