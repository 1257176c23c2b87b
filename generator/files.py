"""Files of a folder as they must be: regular ones, reached through no link. The folder itself may be one."""

import errno
import stat
from pathlib import Path

from generator.errors import BrokenIndexError

MOST = 256 * 1024 * 1024

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISREG, "a file"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def inside(folder: Path, relative: str) -> Path:
    """Where `relative` is, or would be, in `folder`.

    Raises `BrokenIndexError` where it is anything but a regular file, or is not reached through folders alone: whoever
    can commit a link would have other files of this machine read, published or overwritten.
    """
    path = folder
    *parents, name = relative.split("/")
    for part, is_expected in [*((parent, stat.S_ISDIR) for parent in parents), (name, stat.S_ISREG)]:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            break
        except OSError as error:
            raise BrokenIndexError(f"{path}: cannot be read: {error.strerror or error}") from None
        if not is_expected(mode):
            wanted = "a folder" if is_expected is stat.S_ISDIR else "a regular file"
            raise BrokenIndexError(f"{path}: is {kind(mode)}, should be {wanted}; remove it, or restore it from git")
    return folder / relative


def read(path: Path) -> bytes:
    """Raises `OSError`, also where it is larger than any file of an index: git packs a gigabyte of zeros small."""
    if (size := path.stat().st_size) > MOST:
        raise OSError(errno.EFBIG, f"{size} bytes, over the bound of {MOST}")
    return path.read_bytes()


def kind(mode: int) -> str:
    """What `st_mode` says that something is, with its article."""
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "a device")
