"""Two records of one build, field by field."""

from collections.abc import Iterator

import msgspec

from generator.record.index import Build


def differing(one: Build, other: Build) -> Iterator[tuple[str, str, str]]:
    """The fields that differ as the index names them, with the value in each as JSON."""
    for field in msgspec.structs.fields(Build):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if first != second:
            yield field.encode_name, msgspec.json.encode(first).decode(), msgspec.json.encode(second).decode()
