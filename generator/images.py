"""`images.toml`: which images to index, from where and how. Written by hand, and so checked with care."""

import contextlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from generator.document import printable
from generator.errors import BrokenIndexError, ConfigurationError
from generator.files import inside
from generator.reference import Repository, is_name, is_tag
from generator.trust.policy import Trust
from generator.trust.table import read_trust

UPSTREAM = "cgr.dev/chainguard"
TRACKS = ("latest", "latest-dev")
HISTORY = timedelta(days=90)

_RESERVED = (".json", ".md", ".toml")

Since = datetime | Literal["now", "always"] | None


@dataclass(frozen=True, slots=True)
class Image:
    """One image of images.toml, defaults filled in."""

    name: str
    repository: Repository
    package: str | None = None
    tracks: tuple[str, ...] = TRACKS
    constraint: "re.Pattern[str] | None" = None
    since: Since = None
    frozen: bool = False
    trust: Trust | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the main package may be called after: the image here, then the repository upstream."""
        return tuple(dict.fromkeys((self.name.rpartition("/")[2], self.repository.path.rpartition("/")[2])))

    def horizon(self, now: datetime) -> datetime:
        """How far back history is to be read."""
        if self.since == "always":
            return datetime(1970, 1, 1, tzinfo=UTC)
        if self.since == "now":
            return now
        if self.since is None:
            return now - HISTORY
        return self.since


@dataclass(frozen=True, slots=True)
class Images:
    """All of images.toml, in its order."""

    upstream: Repository
    images: Mapping[str, Image]


def load(path: Path) -> Images:
    """Raises `ConfigurationError`: file, line or key, what is wrong, what is allowed."""
    try:
        return parse(inside(path.parent, path.name).read_bytes(), str(path))
    except BrokenIndexError as error:
        raise ConfigurationError(str(error)) from None
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file; --index names the folder that holds images.toml"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse(data: bytes, where: str) -> Images:
    """images.toml as bytes; `where` begins every message."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: byte {error.start} is not UTF-8") from None
    except ValueError as error:
        raise ConfigurationError(f"{where}: {printable(error)}") from None
    except RecursionError:
        raise ConfigurationError(f"{where}: nested too deeply") from None
    _known(document, ("upstream", "trust", "images"), where)
    upstream = _repository(document.get("upstream", UPSTREAM), f"{where}: upstream")
    trust = read_trust(document.get("trust", False), f"{where}: [trust]")
    tables = document.get("images", {})
    if not isinstance(tables, dict):
        raise ConfigurationError(f"{where}: images is not a table; write [images.NAME] for each image")
    return Images(upstream, {name: _image(name, table, upstream, trust, where) for name, table in tables.items()})


def _image(name: str, table: object, upstream: Repository, trust: Trust | None, where: str) -> Image:
    where = f"{where}: [images.{printable(name) if is_name(name) and '/' not in name else repr(printable(name))}]"
    if not is_name(name):
        raise ConfigurationError(
            f"{where}: not an image name: lower-case letters and digits, with single . _ - or / between them"
        )
    if taken := [part for part in name.split("/") if part.endswith(_RESERVED)]:
        raise ConfigurationError(f"{where}: {taken[0]} ends like a file of the index ({', '.join(_RESERVED)})")
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: not a table; write [images.NAME] and its keys below")
    _known(table, ("repository", "package", "tracks", "constraint", "since", "frozen", "trust"), where)
    repository = upstream.child(name)
    if "repository" in table:
        repository = _repository(table["repository"], f"{where} repository")
        if not repository.path:
            raise ConfigurationError(
                f"{where} repository: {str(repository)!r} names a registry but no repository in it"
            )
    return Image(
        name=name,
        repository=repository,
        package=_text(table, "package", where),
        tracks=_tracks(table.get("tracks", list(TRACKS)), where),
        constraint=_constraint(_text(table, "constraint", where), where),
        since=_since(table.get("since"), where),
        frozen=_flag(table.get("frozen", False), where),
        trust=read_trust(table["trust"], f"{where} trust") if "trust" in table else trust,
    )


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            close = get_close_matches(key, keys, 1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ConfigurationError(f"{where}: unknown key {printable(key)!r}{hint}; allowed: {', '.join(keys)}")


def _repository(value: object, where: str) -> Repository:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: not a string; write host[:port]/path")
    try:
        return Repository.parse(value)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {printable(error)}") from None


def _text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigurationError(f"{where} {key}: not a string with something in it")
    return value


def _tracks(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f'{where} tracks: not a list of tags, such as ["latest", "latest-dev"]')
    for track in value:
        if not isinstance(track, str) or not is_tag(track):
            raise ConfigurationError(f"{where} tracks: {printable(track)!r} is not a tag")
    if len(set(value)) < len(value):
        raise ConfigurationError(f"{where} tracks: a tag is named twice")
    return tuple(value)


def _constraint(value: str | None, where: str) -> "re.Pattern[str] | None":
    try:
        return re.compile(value) if value else None
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"{where} constraint: not a regular expression: {printable(error)}") from None


def _since(value: object, where: str) -> Since:
    if isinstance(value, datetime):
        with contextlib.suppress(OverflowError):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    elif isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value is None:
        return None
    if value == "now":
        return "now"
    if value == "always":
        return "always"
    raise ConfigurationError(
        f'{where} since: {printable(value)!r} is neither a date (2025-01-01, without quotes) nor "now" nor "always"'
    )


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where} frozen: {printable(value)!r} is neither true nor false")
    return value
