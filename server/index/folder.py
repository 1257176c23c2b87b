"""The files of an index folder: regular ones in it, and nothing that a symbolic link leads to."""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from zlib import compress, decompress

from msgspec import Struct

Identity = tuple[int, int, int]


class Document(Struct, frozen=True, gc=False):
    """A file as it was read: its bytes whatever becomes of the file."""

    checksum: bytes
    stored: bytes
    is_compressed: bool

    @classmethod
    def of(cls, body: bytes, known: "Document | None", compressed: bool) -> "Document":
        """`known` itself where it has these bytes. Digests do not compress: that would take as long as reading them."""
        checksum = sha256(body).digest()
        if known and known.checksum == checksum:
            return known
        return cls(checksum, compress(body, 1) if compressed else body, compressed)

    @property
    def body(self) -> bytes:
        return decompress(self.stored) if self.is_compressed else self.stored


class Folder:
    """
    `root` may be a link, as git-sync flips it; in the folder there is none.

    `seen` has the identity of each file as it was read: nanoseconds, size, inode; None where there was none.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: dict[Path, Identity | None] = {}
        self._real = root.resolve()

    def read(self, relative: str) -> bytes:
        """Raises OSError."""
        path, real = self.root / relative, self._real / relative
        self.watch(relative)
        if real.resolve() != real:
            raise OSError(errno.ELOOP, "Leads elsewhere by a symbolic link")
        # A pipe would be waited for.
        with os.fdopen(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            status = os.fstat(file.fileno())
            self.seen[path] = _identity(status)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "Not a regular file")
            return file.read()

    def watch(self, relative: str) -> None:
        """Looks at a file, which may be missing, without reading it."""
        self.seen[self.root / relative] = _identity_at(self.root / relative)

    def look(self) -> dict[Path, Identity | None]:
        """The same files as they are now."""
        return {path: _identity_at(path) for path in self.seen}


def _identity_at(path: Path) -> Identity | None:
    try:
        return _identity(path.stat())
    except OSError:
        return None


def _identity(status: os.stat_result) -> Identity:
    return status.st_mtime_ns, status.st_size, status.st_ino
