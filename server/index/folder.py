"""The files of an index folder: regular ones in it, and nothing that a symbolic link leads to."""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from zlib import compress, decompress

from msgspec import Struct

LARGEST = 256 * 1024 * 1024
"""Bytes of a file."""

Identity = tuple[int, int, int] | None
"""Of a file: nanoseconds, size, inode; None where there is none."""


class Document(Struct, frozen=True, gc=False):
    """A file as it was read: its bytes whatever becomes of the file."""

    checksum: bytes
    stored: bytes
    is_compressed: bool

    @property
    def body(self) -> bytes:
        return decompress(self.stored) if self.is_compressed else self.stored


class Folder:
    """`root` may be a link, as git-sync flips it. `seen` are the files that were asked for, as they were then."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: dict[Path, Identity] = {}
        self.documents: dict[str, Document] = {}
        self._real = root.resolve()

    def read(self, relative: str, known: Document | None) -> bytes:
        """The document is `known` itself where that has these bytes. Raises OSError."""
        self.watch(relative)
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

    def watch(self, relative: str) -> None:
        """Looks at a file, which may be missing, without reading it."""
        self.seen[self.root / relative] = _identity(self.root / relative)

    def look(self) -> dict[Path, Identity]:
        """The same files as they are now."""
        return {path: _identity(path) for path in self.seen}


def _identity(path: Path) -> Identity:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
