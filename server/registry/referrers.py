"""What refers to a manifest (OCI distribution specification 1.1, "Listing Referrers")."""

import asyncio
from contextlib import suppress
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

LARGE, LISTS, DESCRIPTORS = 128 * 1024, 4, 200_000
"""Bytes of a list that is not read while others wait; how many such lists are remembered, and of how many entries."""

ByType = dict[str | None, list[msgspec.Raw]]
"""Descriptors by their artifact type, and all of them under None."""


class _Index(msgspec.Struct):
    manifests: list[msgspec.Raw] | None = None


class _Referrer(msgspec.Struct, rename="camel"):
    artifact_type: str


class Referrers:
    """
    Upstream's list, or the index under the fallback tag where upstream has no such list.

    What upstream does not filter is filtered here. Upstream's own pages stay pages.
    """

    def __init__(self, upstream: Upstream, manifests: Manifests) -> None:
        self._upstream = upstream
        self._manifests = manifests
        self._lists: Cache[bytes, ByType] = Cache(
            DESCRIPTORS, lambda found: max(DESCRIPTORS // LISTS, len(found[None]))
        )
        self._reading = asyncio.Lock()

    def know(self, request: Request, target: Target) -> None:
        """Nothing, but whether it is a digest. Raises RegistryError."""
        known.digest(request)

    async def relay(self, request: Request, target: Target) -> Response:
        """Raises RegistryError."""
        digest, artifact_type = known.digest(request), request.query_params.get("artifactType")
        found, following = await self._list(target.repository, digest, lists.forwarded(request), artifact_type)
        filters = {} if artifact_type is None else {"OCI-Filters-Applied": "artifactType"}
        headers = {**API_VERSION, **lists.link(request, following), **filters, "Cache-Control": SECONDS}
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found}
        return Response(msgspec.json.encode(body), 200, headers, INDEX)

    async def _list(
        self, repository: Repository, digest: str, query: str, artifact_type: str | None
    ) -> tuple[list[msgspec.Raw], str]:
        """Descriptors, and the query for the next page of them."""
        missing = RegistryError(404, "MANIFEST_UNKNOWN", "upstream does not list referrers")
        try:
            response, body = await self._upstream.fetch(repository, f"referrers/{digest}{query}", missing, INDEX)
        except RegistryError as error:
            # By any of these, 406 too, some say that they have no such endpoint.
            if error.answered not in (*range(400, 429), 501):
                raise
            return await self._fallback(repository, digest, artifact_type), ""
        following = lists.following(response)
        if artifact_type and following and "artifactType=" not in following:
            following += f"&{urlencode({'artifactType': artifact_type})}"
        is_filtered = "artifacttype" in responses.header(response.headers, "oci-filters-applied").lower()
        try:
            found = await self._by_type(body)
        except msgspec.DecodeError:
            raise UpstreamError(f"{response.host} sent a list of referrers that cannot be read") from None
        return found.get(None if is_filtered else artifact_type, []), following

    async def _fallback(self, repository: Repository, digest: str, artifact_type: str | None) -> list[msgspec.Raw]:
        algorithm, _, encoded = digest.partition(":")
        try:
            manifest = await self._manifests.by_tag(repository, f"{algorithm}-{encoded[:64]}")
            # GitLab reads such a tag as the digest itself, and the platforms of an image do not refer to it.
            if manifest.digest != digest:
                return (await self._by_type(manifest.body)).get(artifact_type, [])
        except RegistryError as error:
            if error.status != 404:
                raise
        except msgspec.DecodeError:
            pass
        return []

    async def _by_type(self, body: bytes) -> ByType:
        """Of large lists one is read at a time: threads take turns with the loop. Raises msgspec.DecodeError."""
        if len(body) <= LARGE:
            return _by_type(body)
        async with self._reading:
            if (found := self._lists.get(body)) is None:
                found = await asyncio.to_thread(_by_type, body)
                self._lists.put(body, found)
            return found


def _by_type(body: bytes) -> ByType:
    try:
        manifests = msgspec.json.decode(body, type=_Index).manifests or []
        found: ByType = {None: manifests}
        for descriptor in manifests:
            with suppress(msgspec.ValidationError):
                artifact_type = msgspec.json.decode(descriptor, type=_Referrer).artifact_type
                found.setdefault(artifact_type, []).append(descriptor)
    except (UnicodeDecodeError, RecursionError):
        raise msgspec.DecodeError from None
    return found
