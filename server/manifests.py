"""Manifests from upstream: verified, and kept in memory, for what a digest names never changes."""

from dataclasses import dataclass
from time import monotonic

import httpx
import msgspec

from . import metrics, wire
from .cache import Cache
from .errors import RegistryError, UpstreamError
from .names import Repository, digest_of, is_digest, is_media_type
from .upstream import Upstream

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = (
    f"{INDEX}, {MANIFEST}, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json, */*"
)
OVERHEAD = 1024
TAG_SECONDS, TAGS = 5.0, 10_000
"""How long upstream's own tags are remembered, and how many."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Which manifest is meant (OCI image specification 1.1, "Content Descriptors")."""

    digest: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest(Descriptor):
    body: bytes


@dataclass(frozen=True, slots=True)
class _Pointed:
    descriptor: Descriptor
    expires: float


class _Document(msgspec.Struct, rename="camel"):
    """What tells the type of a manifest."""

    media_type: object = None
    manifests: object = None


class Manifests:
    """Keeps up to `limit` bytes of manifests. All methods raise RegistryError, UpstreamError where bytes are wrong."""

    def __init__(self, upstream: Upstream, limit: int) -> None:
        self._upstream = upstream
        self._cache: Cache[tuple[Repository, str], Manifest] = Cache(limit, lambda each: OVERHEAD + len(each.body))
        self._tags: Cache[tuple[Repository, str], _Pointed] = Cache(TAGS, lambda _: 1)

    async def by_digest(self, repository: Repository, digest: str) -> Manifest:
        if found := self._cache.get((repository, digest)):
            metrics.CACHE_HITS.inc()
            return found
        metrics.CACHE_MISSES.inc()

        async def load() -> Manifest:
            return _verified(*await self._fetch(repository, digest), digest)

        loaded = await self._cache.load((repository, digest), load)
        metrics.CACHE_BYTES.set(self._cache.weight)
        return loaded

    async def by_tag(self, repository: Repository, tag: str) -> Manifest:
        return await self.by_digest(repository, (await self._pointed(repository, tag, "GET")).digest)

    async def described(self, repository: Repository, tag: str) -> Descriptor:
        return await self._pointed(repository, tag, "HEAD")

    async def _pointed(self, repository: Repository, tag: str, method: str) -> Descriptor:
        """What the tag points at, as upstream said within the last seconds."""
        key = (repository, tag)
        known = self._tags.get(key)
        if known and known.expires <= monotonic():
            self._tags.drop(key)

        async def load() -> _Pointed:
            now = monotonic()
            descriptor = await self._head(repository, tag) if method == "HEAD" else None
            return _Pointed(descriptor or await self._get(repository, tag), now + TAG_SECONDS)

        return (await self._tags.load(key, load)).descriptor

    async def _head(self, repository: Repository, tag: str) -> Descriptor | None:
        """None where upstream does not say enough without the body."""
        try:
            response, _ = await self._fetch(repository, tag, "HEAD")
        except UpstreamError as error:
            if error.is_unsupported:
                return None
            raise
        digest = wire.header(response.headers, "docker-content-digest")
        size, media_type = wire.header(response.headers, "content-length"), _stated_type(response)
        if is_digest(digest) and size.isdigit() and len(size) < 10 and media_type.startswith("application/vnd."):
            return Descriptor(digest, media_type, int(size))
        return None

    async def _get(self, repository: Repository, tag: str) -> Descriptor:
        response, body = await self._fetch(repository, tag)
        stated = wire.header(response.headers, "docker-content-digest")
        manifest = _verified(response, body, stated if is_digest(stated) else digest_of(body, like="sha256:"))
        self._cache.put((repository, manifest.digest), manifest)
        return Descriptor(manifest.digest, manifest.media_type, manifest.size)

    async def _fetch(self, repository: Repository, reference: str, method: str = "GET") -> tuple[httpx.Response, bytes]:
        unknown = RegistryError(404, "MANIFEST_UNKNOWN", f"there is no manifest {reference}")
        return await self._upstream.fetch(repository, f"manifests/{reference}", unknown, ACCEPT, method)


def _verified(response: httpx.Response, body: bytes, digest: str) -> Manifest:
    if digest_of(body, like=digest) != digest:
        raise UpstreamError(f"{response.url.host} sent a manifest that is not {digest}")
    return Manifest(digest, _type(response, body), len(body), body)


def _type(response: httpx.Response, body: bytes) -> str:
    """The type that a manifest states of itself goes before the one that it is sent with, which may be wrong."""
    document = wire.decode(response, body, _Document)
    if isinstance(document.media_type, str) and is_media_type(document.media_type):
        return document.media_type
    stated = _stated_type(response)
    if stated.startswith("application/vnd."):
        return stated
    return INDEX if document.manifests is not None else MANIFEST


def _stated_type(response: httpx.Response) -> str:
    stated = wire.header(response.headers, "content-type").partition(";")[0].strip()
    return stated if is_media_type(stated) else ""
