"""What a check finds, and how it reads a document."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from jsonschema import Draft202012Validator
from msgspec import Struct

from generator.record.index import encode

T = TypeVar("T", bound=Struct)


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, or a mere note where a refresh that died explains it. `file` is relative to the index."""

    file: str
    what: str
    is_note: bool = False


def document(folder: Path, file: str, shape: type[T]) -> Generator[Finding, None, T | None]:
    """The document, or None where it is missing or not what the schema asks for."""
    try:
        data = (folder / file).read_bytes()
        found = msgspec.json.decode(data, type=shape)
    except FileNotFoundError:
        return None
    except OSError as error:
        yield Finding(file, f"cannot be read: {error.strerror or error}")
        return None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        for what in _violations(data, shape) or [str(error)]:
            yield Finding(file, what)
        return None
    if encode(found) != data:
        yield Finding(file, "was edited: its keys, order or layout are not as they are generated")
    return found


def _violations(data: bytes, shape: type[Struct]) -> list[str]:
    """All that the schema has against a document; msgspec, which reads the same rules faster, names only the first."""
    try:
        errors = list(Draft202012Validator(msgspec.json.schema(shape)).iter_errors(json.loads(data)))
    except (ValueError, RecursionError):
        return []
    return [f"{error.json_path}: {error.message}" for error in errors]
