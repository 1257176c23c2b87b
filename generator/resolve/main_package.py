"""Which installed package an image is about (design, section 5)."""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache

from generator.document import printable
from generator.errors import NoneFitsError, VersionUnknownError
from generator.package.purl import Package
from generator.package.version import Version
from generator.resolve.aliases import ALIASES, own_names
from generator.resolve.system import is_system

LABEL = "dev.chainguard.package.main"
TITLES = ("dev.chainguard.image.title", "org.opencontainers.image.title")

# Whose packages are asked first: the publisher's own, then the operating system's with what was built beside it.
_RANKS = (("apk",), ("bitnami",), ("deb", "rpm", "generic"))
_SYSTEMS = frozenset({"deb", "rpm"})
_STREAMED = frozenset({"apk", "bitnami"})
_STREAM = r"\d+(?:\.\d+)*"
_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_SHOWN = 8
DISAGREE = "the SBOMs of the build disagree about its version"

Step = Callable[[list[Package]], list[Package]]


def own_label(labels: Mapping[str, str], names: Iterable[str]) -> str:
    """The package that the image's label names; "" where it names none, or another image was labelled, built upon."""
    label = labels.get(LABEL, "").strip()
    title = next((text for key in TITLES if (text := labels.get(key, "").strip())), "")
    return label if title in set(names) and _NAME.fullmatch(label) else ""


def main_package(packages: Iterable[Package], wanted: str | None, label: str, names: Iterable[str]) -> Package:
    """The package that gives a build its version.

    `wanted` is `package` of images.toml, and where it is given nothing else decides; `label` is `own_label`'s, and
    `names` are the image's. Raises `VersionUnknownError` where none fits or several do, or where the one that fits has
    a version that its distribution does not take for one.
    """
    installed, names = _distinct(packages), tuple(names)
    if wanted:
        by, near = f"package = {wanted!r} in images.toml", [wanted.rpartition("/")[2]]
        found = _by_type(installed, wanted, by) if "/" in wanted else _first(installed, _wanted(wanted), by, named=True)
    else:
        own = own_names(names)
        aliases = [alias for name in own for alias in ALIASES.get(name, ())]
        by, near = f"the image's name {names[0]!r}", [*own, *aliases]
        found = _first(installed, _labelled(label), f"the image's label {LABEL}")
        found = found or _first(installed, [*(step for name in own for step in _named(name)), _aliased(aliases)], by)
    if found is None:
        raise _unknown(f"no installed package fits {by}", _near(installed, near), NoneFitsError)
    return _sound(found)


def agreed(found: Iterable[Package]) -> Package:
    """The one of what several documents name; of distributions of different kinds, the one asked first.

    Raises `VersionUnknownError` where their versions differ.
    """
    ranked = sorted(set(found), key=lambda package: (_rank(package), package))
    first = ranked[0]
    for other in ranked[1:]:
        same = other.version == first.version if other.type == first.type else _upstream(other) == _upstream(first)
        if not same:
            raise VersionUnknownError(f"{DISAGREE}: {_listed(ranked)}", DISAGREE, tuple(ranked))
    return first


def _rank(package: Package) -> int:
    return next((rank for rank, types in enumerate(_RANKS) if package.type in types), len(_RANKS))


def _distinct(packages: Iterable[Package]) -> list[Package]:
    """Sorted; what stands in two namespaces of a distribution is one, and a `generic` of no version (a digest) none."""
    found: dict[tuple[str, str, str], Package] = {}
    for package in sorted(package for package in packages if package.type != "generic" or _is_valid(package)):
        name = package.name if package.type in _STREAMED | _SYSTEMS else package.path
        found.setdefault((package.type, name, package.version), package)
    return list(found.values())


def _wanted(name: str) -> list[Step]:
    return [_exact(name), _with_stream(name)]


def _labelled(label: str) -> list[Step]:
    return _wanted(label) if label else []


def _named(name: str) -> list[Step]:
    """The name as it is, with a stream at its end, with a stream at any one of its hyphens."""
    return [_exact(name), _with_stream(name), _with_stream(*_split(name))]


def _split(name: str) -> list[str]:
    """`a-b-c`: `a-{}-b-c`, `a-b-{}-c`."""
    return [f"{name[: at.start()]}-{{}}{name[at.start() :]}" for at in re.finditer("-", name)]


def _aliased(aliases: Iterable[str]) -> Step:
    """Every alias, exactly or else with a stream, of packages of any type; of several with one version the first."""

    def step(packages: list[Package]) -> list[Package]:
        found: list[Package] = []
        for alias in aliases:
            for types in _RANKS[0], _RANKS[1], ("deb",), ("rpm",), ("generic",):
                of_types = [package for package in packages if package.type in types]
                exact = _exact(alias)(of_types)
                found += exact or [package for package in of_types if _pattern(alias).fullmatch(package.name)]
        return found[:1] if len({(package.type, package.version) for package in found}) == 1 else found

    return step


