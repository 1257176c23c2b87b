"""JSON from outside, decoded into a declared shape or refused in one line."""

import codecs
import re
from base64 import b64decode
from typing import TypeVar

import msgspec

from generator.errors import MalformedError

T = TypeVar("T")

# Of documents that are large: what is decoded may take ten times the room of what was sent, and not a hundred times.
_FEW_VALUES = 100_000
_BYTES_PER_VALUE = 10
_BASE64 = str.maketrans("-_", "+/", "\r\n")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
# What GitHub's runner takes for a command in a log: `::` at the beginning of a line, `##[` anywhere in it.
_COMMAND = re.compile(r"\A *:(?=:)|(?<=##)\[")


def decode(data: bytes | str, shape: type[T], what: str) -> T:
    """`data` as `shape`; fields that the shape does not name are skipped, and so is a byte order mark.

    Raises `MalformedError`: invalid JSON or UTF-8, a field of the wrong type or missing, nesting too deep, or more
    values than a document of its size is made of.
    """
    if isinstance(data, bytes):
        data = data.removeprefix(codecs.BOM_UTF8)
    _check_values(data, what)
    try:
        return msgspec.json.decode(data, type=shape)
    except RecursionError:
        raise MalformedError(f"{what}: nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedError(f"{what}: {printable(error)}") from None


def decode_base64(text: str) -> bytes:
    """In either alphabet (DSSE, envelope.md), with or without padding, and with line ends, which Go skips too.

    Raises `ValueError`.
    """
    bare = text.translate(_BASE64).rstrip("=")
    return b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _check_values(data: bytes | str, what: str) -> None:
    """Every value but the first stands behind one of these, and few of them stand in texts."""
    if len(data) <= _FEW_VALUES:
        return
    text = data if isinstance(data, bytes) else data.encode()
    values = text.count(b"{") + text.count(b"[") + text.count(b",")
    if values > _FEW_VALUES + len(text) // _BYTES_PER_VALUE:
        raise MalformedError(f"{what}: {values} values in {len(text)} bytes are too many to be read")


def printable(text: object, limit: int = 200) -> str:
    """`text` on one line of plain ASCII, so that what others wrote cannot act on a terminal or a log."""
    line = _COMMAND.sub("?", _UNPRINTABLE.sub("?", str(text)))
    return line if len(line) <= limit else f"{line[: limit - 1]}~"
