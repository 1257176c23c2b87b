"""The values of images.toml, each checked; every message begins with where it stands."""

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any

from generator.document import printable
from generator.errors import ConfigurationError
from generator.images.image import Since
from generator.reference import Repository, is_host, is_tag

_SITE = re.compile(r"https?://(?P<host>[^/]+)(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?")
_PACKAGE = re.compile(r"[^/\s]{1,200}|[a-zA-Z][a-zA-Z0-9.+-]*(?:/[^/\s]{1,200}){1,10}")


def known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            close = get_close_matches(key, keys, 1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ConfigurationError(f"{where}: unknown key {printable(key)!r}{hint}; allowed: {', '.join(keys)}")


def repository(value: object, where: str) -> Repository:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: not a string; write host[:port]/path")
    try:
        return Repository.parse(value)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {printable(error)}") from None


def site(value: object, where: str) -> str | None:
    """With a slash at its end, as relative addresses go by."""
    if value is None:
        return None
    match = _SITE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not is_host(match["host"]):
        raise ConfigurationError(
            f"{where}: {printable(value)!r} is not the URL of a folder, such as https://example.github.io/images/"
        )
    return f"{match[0].rstrip('/')}/"


def text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigurationError(f"{where} {key}: not a string with something in it")
    return value


def tracks(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f'{where} tracks: not a list of tags, such as ["latest", "latest-dev"]')
    for track in value:
        if not isinstance(track, str) or not is_tag(track):
            raise ConfigurationError(f"{where} tracks: {printable(track)!r} is not a tag")
    if len(set(value)) < len(value):
        raise ConfigurationError(f"{where} tracks: a tag is named twice")
    return tuple(value)


def constraint(value: str | None, where: str) -> "re.Pattern[str] | None":
    try:
        return re.compile(value) if value else None
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"{where} constraint: not a regular expression: {printable(error)}") from None


def since(value: object, where: str) -> Since:
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


def flag(table: Mapping[str, Any], key: str, where: str, *, default: bool = False) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where} {key}: {printable(value)!r} is neither true nor false")
    return value


def package(value: str | None, where: str) -> str | None:
    """A package's name, or a package URL's type and what follows it: `generic/perl`, `golang/github.com/a/b`."""
    if value is not None and not _PACKAGE.fullmatch(value):
        raise ConfigurationError(
            f"{where} package: {printable(value)!r} is neither a package's name (nginx) "
            "nor a package URL's type and path (generic/perl, golang/github.com/prometheus/prometheus)"
        )
    return value
