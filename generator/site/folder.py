"""The folder that a site is written into, which others may write into too."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from generator.errors import ConfigurationError, StorageError
from generator.files import inside

LIST = ".reverse-registry"
"""The paths of all files of ours, one a line."""


class Folder:
    """Writes only what differs, and removes what it wrote before and does not write again; never another file."""

    def __init__(self, path: Path, index: Path) -> None:
        """Raises `ConfigurationError` where `path` is the index's own folder, or in it."""
        if path.resolve().is_relative_to(index.resolve()):
            raise ConfigurationError(f"{path}: is in the folder of the index; choose another for the site")
        self.path = path
        self._known = set(self._list())

    def write(self, relative: str, content: str | bytes) -> None:
        """Raises `StorageError`, also where somebody else's file is in the way."""
        data = content.encode() if isinstance(content, str) else content
        path = inside(self.path, relative)
        try:
            if path.exists():
                if path.read_bytes() == data:
                    return
                if relative not in self._known:
                    raise StorageError(f"{path}: is not of this site; remove it, or choose an empty folder")
            if relative not in self._known:
                # Before the file itself, so that a run that is stopped disowns nothing.
                self._append(relative)
            _replace(path, data)
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None

    def finish(self, written: set[str]) -> int:
        """Removes all files of ours but those `written`; how many."""
        stale = sorted(self._known - written)
        try:
            for relative in stale:
                path = inside(self.path, relative)
                path.unlink(missing_ok=True)
                for parent in path.relative_to(self.path).parents[:-1]:
                    with suppress(OSError):
                        (self.path / parent).rmdir()
            listed = "".join(f"{relative}\n" for relative in sorted(written))
            if self._list() != listed.splitlines():
                _replace(self.path / LIST, listed.encode())
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be written: {error.strerror or error}") from None
        return len(stale)

    def _list(self) -> list[str]:
        try:
            return inside(self.path, LIST).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise StorageError(f"{self.path / LIST}: cannot be read: {error}") from None

    def _append(self, relative: str) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LIST).open("ab", buffering=0) as file:
            file.write(f"{relative}\n".encode())
        self._known.add(relative)


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
