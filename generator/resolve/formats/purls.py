"""What readers have in common: texts that name packages, as packages."""

from collections.abc import Iterable

from generator.package.purl import Package, parse_pin, parse_purl


def purls(texts: Iterable[str], wanted: str) -> frozenset[Package]:
    """The installed packages among package URLs, and whatever is of type `wanted`."""
    return frozenset(package for text in texts if (package := parse_purl(text, wanted)))


def pins(texts: Iterable[str]) -> frozenset[Package]:
    """The packages among `name=version`."""
    return frozenset(package for text in texts if (package := parse_pin(text)))
