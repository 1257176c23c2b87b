"""Commands that ask the index: resolve, packages, diff, log, search."""

from pathlib import Path
from typing import Annotated

import typer

from generator.cli.conventions import AsJson, Index
from generator.cli.output import count, short, show_json, show_line, show_table
from generator.document import printable
from generator.errors import ConfigurationError
from generator.query.library import Library
from generator.query.range import Range
from generator.query.reference import Reference, closest
from generator.query.resolution import Resolution
from generator.query.search import search as search_library
from generator.record.difference import difference, installed
from generator.record.index import Build
from generator.record.packages import expand
from generator.render.story import entries

_SHOWN = 6

ImageTag = Annotated[str, typer.Argument(metavar="IMAGE:TAG", help="Or IMAGE@DIGEST, which may be cut short.")]


def resolve(image: ImageTag, index: Index = Path("index"), as_json: AsJson = False) -> None:
    """Tell which build a tag is, and why that one."""
    found = Library(index).resolve(Reference.parse(image))
    if as_json:
        return show_json(found)
    build = found.build
    facts = {
        "digest": build.digest,
        "why": found.why,
        "version": f"{build.version or 'unknown'} ({build.purl or 'no main package'})",
        "track": build.track,
        "created": f"{build.created:%Y-%m-%d %H:%M} UTC" if build.created else "unknown",
        "seen": f"{build.seen:%Y-%m-%d %H:%M} UTC",
        "platforms": ", ".join(build.platforms),
        "SBOM": f"{build.sbom.format}, {build.sbom.kind}" if build.sbom else "none",
        "tags": " ".join(found.tags),
    }
    return show_table((found.image, ""), facts.items())


def packages(image: ImageTag, index: Index = Path("index"), as_json: AsJson = False) -> None:
    """List the packages of a build."""
    library = Library(index)
    found = library.resolve(Reference.parse(image))
    listed = installed(library.packages(found.image, found.build))
    if as_json:
        return show_json({"image": found.image, "build": found.build, "packages": listed})
    return show_table(("package", "version", "from"), [(each.name, each.version, each.origin) for each in listed])


def diff(
    before: ImageTag,
    after: Annotated[str, typer.Argument(metavar="IMAGE:TAG", help="What to compare it with.")],
    index: Index = Path("index"),
    as_json: AsJson = False,
) -> None:
    """Compare the packages of two builds."""
    library = Library(index)
    old, new = library.resolve(Reference.parse(before)), library.resolve(Reference.parse(after))
    found = difference(library.packages(old.image, old.build), library.packages(new.image, new.build))
    if as_json:
        return show_json({"before": _named(old), "after": _named(new), "difference": found})
    rows = [
        *(("changed", each.name, each.before, each.after, each.origin) for each in found.changed),
        *(("added", each.name, "", each.version, each.origin) for each in found.added),
        *(("removed", each.name, each.version, "", each.origin) for each in found.removed),
    ]
    if rows:
        show_table(("", "package", _label(old), _label(new), "from"), rows)
    return show_line(f"{len(found.changed)} changed, {len(found.added)} added, {len(found.removed)} removed")


def log(
    image: Annotated[str, typer.Argument(metavar="IMAGE")],
    track: Annotated[str | None, typer.Option(help="Only builds of this upstream tag, such as latest.")] = None,
    index: Index = Path("index"),
    as_json: AsJson = False,
) -> None:
    """Show what changed from build to build, newest first."""
    library = Library(index)
    found = library.image(image)
    tracks = {build.track for build in found.builds}
    if track is not None and track not in tracks:
        raise ConfigurationError(f"{image} has no track {printable(track)}{closest(track, tracks)}")
    story = [
        entry for entry in entries(found, expand(library.store.packages(image))) if track in (None, entry.build.track)
    ]
    if as_json:
        return show_json({"image": image, "builds": story})
    rows = []
    for entry in story:
        lines = entry.changes.lines() if entry.changes else []
        shown = lines if len(lines) <= _SHOWN else [*lines[: _SHOWN - 1], f"and {len(lines) - _SHOWN + 1} more"]
        if entry.changes is None:
            shown = [
                "packages unknown" if entry.packages is None else f"first, with {count(entry.packages, 'package')}"
            ]
        build = entry.build
        number = len(lines) or ""
        rows.append((_seen(build), build.track, short(build.digest), build.version or "unknown", number, shown))
    return show_table(("seen", "track", "digest", "version", "n", "changed"), rows, ("", "", "dim"))


def search(
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="Its full name, such as libssl3.")],
    version: Annotated[str | None, typer.Option(metavar="RANGE", help="Only these versions of it; see above.")] = None,
    index: Index = Path("index"),
    as_json: AsJson = False,
) -> None:
    """Find every build that contains a package: who still has xz 5.6.0?

    RANGE is a version, meaning any revision of it: 5.6.0 finds 5.6.0-r1 too.

    Or it is comparisons that all hold: '=5.6.0-r0', '!=5.6.0-r0', '>=5.6,<5.7'.
    They go by the rules of the distribution that made the package,
    where 5.6.0-r1 is higher than 5.6.0, and 5.6.0_rc1 is lower.

    Exit code 0, whether or not any build has it.
    """
    found = search_library(Library(index), package, Range.parse(version) if version is not None else None)
    if as_json:
        return show_json(
            {"package": package, "matches": found.matches, "versions": sorted(found.versions), "unknown": found.unknown}
        )
    if found.matches:
        rows = [
            (
                each.image,
                each.package.version,
                _seen(each.build),
                short(each.build.digest),
                " ".join(each.tags) or "none",
            )
            for each in found.matches
        ]
        show_table(("image", package, "seen", "digest", "tags"), rows, ("", "", "", "dim"))
        images = len({each.image for each in found.matches})
        show_line(f"{count(len(found.matches), 'build')} in {count(images, 'image')}")
    elif found.versions:
        show_line(f"no build has {package} {version}; the index has {', '.join(sorted(found.versions))}")
    else:
        show_line(f"no build has {package}{closest(package, found.names)}")
    if found.unknown:
        show_line(f"{count(found.unknown, 'build')} came without an SBOM and may have anything")
    return None


def _named(found: Resolution) -> dict[str, object]:
    return {"image": found.image, "build": found.build}


def _label(found: Resolution) -> str:
    return f"{found.image} {found.build.version or ''} {short(found.build.digest)}"


def _seen(build: Build) -> str:
    return f"{build.seen:%Y-%m-%d}"
