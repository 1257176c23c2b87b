"""The index on disk: read back checked, written whole, and only where a byte differs."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from generator.document import printable
from generator.errors import BrokenIndexError, StorageError
from generator.record.index import Catalogue, ImageIndex, PackageLog, encode

T = TypeVar("T", bound=Struct)


class Store:
    """A folder that holds an index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def image(self, name: str) -> ImageIndex | None:
        """What is recorded of an image; None before its first refresh. Raises `BrokenIndexError`."""
        return _read(self.folder / name / "index.json", ImageIndex)

    def catalogue(self) -> Catalogue | None:
        return _read(self.folder / "index.json", Catalogue)

    def packages(self, name: str) -> PackageLog | None:
        return _read(self.folder / name / "packages.json", PackageLog)

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

    def write(self, relative: str, content: bytes | str | Struct) -> bool:
        """Puts `content` in place atomically; False where it is there already. Raises `StorageError`."""
        data = (
            content.encode() if isinstance(content, str) else content if isinstance(content, bytes) else encode(content)
        )
        path = self.folder / relative
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


def _read(path: Path, shape: type[T]) -> T | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BrokenIndexError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BrokenIndexError(
            f"{path}: {printable(error)}; restore it from git (it is generated, and never edited by hand)"
        ) from None
