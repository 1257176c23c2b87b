"""Manifests from upstream: verified, and kept in memory, for what a digest names never changes."""

from dataclasses import dataclass

import httpx

from . import wire
from .cache import Cache
from .errors import RegistryError, UpstreamError
from .names import Repository, digest_of, is_digest, is_media_type
from .upstream import Upstream

ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
OVERHEAD = 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    digest: str
    media_type: str
    body: bytes


class Manifests:
    """Keeps up to `limit` bytes of manifests."""

    def __init__(self, upstream: Upstream, limit: int) -> None:
        self._upstream = upstream
        self._cache: Cache[tuple[Repository, str], Manifest] = Cache(limit, lambda each: OVERHEAD + len(each.body))

    async def by_digest(self, repository: Repository, digest: str) -> Manifest:
        """Raises RegistryError; UpstreamError also where the bytes are not those that the digest names."""

        async def load() -> Manifest:
            response, body = await self._fetch(repository, digest)
            return _verified(response, body, digest)

        return await self._cache.load((repository, digest), load)

    async def by_tag(self, repository: Repository, tag: str) -> Manifest:
        """Raises RegistryError; UpstreamError also where the bytes are not those that upstream says they are."""
        response, body = await self._fetch(repository, tag)
        stated = wire.header(response.headers, "docker-content-digest")
        manifest = _verified(response, body, stated if is_digest(stated) else digest_of(body, like="sha256:"))
        self._cache.put((repository, manifest.digest), manifest)
        return manifest

    async def _fetch(self, repository: Repository, reference: str) -> tuple[httpx.Response, bytes]:
        unknown = RegistryError(404, "MANIFEST_UNKNOWN", f"there is no manifest {reference}")
        return await self._upstream.fetch(repository, f"manifests/{reference}", unknown, ACCEPT)


def _verified(response: httpx.Response, body: bytes, digest: str) -> Manifest:
    if digest_of(body, like=digest) != digest:
        raise UpstreamError(f"{response.url.host} sent a manifest that is not {digest}")
    stated = wire.header(response.headers, "content-type").partition(";")[0].strip()
    return Manifest(digest, stated if is_media_type(stated) else "application/octet-stream", body)
