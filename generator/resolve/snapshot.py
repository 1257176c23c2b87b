"""One build as it stands upstream; what lies behind its manifest is fetched when first asked for."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from generator.document import decode
from generator.errors import MalformedError
from generator.upstream import Client, Descriptor, ImageConfig, Manifest
from generator.upstream.client import Fetched
from generator.upstream.manifest import INDEXES, MANIFESTS, parse_time

REFERENCE_TYPE = "vnd.docker.reference.type"
_PREFERRED = "linux/amd64"


class Snapshot:
    """`top` is what the tag points at: an image index, or the image itself where there is one platform only."""

    def __init__(self, client: Client, top: Fetched) -> None:
        self.client = client
        self.top = top

    @property
    def digest(self) -> str:
        return self.top.digest

    @cached_property
    def children(self) -> Mapping[str, Descriptor]:
        """The image of each platform of an index; BuildKit's attestation manifests are none."""
        return {
            str(child.platform): child
            for child in self.top.manifest.manifests
            if child.media_type in MANIFESTS
            and child.platform
            and child.platform.os not in {"", "unknown"}
            and not child.annotation(REFERENCE_TYPE)
        }

    @property
    def is_index(self) -> bool:
        return self.top.media_type in INDEXES

    @cached_property
    def child_descriptor(self) -> Descriptor:
        """The platform image whose packages speak for the build: linux/amd64 where there is one."""
        if not self.is_index:
            return Descriptor(self.top.media_type, self.digest, self.top.size)
        child = self.children.get(_PREFERRED) or next(iter(self.children.values()), None)
        if child is None:
            raise MalformedError(f"{self.client.repository}@{self.digest}: an image index without a platform")
        return child

    @property
    def child_digest(self) -> str:
        return self.child_descriptor.digest

    @cached_property
    def child(self) -> Manifest:
        return self.client.manifest(self.child_descriptor).manifest if self.is_index else self.top.manifest

    @cached_property
    def config(self) -> ImageConfig:
        what = f"{self.client.repository}@{self.child_digest}: config"
        if self.child.config is None:
            raise MalformedError(f"{what}: there is none")
        return decode(self.client.blob(self.child.config), ImageConfig, what)

    @cached_property
    def platforms(self) -> dict[str, str]:
        if self.is_index:
            return {platform: child.digest for platform, child in self.children.items()}
        return {self.config.platform: self.digest}

    @cached_property
    def created(self) -> datetime | None:
        """From the index's annotation, else the image's, else its configuration."""
        return self.top.manifest.created or self.child.created or parse_time(self.config.created or "")

    @property
    def subjects(self) -> tuple[str, ...]:
        """The digests that attachments may be about, in the order to look."""
        return tuple(dict.fromkeys((self.child_digest, self.digest)))
