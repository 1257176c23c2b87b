"""The table of one image in the text of images.toml."""

import tomllib
from collections.abc import Iterator
from itertools import pairwise

from generator.errors import ConfigurationError


def without(data: bytes, name: str, where: str) -> bytes:
    """images.toml without `[images.NAME]` and its keys; every other line stays, comments around the table included.

    Raises `ConfigurationError` where the image is written otherwise: `[images]` with `NAME.package = …`.
    """
    text = data.decode()
    lines = text.splitlines(keepends=True)
    taken = {number for start, end in _tables(lines, name) for number in range(start, end)}
    rest = "".join(line for number, line in enumerate(lines) if number not in taken)
    expected = tomllib.loads(text)
    del expected["images"][name]
    if not taken or _images(rest) != expected.get("images", {}) or not _is_rest(rest, expected):
        raise ConfigurationError(f"{where}: {name} is not written as a table of its own; take it out by hand")
    return rest.encode()


def _images(text: str) -> object:
    try:
        return tomllib.loads(text).get("images", {})
    except tomllib.TOMLDecodeError:
        return None


def _is_rest(text: str, expected: dict[str, object]) -> bool:
    found = tomllib.loads(text)
    return {key: value for key, value in found.items() if key != "images"} == {
        key: value for key, value in expected.items() if key != "images"
    }


def _tables(lines: list[str], name: str) -> Iterator[tuple[int, int]]:
    """From each header of the image, or of a table within its own, to its last key."""
    headers = [number for number, line in enumerate(lines) if line.lstrip().startswith("[")]
    for number, following in pairwise([*headers, len(lines)]):
        if _header(lines[number]).get("images", {}).keys() == {name}:
            end = following
            while end > number + 1 and _is_blank(lines[end - 1]):
                end -= 1
            yield number, end


def _header(line: str) -> dict[str, dict[str, object]]:
    try:
        return tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return {}


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")
