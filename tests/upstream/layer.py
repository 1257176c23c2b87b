"""Layers: real `tar+gzip`, and the same bytes whatever zlib or Python wrote them."""

import io
import struct
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.upstream.oci import LAYER, Content, sha256

STORED_BLOCK = 0xFFFF


@dataclass(frozen=True)
class File:
    data: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Layer:
    """A compressed layer, and the digest of its tar that an image config states."""

    content: Content
    diff_id: str


def gzip(data: bytes) -> bytes:
    """RFC 1952 around stored blocks (RFC 1951, 3.2.4): no compression library has a say in the bytes."""
    header = struct.pack("<2sBBIBB", b"\x1f\x8b", 8, 0, 0, 0, 255)
    starts = range(0, max(len(data), 1), STORED_BLOCK)
    blocks = []
    for start in starts:
        block = data[start : start + STORED_BLOCK]
        blocks.append(struct.pack("<BHH", start == starts[-1], len(block), len(block) ^ 0xFFFF) + block)
    return header + b"".join(blocks) + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def tar(files: Mapping[str, File]) -> bytes:
    """A USTAR archive of the files and their folders, sorted, everything else fixed."""
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted({*folders, *files}):
            entry = tarfile.TarInfo(path)
            if path in folders:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                entry.mode, entry.size = files[path].mode, len(files[path].data)
                archive.addfile(entry, io.BytesIO(files[path].data))
    return stream.getvalue()


def layer(files: Mapping[str, File]) -> Layer:
    """`files` by path without a leading slash."""
    archive = tar(files)
    return Layer(Content(LAYER, gzip(archive)), sha256(archive))
