"""An installed package, as a package URL names it (package-url specification)."""

import re
from dataclasses import dataclass
from functools import lru_cache

from packageurl import PackageURL

_INSTALLED = frozenset({"apk", "deb", "rpm"})
_SOURCE = frozenset({"src", "nosrc", "source"})
_PIN = re.compile(r"(?P<name>[a-zA-Z0-9][a-zA-Z0-9+._-]*)=(?P<version>[0-9][^@]*)(?:@.*)?")
_WORD = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """`purl` has no qualifiers but an rpm's epoch; `version` is in the distribution's own form, epoch included."""

    name: str
    version: str
    type: str
    purl: str


@lru_cache(maxsize=65536)
def parse_purl(text: str) -> Package | None:
    """The distribution package that a purl names; None for anything else, sources and malformed purls included."""
    if text[4:8].lower() not in {"apk/", "deb/", "rpm/"}:
        return None
    try:
        purl = PackageURL.from_string(text)
    except ValueError:
        return None
    qualifiers = purl.qualifiers if isinstance(purl.qualifiers, dict) else {}
    if purl.type not in _INSTALLED or not purl.version or qualifiers.get("arch") in _SOURCE:
        return None
    epoch = qualifiers.get("epoch", "") if purl.type == "rpm" else ""
    kept = {"epoch": epoch} if epoch else None
    version = f"{epoch}:{purl.version}" if epoch else purl.version
    return _package(purl.type, purl.namespace, purl.name, version, purl.version, kept)


def parse_pin(text: str) -> Package | None:
    """The package of `name=version`, as apk writes it; None where `text` pins no version."""
    pin = _PIN.fullmatch(text)
    return _package("apk", None, pin["name"], pin["version"], pin["version"], None) if pin else None


def _package(
    type_: str, namespace: str | None, name: str, version: str, bare: str, qualifiers: dict[str, str] | None
) -> Package | None:
    if not _WORD.fullmatch(name) or not _WORD.fullmatch(version):
        return None
    purl = PackageURL(type=type_, namespace=namespace, name=name, version=bare, qualifiers=qualifiers)
    return Package(name, version, type_, purl.to_string())
