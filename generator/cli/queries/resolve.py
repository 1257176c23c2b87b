"""`reverse-registry resolve`."""

from collections.abc import Iterator
from typing import Any

import msgspec

from generator.cli.conventions import AsJson, Index
from generator.cli.output import show_json, show_line
from generator.cli.queries.arguments import DEFAULT, ImageTag
from generator.cli.table import show_facts
from generator.query.library import Library
from generator.query.reference import Reference
from generator.query.resolution import Resolution
from generator.record.index import Build


def resolve(image: ImageTag, index: Index = DEFAULT, as_json: AsJson = False) -> None:
    """Tell which build a tag or digest is, and why that one.

    IMAGE:TAG may have a registry before it, as a client has it. IMAGE@DIGEST, or a digest alone, is looked up in
    reverse, also where it is that of one platform; its first 12 digits will do.

    The last line is for pasting: the build by digest, straight from upstream.

    Exit code: 0 found, 2 there is no such image, tag or digest.
    """
    found = Library(index).find(Reference.parse(image))
    if as_json:
        first, *others = map(_document, found)
        return show_json(first | {"others": others})
    for number, each in enumerate(found):
        if number:
            show_line("")
        show_facts(_facts(each))
        show_line(each.pull)
    return None


def _document(found: Resolution) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(found)
    return fields | {"pull": found.pull}


def _facts(found: Resolution) -> Iterator[tuple[str, object]]:
    build = found.build
    yield "image", found.image
    yield "version", f"{build.version} ({build.purl})" if build.version else f"unknown{_reason(build)}"
    yield "tags", " ".join(found.tags) or "none points at it now"
    yield "why", found.why
    yield "made", f"{build.created:%Y-%m-%d %H:%M} UTC" if build.created else "unknown"
    yield "seen", f"{build.seen:%Y-%m-%d %H:%M} UTC, on {build.track}"
    if build.gone:
        yield "gone", f"{build.gone:%Y-%m-%d %H:%M} UTC: upstream no longer has it"
    yield "platforms", ", ".join(build.platforms) or "none"
    yield "SBOM", f"{build.sbom.format}, {build.sbom.kind}{_signer(build)}" if build.sbom else "none"
    yield "digest", found.digest
    if found.digest != build.digest:
        yield "build", build.digest


def _reason(build: Build) -> str:
    if build.unknown is None:
        return ""
    candidates = f"; candidates: {', '.join(build.unknown.candidates)}" if build.unknown.candidates else ""
    return f": {build.unknown.reason}{candidates}"


def _signer(build: Build) -> str:
    return f", signed by {build.sbom.identity}" if build.sbom and build.sbom.verified else ""
