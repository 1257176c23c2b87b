"""SLSA provenance v1."""

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from generator.document import decode
from generator.package.purl import Package
from generator.resolve.formats.purls import pins, purls

_REVISION = re.compile(r"-r\d+$")


class _BuildDefinition(Struct, frozen=True, rename="camel"):
    internal_parameters: object = None


class _Provenance(Struct, frozen=True, rename="camel"):
    build_definition: _BuildDefinition


def read_slsa(data: bytes, what: str, wanted: str) -> frozenset[Package]:
    """Packages that `buildDefinition.internalParameters` pins, wherever in it they stand.

    Any other parameter looks like a pin too (`run_id=123`), but has not apk's revision (`-r2`) at its end. BuildKit's
    `buildConfig` is what was done to build the image, and so names packages of every stage.
    """
    parameters = decode(data, _Provenance, what).build_definition.internal_parameters
    if isinstance(parameters, dict):
        parameters = {key: value for key, value in parameters.items() if key != "buildConfig"}
    texts = tuple(_strings(parameters))
    named = {package for package in purls(texts, wanted) if package.type in {"apk", "deb", "rpm", wanted}}
    return pins(text for text in texts if _REVISION.search(text)) | named


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, and `name=version` for every mapping of a name to a version."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from (f"{key}={item}" for key, item in value.items() if isinstance(item, str))
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
