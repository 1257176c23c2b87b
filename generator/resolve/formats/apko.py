"""apko's image configuration, locked: `contents.packages` pins every installed package."""

from msgspec import Struct

from generator.document import decode
from generator.package.purl import Package
from generator.resolve.formats.purls import pins


class _Contents(Struct, frozen=True):
    packages: tuple[str, ...] | None = None


class _Configuration(Struct, frozen=True):
    contents: _Contents


def read_apko(data: bytes, what: str, wanted: str) -> frozenset[Package]:
    """`contents.packages: ["nginx=1.27.4-r2", …]`; all of them are apk's, whatever type is `wanted`."""
    return pins(decode(data, _Configuration, what).contents.packages or ())
