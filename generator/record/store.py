"""The index on disk: read back checked, written whole, and only where a byte differs."""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from generator.document import printable
from generator.errors import BrokenIndexError, StorageError
from generator.files import inside, read
from generator.record.index import Catalogue, ImageIndex, PackageLog, encode

T = TypeVar("T", bound=Struct)

_TEMPORARY = re.compile(r"\.[A-Za-z0-9]+\.(?:json|md)\.[a-z0-9_]{8}")


class Store:
    """A folder that holds an index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def image(self, name: str) -> ImageIndex | None:
        """What is recorded of an image; None before its first refresh. Raises `BrokenIndexError`."""
        return self.document(f"{name}/index.json", ImageIndex)

    def catalogue(self) -> Catalogue | None:
        return self.document("index.json", Catalogue)

    def packages(self, name: str) -> PackageLog | None:
        return self.document(f"{name}/packages.json", PackageLog)

    def document(self, relative: str, shape: type[T]) -> T | None:
        data = self.read(relative)
        return None if data is None else self.decode(data, shape, relative)

    def read(self, relative: str) -> bytes | None:
        """None where there is no such file. Raises `BrokenIndexError`, also where it is a link or a device."""
        path = inside(self.folder, relative)
        try:
            return read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BrokenIndexError(f"{path}: cannot be read: {error.strerror or error}") from None

    def decode(self, data: bytes, shape: type[T], relative: str) -> T:
        """Raises `BrokenIndexError`."""
        try:
            return msgspec.json.decode(data, type=shape)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BrokenIndexError(
                f"{self.folder / relative}: {printable(error)}; "
                "restore it from git (it is generated, and never edited by hand)"
            ) from None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps every other process from writing meanwhile. Raises `StorageError` where one already does."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise StorageError(f"{self.folder}: another refresh is at work here; wait until it is done") from None
        finally:
            os.close(handle)

    def sweep(self, folders: Iterable[str]) -> None:
        """Removes what a run that was killed has left half written. For who holds the lock."""
        for folder in folders:
            for path in inside(self.folder, f"{folder}/index.json".lstrip("/")).parent.glob(".*.*.*"):
                if _TEMPORARY.fullmatch(path.name):
                    with contextlib.suppress(OSError):
                        path.unlink()

    def write(self, relative: str, content: bytes | str | Struct) -> bool:
        """Puts `content` in place atomically; False where it is there already.

        Raises `StorageError`, and `BrokenIndexError` where the way there leads through a link.
        """
        data = (
            content.encode() if isinstance(content, str) else content if isinstance(content, bytes) else encode(content)
        )
        path = inside(self.folder, relative)
        try:
            with contextlib.suppress(FileNotFoundError):
                if path.read_bytes() == data:
                    return False
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, data)
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None
        return True


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
