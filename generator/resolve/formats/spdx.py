"""SPDX 2 (spdx-spec v2.3, chapters 7 and 11)."""

import re
from urllib.parse import unquote

from msgspec import Struct, field

from generator.document import decode
from generator.errors import MalformedError
from generator.package.purl import Package
from generator.resolve.formats.purls import purls

# What stands on the left of these is used to make what stands on the right, and need not be in it.
_NOT_INSTALLED = frozenset(
    {
        "BUILD_DEPENDENCY_OF",
        "BUILD_TOOL_OF",
        "DEV_DEPENDENCY_OF",
        "DEV_TOOL_OF",
        "TEST_DEPENDENCY_OF",
        "TEST_TOOL_OF",
    }
)


_IMAGE = re.compile(r"pkg:oci/[^@?#]+@(?P<digest>sha(?:256|512):[0-9a-f]+)(?:\?(?P<qualifiers>[^#]*))?(?:#.*)?")


class _Reference(Struct, frozen=True, rename="camel"):
    reference_type: str = ""
    reference_locator: str = ""


class _SpdxPackage(Struct, frozen=True, rename="camel"):
    id: str = field(default="", name="SPDXID")
    external_refs: tuple[_Reference, ...] | None = None


class _Relationship(Struct, frozen=True, rename="camel"):
    spdx_element_id: str = ""
    relationship_type: str = ""
    related_spdx_element: str = ""


class _Document(Struct, frozen=True, rename="camel"):
    spdx_version: str = ""
    graph: object = field(default=None, name="@graph")
    document_describes: tuple[str, ...] | None = None
    packages: tuple[_SpdxPackage, ...] | None = None
    relationships: tuple[_Relationship, ...] | None = None


def read_spdx(data: bytes, what: str, wanted: str) -> frozenset[Package]:
    """Installed packages alone: images, layers, recipes and upstream sources have purls of other types (or none)."""
    document = decode(data, _Document, what)
    if not document.spdx_version:
        version = "of SPDX 3, which is not read" if document.graph else "not of SPDX 2"
        raise MalformedError(f"{what}: a document {version}: it has no spdxVersion")
    related = document.relationships or ()
    tools = {each.spdx_element_id for each in related if each.relationship_type in _NOT_INSTALLED} - {""}
    installed = (package for package in document.packages or () if package.id not in tools)
    references = (reference for package in installed for reference in package.external_refs or ())
    return purls((each.reference_locator for each in references if each.reference_type == "purl"), wanted)


def described_images(data: bytes, what: str) -> frozenset[str]:
    """The digests of the images that a document says it describes, by their purls (purl-spec, type oci); often none."""
    document = decode(data, _Document, what)
    related = (each for each in document.relationships or () if each.relationship_type == "DESCRIBES")
    described = {*(document.document_describes or ()), *(each.related_spdx_element for each in related)}
    references = (
        _IMAGE.fullmatch(unquote(reference.reference_locator))
        for package in document.packages or ()
        if package.id in described
        for reference in package.external_refs or ()
        if reference.reference_type == "purl"
    )
    return frozenset(found["digest"] for found in references if found and "layer" not in (found["qualifiers"] or ""))
