"""What an attachment can say about packages: SPDX, CycloneDX, apko configuration, SLSA provenance.

A format is a row of `FORMATS`; a new one is a new row and its reader.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from generator.document import decode
from generator.record.index import FormatName
from generator.resolve.package import Package, parse_pin, parse_purl

_REVISION = re.compile(r"-r\d+$")

Read = Callable[[bytes, str], frozenset[Package]]


@dataclass(frozen=True, slots=True)
class Format:
    """`is_sbom`: lists what is installed, and so is asked before what merely names versions."""

    name: FormatName
    predicates: tuple[str, ...]
    media_types: tuple[str, ...]
    is_sbom: bool
    read: Read


class _Reference(Struct, frozen=True, rename="camel"):
    reference_type: str = ""
    reference_locator: str = ""


class _SpdxPackage(Struct, frozen=True, rename="camel"):
    external_refs: tuple[_Reference, ...] | None = None


class _Spdx(Struct, frozen=True, rename="camel"):
    spdx_version: str
    packages: tuple[_SpdxPackage, ...] | None = None


def read_spdx(data: bytes, what: str) -> frozenset[Package]:
    """Installed packages alone: images, layers, recipes and upstream sources have purls of other types (or none)."""
    document = decode(data, _Spdx, what)
    references = (ref for package in document.packages or () for ref in package.external_refs or ())
    return _purls(ref.reference_locator for ref in references if ref.reference_type == "purl")


class _Component(Struct, frozen=True):
    purl: str | None = None
    components: "tuple[_Component, ...] | None" = None


class _CycloneDx(Struct, frozen=True, rename="camel"):
    bom_format: str
    components: tuple[_Component, ...] | None = None


def read_cyclonedx(data: bytes, what: str) -> frozenset[Package]:
    return _purls(_component_purls(decode(data, _CycloneDx, what).components))


def _component_purls(components: tuple[_Component, ...] | None) -> Iterator[str]:
    pending = list(components or ())
    while pending:
        component = pending.pop()
        if component.purl:
            yield component.purl
        pending.extend(component.components or ())


class _Contents(Struct, frozen=True):
    packages: tuple[str, ...] | None = None


class _Apko(Struct, frozen=True):
    contents: _Contents


def read_apko(data: bytes, what: str) -> frozenset[Package]:
    """The pinned packages of a locked apko configuration: `contents.packages: ["nginx=1.27.4-r2", …]`."""
    return _pins(decode(data, _Apko, what).contents.packages or ())


class _BuildDefinition(Struct, frozen=True, rename="camel"):
    internal_parameters: object = None


class _Slsa(Struct, frozen=True, rename="camel"):
    build_definition: _BuildDefinition


def read_slsa(data: bytes, what: str) -> frozenset[Package]:
    """Packages that `buildDefinition.internalParameters` pins, wherever in it they stand (SLSA provenance v1).

    Any other parameter looks like a pin too (`run_id=123`), but has not apk's revision (`-r2`) at its end.
    """
    texts = tuple(_strings(decode(data, _Slsa, what).build_definition.internal_parameters))
    return _pins(tuple(text for text in texts if _REVISION.search(text))) | _purls(texts)


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, and `name=version` for every mapping of a name to a version."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from (f"{key}={item}" for key, item in value.items() if isinstance(item, str))
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _purls(texts: "Iterator[str] | tuple[str, ...]") -> frozenset[Package]:
    return frozenset(package for text in texts if (package := parse_purl(text)))


def _pins(texts: tuple[str, ...]) -> frozenset[Package]:
    return frozenset(package for text in texts if (package := parse_pin(text)))


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


def raw(value: msgspec.Raw) -> bytes:
    """A predicate's bytes; cosign's generic attestations carry the document as a string of JSON."""
    data = bytes(value)
    if data[:1] == b'"':
        return decode(data, str, "predicate").encode()
    return data
