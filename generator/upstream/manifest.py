"""Manifests, image indexes and configurations (OCI image-spec, and Docker's schema 2 of the same shapes)."""

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from generator.document import decode, printable
from generator.errors import MalformedError
from generator.reference import DIGEST_PATTERN

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))

CREATED = "org.opencontainers.image.created"

Digest = Annotated[str, Meta(pattern=DIGEST_PATTERN)]

# Programs in Go write null for an empty list or text, and read it so.
Annotations = Mapping[str, str | None] | None

_PLATFORM = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){1,2}")


def is_platform(text: str) -> bool:
    """Whether `text` is `os/architecture[/variant]`, of the characters that clients name platforms by (containerd)."""
    return _PLATFORM.fullmatch(text) is not None


class Platform(Struct, frozen=True):
    os: str = ""
    architecture: str = ""
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class _Annotated(Struct, frozen=True, kw_only=True):
    annotations: Annotations = None

    def annotation(self, key: str) -> str:
        """Its text, or nothing."""
        return (self.annotations or {}).get(key) or ""


class Descriptor(_Annotated, frozen=True, rename="camel"):
    """What points at content: its type, digest and size in bytes (image-spec, descriptor.md)."""

    media_type: str
    digest: Digest
    size: Annotated[int, Meta(ge=0)]
    platform: Platform | None = None
    artifact_type: str | None = None


class Manifest(_Annotated, frozen=True, rename="camel"):
    """An image index (`manifests`) or an image manifest (`config`, `layers`)."""

    schema_version: int
    media_type: str | None = None
    artifact_type: str | None = None
    stated_manifests: tuple[Descriptor, ...] | None = field(default=None, name="manifests")
    config: Descriptor | None = None
    stated_layers: tuple[Descriptor, ...] | None = field(default=None, name="layers")
    subject: Descriptor | None = None

    @property
    def manifests(self) -> tuple[Descriptor, ...]:
        return self.stated_manifests or ()

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        return self.stated_layers or ()

    @property
    def created(self) -> datetime | None:
        return parse_time(self.annotation(CREATED))


class _Listing(Struct, frozen=True):
    manifests: tuple[msgspec.Raw, ...] | None = None


def parse_referrers(data: bytes, what: str) -> list[Descriptor]:
    """What an index of referrers lists, but for what is no descriptor. Raises `MalformedError` where it is none."""
    found: list[Descriptor] = []
    for entry in decode(data, _Listing, what).manifests or ():
        with contextlib.suppress(MalformedError):
            found.append(decode(bytes(entry), Descriptor, what))
    return found


class _Labels(Struct, frozen=True):
    labels: Annotations = field(default=None, name="Labels")


class ImageConfig(Struct, frozen=True):
    """The configuration of an image, as far as versions are concerned (image-spec, config.md)."""

    os: str = ""
    architecture: str = ""
    variant: str | None = None
    created: str | None = None
    config: _Labels | None = None

    @property
    def platform(self) -> str:
        return str(Platform(self.os, self.architecture, self.variant))

    @property
    def labels(self) -> Mapping[str, str]:
        stated = (self.config and self.config.labels) or {}
        return {key: text for key, text in stated.items() if text is not None}


def parse_manifest(data: bytes, content_type: str, what: str) -> tuple[Manifest, str]:
    """The manifest and its media type, which its own field states, or else the `Content-Type` it came with.

    Raises `MalformedError`, also where the two disagree on whether it is an index (image-spec CVE-2021-41190).
    """
    manifest = decode(data, Manifest, what)
    declared = content_type.partition(";")[0].strip().lower()
    media_type = manifest.media_type or declared
    if media_type not in INDEXES | MANIFESTS:
        raise MalformedError(f"{what}: neither an image nor an image index ({printable(media_type) or 'no type'})")
    if manifest.schema_version != 2:
        raise MalformedError(f"{what}: schemaVersion {manifest.schema_version} is not 2")
    is_index = media_type in INDEXES
    if (declared in INDEXES) != is_index and declared in INDEXES | MANIFESTS:
        raise MalformedError(f"{what}: sent as {declared}, says that it is {media_type}")
    if is_index and (manifest.config or manifest.layers):
        raise MalformedError(f"{what}: an image index with a config or layers")
    if not is_index and (manifest.manifests or not manifest.config):
        raise MalformedError(f"{what}: an image manifest without a config, or with manifests")
    return manifest, media_type


def parse_time(text: str) -> datetime | None:
    """An RFC 3339 time in UTC, or None where `text` is not one."""
    try:
        moment: datetime = msgspec.convert(text, Annotated[datetime, Meta(tz=True)])
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        return None
