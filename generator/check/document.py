"""A document of the index, read more strictly than anything else reads it."""

import json
from collections import Counter
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from jsonschema import Draft202012Validator
from msgspec import Struct

from generator.check.finding import Finding, difference
from generator.errors import BrokenIndexError
from generator.files import inside
from generator.files import read as read_file
from generator.record.index import encode

T = TypeVar("T", bound=Struct)

_MARK = b"\xef\xbb\xbf"
# A document of another kind has as many faults as it has keys; and what Python makes a number of has so many digits.
_MOST = 20
_DIGITS = 20


def read(folder: Path, file: str) -> Generator[Finding, None, bytes | None]:
    """None where there is no such file, or a link or device that `generator.check.folder` names."""
    try:
        return read_file(inside(folder, file))
    except (FileNotFoundError, BrokenIndexError):
        return None
    except OSError as error:
        yield Finding(file, f"cannot be read: {error.strerror or error}")
        return None


def document(folder: Path, file: str, shape: type[T]) -> Generator[Finding, None, T | None]:
    """The document, or None where it is missing or not what the schema asks for."""
    data = yield from read(folder, file)
    if data is None:
        return None
    clean = data.removeprefix(_MARK).replace(b"\r\n", b"\n")
    if data.startswith(_MARK):
        yield Finding(file, "begins with a byte order mark, should begin with {")
    if b"\r\n" in data:
        yield Finding(file, "has line ends of Windows (CR LF), should have LF alone; `* -text` in .gitattributes")
    try:
        found = msgspec.json.decode(clean, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        yield from _first(file, _violations(clean, shape) or [str(error)])
        return None
    due = encode(found)
    if due != clean:
        yield from _first(file, [*_keys(clean, due)] or [f"was edited: {difference(clean, due)}"])
    return found


def _first(file: str, found: list[str]) -> Iterator[Finding]:
    yield from (Finding(file, what) for what in islice(found, _MOST))
    if len(found) > _MOST:
        yield Finding(file, f"has {len(found) - _MOST} more faults of this kind")


def _violations(data: bytes, shape: type[Struct]) -> list[str]:
    """All that the schema has against a document; msgspec, which reads the same rules faster, names only the first."""
    try:
        errors = list(Draft202012Validator(msgspec.json.schema(shape)).iter_errors(json.loads(data)))
    except (ValueError, RecursionError):
        return []
    return [f"{error.json_path}: {error.message}" for error in errors]


def _keys(data: bytes, due: bytes) -> Iterator[str]:
    """The keys that the generator would not have written, or not so."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(name for name, _ in pairs)
        twice.extend(sorted(name for name, count in counts.items() if count > 1))
        return dict(pairs)

    there = json.loads(data, object_pairs_hook=once, parse_int=_number)
    yield from (f"key {name} is there twice in one object, should be there once" for name in twice)
    yield from _compared(there, json.loads(due, parse_int=_number), "$")


def _number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _DIGITS else digits


def _compared(there: Any, due: Any, path: str) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(due, dict):
        yield from (
            f"{path}.{key} is no key of this document, should not be there" for key in sorted(there.keys() - due.keys())
        )
        yield from (
            f"{path}.{key} is missing, should be {json.dumps(due[key])}" for key in sorted(due.keys() - there.keys())
        )
        for key in sorted(there.keys() & due.keys()):
            yield from _compared(there[key], due[key], f"{path}.{key}")
    elif isinstance(there, list) and isinstance(due, list):
        for position, (one, other) in enumerate(zip(there, due, strict=False)):
            yield from _compared(one, other, f"{path}[{position}]")
    elif there != due:
        yield f"{path} is {json.dumps(there)}, should be written {json.dumps(due)}"
