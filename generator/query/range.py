"""A range of package versions, compared by the rules of whatever distribution made the package."""

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from generator.document import printable
from generator.errors import ConfigurationError
from generator.package.version import Version
from generator.record.difference import Installed

_COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PART = re.compile(r"\s*(<=|>=|!=|<|>|=|)\s*([^\s<>=!,]+)\s*")


@dataclass(frozen=True, slots=True)
class Range:
    """All of `comparisons` hold: an operator, or none for that version in any revision, and a version."""

    comparisons: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`>=5.6,<5.7`, `=5.6.0-r0` or `5.6.0`. Raises `ConfigurationError`."""
        parts = [_PART.fullmatch(part) for part in text.split(",")]
        comparisons = tuple((part[1], part[2]) for part in parts if part)
        if len(comparisons) < len(parts):
            raise ConfigurationError(f"{printable(text)!r} is not a range of versions; write 5.6.0 or >=5.6,<5.7")
        return cls(comparisons)

    def holds(self, type_: str, text: str) -> bool:
        """Whether a package's version is in the range. Raises `ConfigurationError` where a bound is no version."""
        return all(_holds(sign, bound, type_, text) for sign, bound in self.comparisons)


def newest_versions(packages: Iterable[Installed]) -> list[str]:
    """The versions of a package, newest first; what is no version by its distribution's rules comes last."""
    known: dict[str, Version] = {}
    odd: list[str] = []
    for each in packages:
        try:
            known[each.version] = Version(each.origin.partition("/")[0], each.version)
        except ValueError:
            odd.append(each.version)
    return [*sorted(known, key=known.__getitem__, reverse=True), *sorted(set(odd))]


def _holds(sign: str, bound: str, type_: str, text: str) -> bool:
    try:
        version = Version(type_, text)
    except ValueError:
        return text == bound and sign in ("", "=")
    if not sign:
        return bound in (text, version.upstream) or text.startswith(f"{bound}-")
    try:
        return bool(_COMPARISONS[sign](version, Version(type_, bound)))
    except ValueError:
        raise ConfigurationError(f"{printable(bound)!r} is not a version of a package of type {type_}") from None
