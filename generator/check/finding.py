"""What a check finds."""

from dataclasses import dataclass
from itertools import takewhile

_AROUND = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, or a note on what is no problem but should be seen. `file` is relative to the index."""

    file: str
    what: str
    is_note: bool = False


def difference(there: bytes, due: bytes) -> str:
    """Where two texts first differ, and how."""
    lines, wanted = there.split(b"\n"), due.split(b"\n")
    for number, (line, other) in enumerate(zip(lines, wanted, strict=False), 1):
        if line != other:
            at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(line, other, strict=False)))
            return f"line {number} is {_excerpt(line, at)}, should be {_excerpt(other, at)}"
    if len(lines) > len(wanted):
        return f"has {len(lines) - len(wanted)} lines too many, should end with line {len(wanted)}"
    return f"lacks {len(wanted) - len(lines)} lines, should go on with {_excerpt(wanted[len(lines)], 0)}"


def _excerpt(line: bytes, at: int) -> str:
    start, end = max(0, at - _AROUND), at + _AROUND
    shown = line[start:end].decode("utf-8", "replace")
    return f"`{'...' if start else ''}{shown}{'...' if end < len(line) else ''}`" if line else "empty"
