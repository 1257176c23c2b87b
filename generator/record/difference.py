"""What is in a build, and what is another in the next."""

from collections.abc import Iterable
from dataclasses import dataclass

from generator.errors import BrokenIndexError
from generator.package.purl import parse_recorded


@dataclass(frozen=True, slots=True, order=True)
class Installed:
    """A package in a build; `origin` is its type and namespace: `apk/wolfi`."""

    name: str
    origin: str
    version: str
    purl: str


@dataclass(frozen=True, slots=True, order=True)
class Changed:
    """A package that is there before and after; of several versions side by side, those that differ."""

    name: str
    origin: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """From one build to another, each by name."""

    added: tuple[Installed, ...]
    removed: tuple[Installed, ...]
    changed: tuple[Changed, ...]

    def __len__(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed)

    def lines(self) -> list[str]:
        """A few words for each."""
        return [
            *(f"{each.name} {each.before} -> {each.after}" for each in self.changed),
            *(f"+{each.name} {each.version}" for each in self.added),
            *(f"-{each.name} {each.version}" for each in self.removed),
        ]


def installed(packages: Iterable[str]) -> tuple[Installed, ...]:
    """Packages as packages.json writes them, by name. Raises `BrokenIndexError`."""
    return tuple(sorted(map(_installed, packages)))


def difference(before: frozenset[str], after: frozenset[str]) -> Difference:
    gone, new = _by_name(before - after), _by_name(after - before)
    return Difference(
        added=tuple(each for key in sorted(new.keys() - gone.keys()) for each in new[key]),
        removed=tuple(each for key in sorted(gone.keys() - new.keys()) for each in gone[key]),
        changed=tuple(
            Changed(*key, ", ".join(each.version for each in gone[key]), ", ".join(each.version for each in new[key]))
            for key in sorted(gone.keys() & new.keys())
        ),
    )


def _by_name(packages: Iterable[str]) -> dict[tuple[str, str], list[Installed]]:
    named: dict[tuple[str, str], list[Installed]] = {}
    for each in installed(packages):
        named.setdefault((each.name, each.origin), []).append(each)
    return named


def _installed(text: str) -> Installed:
    package = parse_recorded(text)
    if package is None:
        raise BrokenIndexError(f"{text} is no package URL; run `reverse-registry check`")
    return Installed(package.name, text.partition("@")[0].rpartition("/")[0], package.version, package.purl)
