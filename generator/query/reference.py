"""What people ask about: `IMAGE:TAG`, `IMAGE@DIGEST`, a digest alone, or any of them with a registry before it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

from generator.document import printable
from generator.errors import ConfigurationError

_SHOWN = 4
_HEXADECIMAL = re.compile(r"[0-9a-f]{7,128}")
_ALGORITHM = re.compile(r"sha(?:256|512):[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Reference:
    """`host`, `name`, `tag` or `digest` is empty where it was not said; a digest counts more than a tag beside it.

    A digest may be cut short. Without a `name` it is looked for in every image.
    """

    host: str
    name: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ConfigurationError` where neither tag nor digest is given."""
        before, _, digest = text.removeprefix("docker://").partition("@")
        if not digest and (_ALGORITHM.fullmatch(before.lower()) or _HEXADECIMAL.fullmatch(before.lower())):
            return cls("", "", "", before.lower())
        path, colon, tag = before.rpartition(":")
        if not colon or "/" in tag:
            path, tag = before, ""
        host, slash, name = path.partition("/")
        if not slash or not _is_host(host):
            host, name = "", path
        if not name:
            raise ConfigurationError(f"{printable(text)!r}: which image? Write IMAGE:TAG, IMAGE@DIGEST or a digest")
        if not tag and not digest:
            shown = printable(text.rstrip(":@"))
            raise ConfigurationError(f"{shown}: which build? Write {shown}:TAG, such as {shown}:latest")
        return cls(host, name, "" if digest else tag, digest.lower())

    @property
    def path(self) -> str:
        """The name with its registry, as it was written."""
        return f"{self.host}/{self.name}" if self.host else self.name

    def __str__(self) -> str:
        return f"{self.path}@{self.digest}" if self.digest else f"{self.path}:{self.tag}"


def _is_host(text: str) -> bool:
    """As docker tells a registry from the first part of a name."""
    return "." in text or ":" in text or text == "localhost"


def closest(word: str, names: Iterable[str]) -> str:
    """The end of a message that says that there is no `word` among `names`."""
    known = sorted(names, key=lambda name: (len(name), name))
    word = word.lower()
    if close := get_close_matches(word, known, _SHOWN) or [name for name in known if word in name][:_SHOWN]:
        return f"; the closest: {', '.join(map(printable, close))}"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"; known: {', '.join(map(printable, known[:_SHOWN]))}{more}" if known else "; none is known yet"
