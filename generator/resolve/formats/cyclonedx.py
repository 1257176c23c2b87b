"""CycloneDX (ECMA-424), JSON."""

from collections.abc import Iterator

from msgspec import Struct

from generator.document import decode
from generator.package.purl import Package
from generator.resolve.formats.purls import purls


class _Component(Struct, frozen=True):
    purl: str | None = None
    scope: str | None = None
    components: "tuple[_Component, ...] | None" = None


class _Document(Struct, frozen=True, rename="camel"):
    bom_format: str
    components: tuple[_Component, ...] | None = None


def read_cyclonedx(data: bytes, what: str, wanted: str) -> frozenset[Package]:
    """Every component however deep, but for those out of scope and what is in them."""
    return purls(_components(decode(data, _Document, what).components), wanted)


def _components(components: tuple[_Component, ...] | None) -> Iterator[str]:
    pending = list(components or ())
    while pending:
        component = pending.pop()
        if component.scope == "excluded":
            continue
        if component.purl:
            yield component.purl
        pending.extend(component.components or ())
