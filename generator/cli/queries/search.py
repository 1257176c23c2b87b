"""`reverse-registry search`."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from generator.cli.conventions import AsJson, Index
from generator.cli.output import count, short, show_json, show_line
from generator.cli.queries.arguments import DEFAULT
from generator.cli.table import show_table
from generator.errors import ConfigurationError
from generator.query.library import Library
from generator.query.range import Range, newest_versions
from generator.query.reference import closest
from generator.query.search import Found, Group, Match, grouped
from generator.query.search import search as search_library
from generator.record.index import Build

_SHOWN = 5


def search(
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="Its full name, such as libssl3.")],
    version: Annotated[str | None, typer.Option(metavar="RANGE", help="Only these versions of it; see above.")] = None,
    tagged: Annotated[bool, typer.Option("--tagged", help="A row for each build that a tag points at now.")] = False,
    every: Annotated[bool, typer.Option("--all", help="A row for each build.")] = False,
    index: Index = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Find every build that contains a package: who still has xz 5.6.0?

    RANGE is a version, meaning any revision of it: 5.6.0 finds 5.6.0-r1 too. Or it is comparisons that all hold:
    '=5.6.0-r0', '!=5.6.0-r0', '>=5.6,<5.7'. They go by the rules of the distribution that made the package, where
    5.6.0-r1 is higher than 5.6.0, and 5.6.0_rc1 is lower.

    There is a row for each image and version of the package, that with the newest build first.

    Exit code 0, whether or not any build has it.
    """
    if not package.strip():
        raise ConfigurationError("which package? Write its full name, such as libssl3")
    if tagged and every:
        raise ConfigurationError("--tagged and --all: choose one; --all has the builds that no tag points at too")
    found = search_library(Library(index), package, Range.parse(version) if version is not None else None)
    matches = [each for each in found.matches if each.tags or not tagged]
    if as_json:
        versions = sorted({each.version for each in found.versions})
        return show_json({"package": package, "matches": matches, "versions": versions, "unknown": found.unknown})
    if not matches:
        show_line(_nothing(found, package, version, is_tagged=bool(found.matches)))
    elif tagged or every:
        _show_builds(package, matches)
    else:
        _show_groups(package, grouped(matches))
    if matches:
        images = len({each.image for each in matches})
        show_line(f"{count(len(matches), 'build')} in {count(images, 'image')}")
    if found.unknown:
        show_line(f"{count(found.unknown, 'build')} came without an SBOM and may have anything")
    return None


def _show_groups(package: str, groups: Iterable[Group]) -> None:
    rows = [
        (each.image, each.package.version, _range(each.builds), len(each.builds), _days(each.builds), _tags(each.tags))
        for each in groups
    ]
    show_table(("image", package, "in version", "builds", "seen", "tags"), rows, ("builds", "seen", "in version"))


def _show_builds(package: str, matches: Iterable[Match]) -> None:
    rows = [
        (
            each.image,
            each.package.version,
            each.build.version or "unknown",
            f"{each.build.seen:%Y-%m-%d}",
            short(each.build.digest),
            " ".join(each.tags) or "none",
        )
        for each in matches
    ]
    show_table(("image", package, "in version", "seen", "digest", "tags"), rows, ("in version", "digest", "seen"))


def _range(builds: Sequence[Build]) -> str:
    """The versions of the image, from the oldest build to the newest."""
    newest, oldest = (builds[at].version or "unknown" for at in (0, -1))
    return newest if newest == oldest else f"{oldest} .. {newest}"


def _days(builds: Sequence[Build]) -> str:
    newest, oldest = (f"{builds[at].seen:%Y-%m-%d}" for at in (0, -1))
    return newest if newest == oldest else f"{oldest} .. {newest}"


def _tags(tags: Sequence[str]) -> str:
    """A few of them, the shortest first: that a tag still leads there is what matters."""
    shown = sorted(tags, key=lambda tag: (len(tag), tag))
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{' '.join(shown[:_SHOWN])}{more}" if shown else "none"


def _nothing(found: Found, package: str, version: str | None, *, is_tagged: bool) -> str:
    if is_tagged:
        return f"no tag points at a build with {package} now; {count(len(found.matches), 'build')} of old: see --all"
    if not found.versions:
        return f"no build has {package}{closest(package, found.names)}"
    known = newest_versions(found.versions)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"no build has {package} {version}; the index has {', '.join(known[:_SHOWN])}{more}"
