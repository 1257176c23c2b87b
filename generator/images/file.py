"""`images.toml`: which images to index, from where and how. Written by hand, and so checked with care."""

import codecs
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.document import printable
from generator.errors import BrokenIndexError, ConfigurationError
from generator.files import inside
from generator.images import values
from generator.images.image import ADDRESS, TRACKS, Image
from generator.reference import Repository, is_name
from generator.trust.policy import Trust
from generator.trust.table import read_trust

UPSTREAM = "cgr.dev/chainguard"

_KEYS = (
    "repository",
    "package",
    "version-label",
    "tracks",
    "constraint",
    "since",
    "frozen",
    "keep",
    "trust",
    "private",
)
_RESERVED = (".json", ".md", ".toml")


@dataclass(frozen=True, slots=True)
class Images:
    """All of images.toml, in its order. `address` is what clients pull from; `site` is a URL that ends in a slash."""

    upstream: Repository
    images: Mapping[str, Image]
    address: str = ADDRESS
    site: str | None = None

    @property
    def trusts(self) -> dict[str, Trust | None]:
        """Who has to sign, by image."""
        return {name: image.trust for name, image in self.images.items()}


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the top of images.toml says for every image."""

    upstream: Repository
    address: str
    trust: Trust | None
    keep: bool


def load(path: Path) -> Images:
    """Raises `ConfigurationError`: file, line or key, what is wrong, what is allowed."""
    try:
        return parse(inside(path.parent, path.name).read_bytes(), str(path))
    except BrokenIndexError as error:
        raise ConfigurationError(str(error)) from None
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file; --index names the folder that holds images.toml, init starts one"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse(data: bytes, where: str) -> Images:
    """images.toml as bytes; `where` begins every message."""
    if data.startswith(codecs.BOM_UTF8):
        raise ConfigurationError(f"{where}: begins with a byte order mark; save it as UTF-8 without one")
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: byte {error.start} is not UTF-8") from None
    except ValueError as error:
        raise ConfigurationError(f"{where}: {printable(error)}") from None
    except RecursionError:
        raise ConfigurationError(f"{where}: nested too deeply") from None
    values.known(document, ("upstream", "address", "site", "trust", "keep", "images"), where)
    upstream = values.repository(document.get("upstream", UPSTREAM), f"{where}: upstream")
    address = str(values.repository(document.get("address", ADDRESS), f"{where}: address"))
    site = values.site(document.get("site"), f"{where}: site")
    trust = read_trust(document.get("trust", False), f"{where}: [trust]")
    tables = document.get("images", {})
    if not isinstance(tables, dict):
        raise ConfigurationError(f"{where}: images is not a table; write [images.NAME] for each image")
    shared = _Shared(upstream, address, trust, values.flag(document, "keep", f"{where}:"))
    return Images(upstream, {name: _image(name, table, shared, where) for name, table in tables.items()}, address, site)


def _image(name: str, table: object, shared: _Shared, where: str) -> Image:
    where = f"{where}: [images.{printable(name) if is_name(name) and '/' not in name else repr(printable(name))}]"
    if not is_name(name):
        raise ConfigurationError(
            f"{where}: not an image name: lower-case letters and digits, with single . _ - or / between them"
        )
    if taken := [part for part in name.split("/") if part.endswith(_RESERVED)]:
        raise ConfigurationError(f"{where}: {taken[0]} ends like a file of the index ({', '.join(_RESERVED)})")
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: not a table; write [images.NAME] and its keys below")
    values.known(table, _KEYS, where)
    repository = shared.upstream.child(name)
    if "repository" in table:
        repository = values.repository(table["repository"], f"{where} repository")
        if not repository.path:
            raise ConfigurationError(
                f"{where} repository: {str(repository)!r} names a registry but no repository in it"
            )
    return Image(
        name=name,
        repository=repository,
        package=values.package(values.text(table, "package", where), where),
        version_label=values.text(table, "version-label", where),
        tracks=values.tracks(table.get("tracks", list(TRACKS)), where),
        constraint=values.constraint(values.text(table, "constraint", where), where),
        since=values.since(table.get("since"), where),
        frozen=values.flag(table, "frozen", where),
        keep=values.flag(table, "keep", where, default=shared.keep),
        private=values.flag(table, "private", where),
        trust=read_trust(table["trust"], f"{where} trust") if "trust" in table else shared.trust,
        address=shared.address,
    )
