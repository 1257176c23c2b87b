"""An index as it was at a git revision."""

from collections.abc import Iterator
from pathlib import Path

from generator.document import printable
from generator.errors import ConfigurationError
from generator.git import GitError, contents, git


def recorded_at(folder: Path, revision: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each image's name, with its index.json and packages.json as far as there were any.

    Raises `ConfigurationError` where `folder` is in no git repository, or that has no such revision.
    """
    try:
        commit = git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()
    except GitError as error:
        shown = printable(revision)
        raise ConfigurationError(f"{folder}: git has no {shown} there, or has not fetched it ({error.said})") from None
    objects: dict[str, dict[str, str]] = {}
    for entry in filter(None, git(folder, "ls-tree", "-r", "-z", commit, "--", ".").split("\0")):
        described, _, path = entry.partition("\t")
        name, _, file = path.rpartition("/")
        if name and file in ("index.json", "packages.json"):
            objects.setdefault(name, {})[file] = described.split()[2]
    blobs = contents(folder, (object_ for files in objects.values() for object_ in files.values()))
    for name, files in objects.items():
        yield name, {file: next(blobs) for file in files}
