"""`[trust]` of images.toml, for the whole index or for one image."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from generator.document import printable
from generator.errors import ConfigurationError
from generator.trust.policy import Identity, PublicKey, Trust

KEYS = ("identity", "identity-regex", "issuer", "key")
_EXAMPLE = 'write identity = "..." (or identity-regex) with issuer = "https://...", or key = "FILE", or trust = false'


def read_trust(value: object, where: str) -> Trust | None:
    """None for `false`. Raises `ConfigurationError`; `where` begins every message."""
    if value is False:
        return None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where}: neither a table nor false; {_EXAMPLE}")
    for key, each in value.items():
        if key not in KEYS:
            raise ConfigurationError(f"{where}: unknown key {printable(key)!r}; allowed: {', '.join(KEYS)}")
        if not isinstance(each, str) or not each:
            raise ConfigurationError(f"{where} {key}: not a string with something in it")
    if "key" in value:
        if len(value) > 1:
            raise ConfigurationError(f"{where}: a key and an identity are given; {_EXAMPLE}")
        return PublicKey(_file(value["key"], f"{where} key"))
    return _identity(value, where)


def _identity(table: Mapping[str, Any], where: str) -> Identity:
    if ("identity" in table) == ("identity-regex" in table):
        raise ConfigurationError(f"{where}: one of identity and identity-regex is needed; {_EXAMPLE}")
    if "issuer" not in table:
        raise ConfigurationError(f"{where}: an identity says little without its issuer; {_EXAMPLE}")
    if "identity" in table:
        return Identity(table["issuer"], table["identity"])
    try:
        return Identity(table["issuer"], pattern=re.compile(table["identity-regex"]))
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"{where} identity-regex: not a regular expression: {printable(error)}") from None


def _file(name: str, where: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not name.isprintable():
        raise ConfigurationError(f"{where}: {printable(name)!r} is not a file below the folder of images.toml")
    return name
