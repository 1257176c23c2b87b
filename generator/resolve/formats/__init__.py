"""What an attachment can say about packages: SPDX, CycloneDX, apko configuration, SLSA provenance.

A format is a row of `FORMATS`; a new one is a new row and its reader.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from generator.document import decode
from generator.errors import MalformedError
from generator.package.purl import Package
from generator.record.index import FormatName
from generator.resolve.formats.apko import read_apko
from generator.resolve.formats.cyclonedx import read_cyclonedx
from generator.resolve.formats.slsa import read_slsa
from generator.resolve.formats.spdx import read_spdx

Read = Callable[[bytes, str, str], frozenset[Package]]
"""Given the document, what to call it in a message, and a purl type to read beside the installed ones."""


@dataclass(frozen=True, slots=True)
class Format:
    """`is_sbom`: lists what is installed, and so is asked before what merely names versions."""

    name: FormatName
    predicates: tuple[str, ...]
    media_types: tuple[str, ...]
    is_sbom: bool
    read: Read


SPDX = Format("spdx", ("https://spdx.dev/Document",), ("application/spdx+json", "text/spdx+json"), True, read_spdx)
CYCLONEDX = Format(
    "cyclonedx",
    ("https://cyclonedx.org/bom", "https://cyclonedx.org/schema"),
    ("application/vnd.cyclonedx+json",),
    True,
    read_cyclonedx,
)
APKO = Format("apko", ("https://apko.dev/image-configuration",), (), False, read_apko)
SLSA = Format("slsa", ("https://slsa.dev/provenance/v1",), (), False, read_slsa)

FORMATS = (SPDX, CYCLONEDX, APKO, SLSA)


def of_predicate(predicate_type: str) -> Format | None:
    """The format of an in-toto predicate type; a version may follow it, as in `https://spdx.dev/Document/v2.3`."""
    for format_ in FORMATS:
        if any(predicate_type == p or predicate_type.startswith(f"{p}/") for p in format_.predicates):
            return format_
    return None


def of_media_type(media_type: str) -> Format | None:
    """The format of a plain document's media type, parameters aside."""
    bare = media_type.partition(";")[0].strip().lower()
    return next((format_ for format_ in FORMATS if bare in format_.media_types), None)


class _Marks(Struct, frozen=True, rename="camel"):
    spdx_version: object = None
    bom_format: object = None


def of_document(data: bytes) -> Format | None:
    """The SBOM format that a document says itself that it is of."""
    try:
        marks = decode(data, _Marks, "")
    except MalformedError:
        return None
    return SPDX if marks.spdx_version else CYCLONEDX if marks.bom_format else None
