"""What refers to a manifest (OCI distribution specification 1.1, "Listing Referrers")."""

import asyncio
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..caching import SECONDS
from ..errors import API_VERSION, RegistryError, UpstreamError
from ..index.repository import Repository
from ..upstream import responses
from ..upstream.cache import Cache
from ..upstream.calls import Upstream
from . import known, lists
from .known import Target
from .manifests import INDEX, Manifests

LARGE, FILTERED = 128 * 1024, 16 * 1024 * 1024
"""Bytes of a list that is not filtered while others wait, and of fallback lists that are remembered as filtered."""


class _Index(msgspec.Struct):
    manifests: list[msgspec.Raw] | None = None


class _Referrer(msgspec.Struct, rename="camel"):
    artifact_type: str | None = None


class Referrers:
    """
    Upstream's list, or the index under the fallback tag where upstream has no such list.

    What upstream does not filter is filtered here. Upstream's own pages stay pages.
    """

    def __init__(self, upstream: Upstream, manifests: Manifests) -> None:
        self._upstream = upstream
        self._manifests = manifests
        self._filtered: Cache[tuple[str, str | None], bytes] = Cache(FILTERED, len)

    def know(self, request: Request, target: Target) -> None:
        """Nothing, but whether it is a digest. Raises RegistryError."""
        known.digest(request)

    async def relay(self, request: Request, target: Target) -> Response:
        """Raises RegistryError."""
        digest, artifact_type = known.digest(request), request.query_params.get("artifactType")
        body, following = await self._list(target.repository, digest, lists.forwarded(request), artifact_type)
        filters = {} if artifact_type is None else {"OCI-Filters-Applied": "artifactType"}
        headers = {**API_VERSION, **lists.link(request, following), **filters, "Cache-Control": SECONDS}
        return Response(body, 200, headers, INDEX)

    async def _list(
        self, repository: Repository, digest: str, query: str, artifact_type: str | None
    ) -> tuple[bytes, str]:
        """An image index, and the query for its next page."""
        missing = RegistryError(404, "MANIFEST_UNKNOWN", "upstream does not list referrers")
        try:
            response, body = await self._upstream.fetch(repository, f"referrers/{digest}{query}", missing, INDEX)
        except RegistryError as error:
            if error is not missing and error.answered not in (405, 501):
                raise
            return await self._fallback(repository, digest, artifact_type), ""
        following = lists.following(response)
        if artifact_type and following and "artifactType=" not in following:
            following += f"&{urlencode({'artifactType': artifact_type})}"
        is_filtered = "artifacttype" in responses.header(response.headers, "oci-filters-applied").lower()
        try:
            body = await _selected(body, None if is_filtered else artifact_type)
        except msgspec.DecodeError:
            raise UpstreamError(f"{response.host} sent a list of referrers that cannot be read") from None
        return body, following

    async def _fallback(self, repository: Repository, digest: str, artifact_type: str | None) -> bytes:
        algorithm, _, encoded = digest.partition(":")
        try:
            manifest = await self._manifests.by_tag(repository, f"{algorithm}-{encoded[:64]}")
            # GitLab reads such a tag as the digest itself, and the platforms of an image do not refer to it.
            if manifest.digest != digest:
                key = manifest.digest, artifact_type
                return await self._filtered.load(key, lambda: _selected(manifest.body, artifact_type))
        except RegistryError as error:
            if error.status != 404:
                raise
        except msgspec.DecodeError:
            pass
        return _encoded([])


async def _selected(body: bytes, artifact_type: str | None) -> bytes:
    """Raises msgspec.DecodeError."""
    return await asyncio.to_thread(_select, body, artifact_type) if len(body) > LARGE else _select(body, artifact_type)


def _select(body: bytes, artifact_type: str | None) -> bytes:
    try:
        manifests = msgspec.json.decode(body, type=_Index).manifests or ()
    except (UnicodeDecodeError, RecursionError):
        raise msgspec.DecodeError from None
    kept = [each for each in manifests if artifact_type is None or _artifact_type(each) == artifact_type]
    return _encoded(kept)


def _encoded(manifests: list[msgspec.Raw]) -> bytes:
    return msgspec.json.encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


def _artifact_type(descriptor: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(descriptor, type=_Referrer).artifact_type
    except msgspec.ValidationError:
        return None
