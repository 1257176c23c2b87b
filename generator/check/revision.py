"""An index as it was at a git revision."""

from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from generator import images
from generator.document import decode, printable
from generator.errors import ConfigurationError
from generator.git import GitError, contents, git
from generator.images import Images

T = TypeVar("T", bound=Struct)


class Revision:
    """The files of `folder` at a commit; those that have not changed since are not even read."""

    def __init__(self, folder: Path, revision: str) -> None:
        """Raises `ConfigurationError` where `folder` is in no git repository, or that has no such revision."""
        self.name = revision
        self._folder = folder
        try:
            commit = git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()
        except GitError as error:
            shown = printable(revision)
            raise ConfigurationError(
                f"{folder}: git has no {shown} there, or has not fetched it ({error.said})"
            ) from None
        listed = git(folder, "ls-tree", "-r", "-z", commit, "--", ".")
        entries = (entry.partition("\t") for entry in filter(None, listed.split("\0")))
        self._objects = {path: described.split()[2] for described, _, path in entries}
        changed = git(folder, "diff", "--name-only", "-z", "--no-renames", "--relative", commit, "--", ".")
        self._changed = frozenset(filter(None, changed.split("\0")))

    @property
    def names(self) -> list[str]:
        """Of the images that had an index.json."""
        return sorted(path.removesuffix("/index.json") for path in self._objects if path.endswith("/index.json"))

    def is_unchanged(self, file: str) -> bool:
        return file in self._objects and file not in self._changed

    def changed(self, start: str, end: str) -> list[str]:
        """The files that are otherwise now, by the beginning and the end of their paths."""
        return sorted(file for file in self._changed if file.startswith(start) and file.endswith(end))

    def read(self, file: str) -> bytes | None:
        """None where there was no such file."""
        return next(contents(self._folder, [self._objects[file]]), None) if file in self._objects else None

    def document(self, file: str, shape: type[T]) -> T | None:
        """None where there was no such file. Raises `MalformedError`."""
        data = self.read(file)
        return None if data is None else decode(data, shape, file)

    def images(self) -> Images | None:
        """images.toml as it was; None where there was none that could be read."""
        data = self.read("images.toml")
        try:
            return None if data is None else images.parse(data, "images.toml")
        except ConfigurationError:
            return None
