"""What refers to a manifest (OCI distribution specification 1.1, "Listing Referrers")."""

from urllib.parse import urlencode

import msgspec

from ..errors import RegistryError, UpstreamError
from ..index.repository import Repository
from ..upstream import responses
from ..upstream.calls import Upstream
from . import pagination
from .manifests import INDEX, Manifests


class _Index(msgspec.Struct):
    manifests: list[msgspec.Raw] | None = None


class _Referrer(msgspec.Struct, rename="camel"):
    artifact_type: str | None = None


class _Filtered(msgspec.Struct, rename="camel"):
    manifests: list[msgspec.Raw]
    schema_version: int = 2
    media_type: str = INDEX


class Referrers:
    """
    Upstream's list, or the index under the fallback tag where upstream has no such list.

    What upstream does not filter is filtered here. Upstream's own pages stay pages.
    """

    def __init__(self, upstream: Upstream, manifests: Manifests) -> None:
        self._upstream = upstream
        self._manifests = manifests

    async def of(
        self, repository: Repository, digest: str, query: str, artifact_type: str | None
    ) -> tuple[bytes, str, bool]:
        """An image index, the query for its next page, and whether it was filtered. Raises RegistryError."""
        missing = RegistryError(404, "MANIFEST_UNKNOWN", "upstream does not list referrers")
        try:
            response, body = await self._upstream.fetch(repository, f"referrers/{digest}{query}", missing, INDEX)
        except RegistryError as error:
            if error is not missing and not (isinstance(error, UpstreamError) and error.is_unsupported):
                raise
            return await self._fallback(repository, digest, artifact_type)
        found, following = responses.decode(response, body, _Index), pagination.following(response)
        is_filtered = "artifacttype" in responses.header(response.headers, "oci-filters-applied").lower()
        if found.manifests is not None and (is_filtered or artifact_type is None):
            return body, following, artifact_type is not None
        if artifact_type and following and "artifactType=" not in following:
            following += f"&{urlencode({'artifactType': artifact_type})}"
        return _filtered(found, artifact_type), following, artifact_type is not None

    async def _fallback(
        self, repository: Repository, digest: str, artifact_type: str | None
    ) -> tuple[bytes, str, bool]:
        algorithm, _, encoded = digest.partition(":")
        try:
            manifest = await self._manifests.by_tag(repository, f"{algorithm}-{encoded[:64]}")
            found = msgspec.json.decode(manifest.body, type=_Index)
        except RegistryError as error:
            if error.status != 404:
                raise
            found = _Index([])
        except msgspec.DecodeError:
            found = _Index([])
        return _filtered(found, artifact_type), "", artifact_type is not None


def _filtered(found: _Index, artifact_type: str | None) -> bytes:
    kept = [each for each in found.manifests or () if artifact_type is None or _artifact_type(each) == artifact_type]
    return msgspec.json.encode(_Filtered(kept))


def _artifact_type(descriptor: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(descriptor, type=_Referrer).artifact_type
    except msgspec.ValidationError:
        return None
