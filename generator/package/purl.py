"""An installed package, as a package URL names it (package-url specification)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from packageurl import PackageURL

INSTALLED = frozenset({"apk", "deb", "rpm", "bitnami", "generic"})

_RENAMED = {"alpine": "apk"}
_SOURCE = frozenset({"src", "nosrc", "source"})
_FETCHED = frozenset({"download_url", "vcs_url"})
_PIN = re.compile(r"(?P<name>[a-zA-Z0-9][a-zA-Z0-9+._-]*)=(?P<version>[0-9][^@]*)(?:@.*)?")
_WORD = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """`purl` has no qualifiers but an rpm's epoch; `version` is in the distribution's own form, epoch included."""

    name: str
    version: str
    type: str
    purl: str

    @property
    def path(self) -> str:
        """What stands between a package URL's type and its version: namespace, if any, and name."""
        return unquote(self.purl.removeprefix(f"pkg:{self.type}/").partition("@")[0])

    @property
    def recorded(self) -> str:
        """As packages.json writes it."""
        return self.purl.removeprefix("pkg:")


@lru_cache(maxsize=65536)
def parse_purl(text: str, wanted: str = "") -> Package | None:
    """The package that a purl names, of the types that are `INSTALLED` or of the one type `wanted`.

    None for anything else: other types, malformed purls, and sources, which are what a package was made from.
    """
    stated = text[4 : text.find("/", 4)].lower()
    type_ = _RENAMED.get(stated, stated)
    if text[:4].lower() != "pkg:" or not (type_ in INSTALLED or type_ == wanted):
        return None
    try:
        purl = PackageURL.from_string(text)
    except ValueError:
        return None
    qualifiers = purl.qualifiers if isinstance(purl.qualifiers, dict) else {}
    if purl.type != stated or not purl.version or qualifiers.get("arch") in _SOURCE:
        return None
    if type_ == "generic" != wanted and _FETCHED & qualifiers.keys():
        return None
    version, kept = purl.version, None
    epoch = qualifiers.get("epoch", "") if type_ in {"deb", "rpm"} else ""
    if epoch.strip("0") and ":" not in version:
        version, kept = f"{epoch}:{version}", {"epoch": epoch}
    namespace = purl.namespace or ("alpine" if stated == "alpine" else None)
    if type_ == "rpm" and kept:
        return _package(type_, namespace, purl.name, version, purl.version, kept)
    return _package(type_, namespace, purl.name, version, version, None)


def parse_recorded(text: str) -> Package | None:
    """The package of an entry of packages.json, of whatever type; None where it is none."""
    return parse_purl(f"pkg:{text}", text.partition("/")[0])


def parse_pin(text: str) -> Package | None:
    """The package of `name=version`, as apk writes it; None where `text` pins no version."""
    pin = _PIN.fullmatch(text)
    return _package("apk", None, pin["name"], pin["version"], pin["version"], None) if pin else None


def labelled(name: str, version: str) -> Package | None:
    """What an image's own label says that it is a version of; None where `version` cannot be one."""
    return _package("generic", None, name, version, version, None)


def _package(
    type_: str, namespace: str | None, name: str, version: str, bare: str, qualifiers: dict[str, str] | None
) -> Package | None:
    if not _WORD.fullmatch(name) or not _WORD.fullmatch(version):
        return None
    purl = PackageURL(type=type_, namespace=namespace, name=name, version=bare, qualifiers=qualifiers)
    return Package(name, version, type_, purl.to_string())
