"""What people ask about: `IMAGE`, `IMAGE:TAG` or `IMAGE@DIGEST`."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

from generator.document import printable
from generator.errors import ConfigurationError

_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Reference:
    """`tag` or `digest` is empty. As docker has it, a digest counts more than a tag beside it."""

    name: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ConfigurationError` where neither tag nor digest is given."""
        before, _, digest = text.partition("@")
        name, _, tag = before.partition(":")
        if not tag and not digest:
            shown = printable(text.rstrip(":@"))
            raise ConfigurationError(f"{shown}: which build? Write {shown}:TAG, such as {shown}:latest")
        return cls(name, "" if digest else tag, digest)

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def closest(word: str, names: Iterable[str]) -> str:
    """The end of a message that says that there is no `word` among `names`."""
    known = sorted(names, key=lambda name: (len(name), name))
    if close := get_close_matches(word, known, _SHOWN) or [name for name in known if word in name][:_SHOWN]:
        return f"; the closest: {', '.join(map(printable, close))}"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"; known: {', '.join(map(printable, known[:_SHOWN]))}{more}" if known else "; none is known yet"