def _exact(name: str) -> Step:
    return lambda packages: [package for package in packages if package.name == name]


def _with_stream(*names: str) -> Step:
    patterns = [_pattern(name) for name in names]

    def step(packages: list[Package]) -> list[Package]:
        of_types = (package for package in packages if package.type in _STREAMED)
        return [package for package in of_types if any(pattern.fullmatch(package.name) for pattern in patterns)]

    return step


@lru_cache(maxsize=4096)
def _pattern(name: str) -> re.Pattern[str]:
    """`name` with a version stream for each `{}`, or where it has none at its end: `python-3.13`, `python3`."""
    parts = (name if "{}" in name else f"{name}-{{}}").split("{}")
    expression = re.escape(parts[-1])
    for part in reversed(parts[:-1]):
        head = part.removesuffix("-")
        separator = "" if part == head else "[-.]" if head[-1:].isdigit() else "-?"
        expression = f"{re.escape(head)}{separator}{_STREAM}{expression}"
    return re.compile(expression)


def _first(installed: list[Package], steps: Iterable[Step], by: str, *, named: bool = False) -> Package | None:
    """What the first step that fits anything leads to; the packages of each rank are asked all steps in turn.

    `named`: a person has named the package, so that one of the system's own counts as well.
    """
    steps = list(steps)
    for types in _RANKS:
        of_types = [package for package in installed if package.type in types]
        for step in steps:
            if chosen := _choose(step(of_types), by, named=named):
                return chosen
    return None


def _choose(found: list[Package], by: str, *, named: bool) -> Package | None:
    """The one that was found; what was built beside the system's packages has to be of the same upstream version."""
    of_system = [package for package in found if package.type in _SYSTEMS]
    built = [package for package in found if package not in of_system]
    if of_system and built and len({_upstream(package) for package in found}) > 1:
        raise _several(found, by)
    counted = [package for package in of_system if named or not is_system(package)] or built
    if len(counted) > 1:
        raise _several(counted, by)
    return counted[0] if counted else None


def _by_type(installed: list[Package], wanted: str, by: str) -> Package | None:
    """What bears the type and path of a package URL: `generic/perl`, `golang/github.com/a/b`; or the type and name."""
    type_, _, path = wanted.partition("/")
    of_type = [package for package in installed if package.type == type_.lower()]
    for found in (
        [package for package in of_type if package.path == path],
        _exact(path)(of_type),
        _with_stream(path)(of_type),
    ):
        if len(found) > 1:
            raise _several(found, by)
        if found:
            return found[0]
    return None


def _upstream(package: Package) -> str:
    """Without what a distribution adds (`2.39.5+dfsg`); a version that is none is its own."""
    try:
        return re.split(r"[+~]", Version(package.type, package.version).upstream, maxsplit=1)[0]
    except ValueError:
        return package.version


def _is_valid(package: Package) -> bool:
    try:
        return Version(package.type, package.version).is_valid
    except ValueError:
        return False


def _sound(package: Package) -> Package:
    if not _is_valid(package):
        raise _unknown(f"the version of {printable(package.name)} is none by the rules of {package.type}", [package])
    return package


def _several(found: list[Package], by: str) -> VersionUnknownError:
    return _unknown(f"several packages fit {by}", found)


def _unknown(
    reason: str, candidates: list[Package], error: type[VersionUnknownError] = VersionUnknownError
) -> VersionUnknownError:
    message = f'{reason}; candidates: {_listed(candidates)}; settle it with package = "..."'
    return error(message, reason, tuple(candidates[:_SHOWN]))


def _listed(packages: list[Package]) -> str:
    is_mixed = len({package.type for package in packages}) > 1
    texts = [f"{f'{each.type}/' * is_mixed}{each.name} {each.version}" for each in packages]
    shown, more = ", ".join(texts[:_SHOWN]), len(texts) - _SHOWN
    return (f"{shown} and {more} more" if more > 0 else shown) or "none"


def _near(installed: list[Package], words: list[str]) -> list[Package]:
    stems = {re.split(r"-?\{\}", word)[0] for word in words} - {"py"}
    named = [package for package in installed if any(stem in package.name for stem in stems)]
    names = [package.name for package in installed]
    close = {name for stem in stems for name in get_close_matches(stem, names, _SHOWN)}
    return named or [package for package in installed if package.name in close] or installed
