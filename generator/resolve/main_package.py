"""Which installed package an image is about."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from generator.errors import VersionUnknownError
from generator.resolve.package import Package

LABEL = "dev.chainguard.package.main"

_STREAM = r"\d+(?:\.\d+)*"
_SHOWN = 8

# Where an image's name and its package's differ. `{}` is the version stream; without it, one may follow.
ALIASES = {
    "aspnet-runtime": ("aspnet-{}-runtime",),
    "dotnet-runtime": ("dotnet-{}-runtime",),
    "dotnet-sdk": ("dotnet-{}-sdk",),
    "golang": ("go",),
    "httpd": ("apache2",),
    "jdk": ("openjdk", "openjdk-{}-jdk"),
    "jre": ("openjdk-{}-jre", "openjdk"),
    "mongo": ("mongodb",),
    "node": ("nodejs",),
    "postgres": ("postgresql",),
}


def main_package(packages: Iterable[Package], wanted: str | None, label: str, names: Iterable[str]) -> Package:
    """The package that gives a build its version.

    `wanted` is `package` of images.toml and `label` the image's own word: where one is given, it decides. Else the
    image's `names` do, alone or with a version stream (`python` -> `python-3.13`), and after them their aliases.
    Raises `VersionUnknownError` with the candidates where none or several fit.
    """
    installed = sorted(packages)
    if wanted:
        return _only(installed, (wanted,), f"package = {wanted!r} in images.toml")
    if label:
        return _only(installed, (label,), f"the image's label {LABEL} = {label!r}")
    patterns = [pattern for name in dict.fromkeys(names) for pattern in (name, *ALIASES.get(name, ()))]
    return _only(installed, patterns, f"the image's name {patterns[0]!r}")


def _only(installed: list[Package], patterns: Iterable[str], by: str) -> Package:
    for pattern in patterns:
        for found in _matches(installed, pattern):
            if len(found) == 1:
                return found[0]
            if found:
                raise VersionUnknownError(f'several packages fit {by}: {_list(found)}; settle it with package = "..."')
    raise VersionUnknownError(
        f"no installed package fits {by}; candidates: {_list(_near(installed, list(patterns)))}; "
        'settle it with package = "..."'
    )


def _matches(installed: list[Package], pattern: str) -> Iterator[list[Package]]:
    """What bears the name itself, then what bears it with a version stream."""
    head, stream, tail = pattern.partition("{}")
    if not stream:
        yield [package for package in installed if package.name == pattern]
    separator = "[-.]" if head[-1:].isdigit() else "-?"
    expression = re.compile(f"{re.escape(head.removesuffix('-'))}{separator}{_STREAM}{re.escape(tail)}")
    yield [package for package in installed if expression.fullmatch(package.name)]


def _near(installed: list[Package], patterns: list[str]) -> list[Package]:
    words = {pattern.partition("-{}")[0] for pattern in patterns}
    named = [package for package in installed if any(word in package.name for word in words)]
    names = [package.name for package in installed]
    close = {name for word in words for name in get_close_matches(word, names, _SHOWN)}
    return named or [package for package in installed if package.name in close] or installed


def _list(packages: list[Package]) -> str:
    shown = ", ".join(f"{package.name} {package.version}" for package in packages[:_SHOWN])
    more = len(packages) - _SHOWN
    return (f"{shown} and {more} more" if more > 0 else shown) or "none"
