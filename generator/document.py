"""JSON from outside, decoded into a declared shape or refused in one line."""

import re
from typing import TypeVar

import msgspec

from generator.errors import MalformedError

T = TypeVar("T")

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
# What GitHub's runner takes for a command in a log: `::` at the beginning of a line, `##[` anywhere in it.
_COMMAND = re.compile(r"\A *:(?=:)|(?<=##)\[")


def decode(data: bytes | str, shape: type[T], what: str) -> T:
    """`data` as `shape`; fields that the shape does not name are skipped.

    Raises `MalformedError`: invalid JSON or UTF-8, a field of the wrong type or missing, nesting too deep.
    """
    try:
        return msgspec.json.decode(data, type=shape)
    except RecursionError:
        raise MalformedError(f"{what}: nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedError(f"{what}: {printable(error)}") from None


def printable(text: object, limit: int = 200) -> str:
    """`text` on one line of plain ASCII, so that what others wrote cannot act on a terminal or a log."""
    line = _COMMAND.sub("?", _UNPRINTABLE.sub("?", str(text)))
    return line if len(line) <= limit else f"{line[: limit - 1]}~"
