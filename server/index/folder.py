"""The files of an index folder: regular ones in it, and nothing that a symbolic link leads to."""

import errno
import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from zlib import compress, decompress

from msgspec import Struct

LARGEST = 256 * 1024 * 1024
"""Bytes of a file."""

_NAMES = {"index.json", "packages.json", "schema.json"}


class Document(Struct, frozen=True, gc=False):
    """A file as it was read: its bytes whatever becomes of the file."""

    checksum: bytes
    stored: bytes
    is_compressed: bool

    @property
    def body(self) -> bytes:
        return decompress(self.stored) if self.is_compressed else self.stored


class Folder:
    """`root` may be a link, as git-sync flips it. `documents` are the files that were read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.documents: dict[str, Document] = {}
        self._real = root.resolve()

    def read(self, relative: str, known: Document | None) -> bytes:
        """The document is `known` itself where that has these bytes. Raises OSError."""
        real = self._real / relative
        if real.resolve() != real:
            raise OSError(errno.ELOOP, "Leads elsewhere by a symbolic link")
        # A pipe would be waited for.
        with os.fdopen(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "Not a regular file")
            if status.st_size > LARGEST:
                raise OSError(errno.EFBIG, f"Larger than {LARGEST >> 20} MB")
            body = file.read()
        checksum = sha256(body).digest()
        if not known or known.checksum != checksum:
            # Digests do not compress: that would take as long as reading them.
            is_packages = relative.endswith("packages.json")
            known = Document(checksum, compress(body, 1) if is_packages else body, is_packages)
        self.documents[relative] = known
        return body


def look(root: Path) -> set[tuple[Path, int, int, int]]:
    """The files of an index as they are now: path, nanoseconds, size, inode."""
    seen = set()
    for folder, folders, names in os.walk(root):
        folders[:] = (each for each in folders if not each.startswith("."))
        for path in (Path(folder, name) for name in _NAMES.intersection(names)):
            with suppress(OSError):
                status = path.stat()
                seen.add((path, status.st_mtime_ns, status.st_size, status.st_ino))
    return seen
