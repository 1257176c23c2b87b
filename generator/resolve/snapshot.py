"""One build as it stands upstream; what lies behind its manifest is fetched when first asked for."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import islice

from generator.document import decode
from generator.errors import MalformedError, TransientError, UpstreamError
from generator.upstream import Client, Descriptor, ImageConfig, Manifest
from generator.upstream.client import Fetched
from generator.upstream.manifest import INDEXES, MANIFESTS, is_platform, parse_time

REFERENCE_TYPE = "vnd.docker.reference.type"
_PREFERRED = "linux/amd64"
_CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
_UNKNOWN = "unknown"
# What does not say its platform, and an index inside the index, cost requests each: of a sound index there are few.
_MOST = 16
# Each is recorded with each build.
_MOST_PLATFORMS = 256


class Snapshot:
    """`top` is what the tag points at: an image index, or the image itself where there is one platform only."""

    def __init__(self, client: Client, top: Fetched) -> None:
        self.client = client
        self.top = top

    @property
    def digest(self) -> str:
        return self.top.digest

    @property
    def is_index(self) -> bool:
        return self.top.media_type in INDEXES

    @cached_property
    def listings(self) -> tuple[Fetched, ...]:
        """The index, and the indexes that it lists; what those list in turn is not looked at."""
        nested = (entry for entry in self.top.manifest.manifests if entry.media_type in INDEXES)
        opened = (self.client.manifest(entry) for entry in islice(nested, _MOST))
        return (self.top, *(fetched for fetched in opened if fetched.media_type in INDEXES))

    @property
    def entries(self) -> Iterator[Descriptor]:
        """Everything listed: images, and what is attached to them."""
        for listing in self.listings:
            yield from listing.manifest.manifests

    @cached_property
    def children(self) -> Mapping[str, Descriptor]:
        """The image of each platform of an index, of several for one the first, as clients take it.

        BuildKit's attestation manifests are none.

        Raises `MalformedError` where there are more than any image has.
        """
        images = [entry for entry in self.entries if entry.media_type in MANIFESTS]
        images = [entry for entry in images if not entry.annotation(REFERENCE_TYPE)]
        stated = [(str(image.platform or ""), image) for image in images]
        silent = [image for platform, image in stated if not is_platform(platform)]
        known: dict[str, Descriptor] = {}
        for platform, image in (*stated, *((self._platform_of(image), image) for image in silent[:_MOST])):
            if is_platform(platform) and platform.partition("/")[0] != _UNKNOWN:
                known.setdefault(platform, image)
        if len(known) > _MOST_PLATFORMS:
            what = f"an image index of {len(known)} platforms, over the bound of {_MOST_PLATFORMS}"
            raise MalformedError(f"{self.client.repository}@{self.digest}: {what}")
        return known

    def _platform_of(self, image: Descriptor) -> str:
        """By the image's configuration; "" where it is no image."""
        try:
            config = self.client.manifest(image).manifest.config
            if config is None or config.media_type not in _CONFIGS:
                return ""
            return self._read_config(config).platform
        except TransientError:
            raise
        except (UpstreamError, MalformedError):
            return ""

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
        if self.child.config is None:
            raise MalformedError(f"{self.client.repository}@{self.child_digest}: config: there is none")
        return self._read_config(self.child.config)

    def _read_config(self, descriptor: Descriptor) -> ImageConfig:
        with self.client.holding(descriptor):
            data = self.client.blob(descriptor)
            return decode(data, ImageConfig, f"{self.client.repository}: config {descriptor.digest}")

    @cached_property
    def platforms(self) -> dict[str, str]:
        if self.is_index:
            return {platform: child.digest for platform, child in self.children.items()}
        return {self.config.platform: self.digest} if is_platform(self.config.platform) else {}

    @cached_property
    def created(self) -> datetime | None:
        """From the index's annotation, else the image's, else its configuration."""
        return self.top.manifest.created or self.child.created or parse_time(self.config.created or "")

    @property
    def subjects(self) -> tuple[str, ...]:
        """The digests that attachments may be about, in the order to look: the image, and the indexes it is in."""
        within = [listing.digest for listing in self.listings if self._lists_child(listing)]
        return tuple(dict.fromkeys((self.child_digest, *reversed(within), self.digest)))

    def _lists_child(self, listing: Fetched) -> bool:
        return any(entry.digest == self.child_digest for entry in listing.manifest.manifests)
