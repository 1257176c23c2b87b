"""Manifests from upstream: verified, and cached in memory, for what a digest names never changes."""

import msgspec
from aiohttp import ClientResponse

from ..errors import RegistryError, UnauthorizedError, UpstreamError
from ..index.image import Descriptor
from ..index.names import digest_of, is_digest, is_media_type
from ..index.repository import Repository
from ..telemetry import metrics
from ..upstream import responses
from ..upstream.cache import Cache
from ..upstream.calls import Upstream
from .known import Manifest

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = (
    f"{INDEX}, {MANIFEST}, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json, */*"
)
OVERHEAD = 1024
TAG_SECONDS, TAGS = 5.0, 10_000
"""How long upstream's own tags are remembered, and how many."""

_Key = tuple[Repository, str]


class _Document(msgspec.Struct, rename="camel"):
    """What tells the type of a manifest."""

    media_type: str | None = None
    manifests: msgspec.Raw = msgspec.Raw()


class Manifests:
    """Caches up to `limit` bytes of manifests. All methods raise RegistryError, UpstreamError where bytes are wrong."""

    def __init__(self, upstream: Upstream, limit: int) -> None:
        self._upstream = upstream
        self._cache: Cache[_Key, Manifest] = Cache(limit, lambda manifest: OVERHEAD + manifest.size)
        self._passing: Cache[_Key, Manifest] = Cache(0)
        self._tags: Cache[_Key, Descriptor] = Cache(TAGS, lifetime=lambda _: TAG_SECONDS)
        self._digests: Cache[_Key, str] = Cache(TAGS)

    def cached(self, repository: Repository, digest: str) -> Manifest | None:
        found = self._cache.get((repository, digest))
        if found:
            metrics.CACHE_HITS.inc()
        return found

    async def by_digest(self, repository: Repository, digest: str) -> Manifest:
        if found := self.cached(repository, digest):
            return found
        metrics.CACHE_MISSES.inc()

        async def load() -> Manifest:
            return _verified(*await self._fetch(repository, digest), digest)

        # Whether a token is still good is for upstream to say each time.
        cache = self._passing if repository.token else self._cache
        loaded = await cache.load((repository, digest), load)
        metrics.CACHE_BYTES.set(self._cache.currsize)
        return loaded

    async def by_tag(self, repository: Repository, tag: str) -> Manifest:
        return await self.by_digest(repository, (await self.describe(repository, tag, "GET")).digest)

    async def describe(self, repository: Repository, tag: str, method: str = "HEAD") -> Descriptor:
        """What the tag points at, as upstream said within the last seconds. While that is in memory a HEAD will do."""
        key = repository, tag
        is_light = method == "HEAD" or self._cache.get((repository, self._digests.get(key) or "")) is not None

        async def load() -> Descriptor:
            found = (await self._head(repository, tag) if is_light else None) or await self._get(repository, tag)
            self._digests.put(key, found.digest)
            return found

        return await self._tags.load(key, load)

    async def _head(self, repository: Repository, tag: str) -> Descriptor | None:
        """None where upstream does not say enough without the body: some refuse HEAD, or know nothing by it."""
        try:
            response, _ = await self._fetch(repository, tag, "HEAD")
        except UnauthorizedError:
            raise
        except RegistryError as error:
            if error.status in (403, 404) or error.answered in (405, 501):
                return None
            raise
        digest = responses.header(response.headers, "docker-content-digest")
        size, media_type = (responses.header(response.headers, name) for name in ("content-length", "content-type"))
        if is_digest(digest) and size.isdigit() and len(size) < 10 and _is_manifests(media_type):
            return Descriptor(digest, media_type, int(size))
        return None

    async def _get(self, repository: Repository, tag: str) -> Descriptor:
        response, body = await self._fetch(repository, tag)
        stated = responses.header(response.headers, "docker-content-digest")
        manifest = _verified(response, body, stated if is_digest(stated) else digest_of(body, like="sha256:"))
        if not repository.token:
            self._cache.put((repository, manifest.digest), manifest)
            metrics.CACHE_BYTES.set(self._cache.currsize)
        return Descriptor(manifest.digest, manifest.media_type, manifest.size)

    async def _fetch(self, repository: Repository, reference: str, method: str = "GET") -> tuple[ClientResponse, bytes]:
        unknown = RegistryError(404, "MANIFEST_UNKNOWN", f"there is no manifest {reference}")
        return await self._upstream.fetch(repository, f"manifests/{reference}", unknown, ACCEPT, method)


def _verified(response: ClientResponse, body: bytes, digest: str) -> Manifest:
    if digest_of(body, like=digest) != digest:
        raise UpstreamError(f"{response.host} sent a manifest that is not {digest}")
    return Manifest(digest, _type(response, body), len(body), body)


def _type(response: ClientResponse, body: bytes) -> str:
    """The type that a manifest states of itself goes before the one that it is sent with, which may be wrong."""
    document = responses.decode(response, body, _Document)
    stated = responses.header(response.headers, "content-type").partition(";")[0].strip()
    for media_type in (document.media_type or "", stated):
        if _is_manifests(media_type):
            return media_type
    return INDEX if bytes(document.manifests).startswith(b"[") else MANIFEST


def _is_manifests(media_type: str) -> bool:
    """Nothing that a browser would show as a page of ours."""
    return media_type.startswith("application/vnd.") and bool(is_media_type(media_type))
