"""The endpoints under /v2/ (OCI distribution specification 1.1): what the index knows, and upstream for the rest."""

import re

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import blobs, listings, wire
from .answers import IMMUTABLE, MOVING, described, moved
from .current import Current
from .errors import API_VERSION, RegistryError, UpstreamError
from .index import Build
from .manifests import Manifest, Manifests
from .names import is_digest, is_name, is_tag
from .upstream import Upstream

# Nothing in a name, tag or digest needs an escape; some clients write the colon of a digest as one.
_escape = re.compile(rb"%(?!3[Aa])")


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


class Registry:
    def __init__(self, current: Current, upstream: Upstream, manifests: Manifests) -> None:
        self._current = current
        self._upstream = upstream
        self._manifests = manifests

    def routes(self) -> list[Route]:
        return [
            Route("/v2/_catalog", self.catalogue),
            Route("/v2/{name:path}/tags/list", self.tags),
            Route("/v2/{name:path}/manifests/{reference}", self.manifest),
            Route("/v2/{name:path}/blobs/{reference}", self.blob),
            Route("/v2/{name:path}/referrers/{reference}", self.referrers),
            Route("/v2/{path:path}", self.nothing),
        ]

    async def catalogue(self, request: Request) -> Response:
        part, following = listings.page(request, sorted(self._current.index.images))
        return _list({"repositories": part}, "/v2/_catalog", following)

    async def tags(self, request: Request) -> Response:
        name = _name(request)
        image = self._current.index.images.get(name)
        if image and image.listing:
            part, following = listings.page(request, image.listing)
        else:
            listings.page_size(request.query_params)
            unknown = RegistryError(404, "NAME_UNKNOWN", f"there is no repository {name}")
            endpoint = f"tags/list{listings.asked(request)}"
            response, body = await self._upstream.fetch(self._current.index.repository(name), endpoint, unknown)
            part, following = wire.decode(response, body, _Tags).tags or [], listings.following(response)
        return _list({"name": name, "tags": part}, f"/v2/{name}/tags/list", following)

    async def manifest(self, request: Request) -> Response:
        name, reference = _name(request), request.path_params["reference"]
        if ":" in reference:
            return await self._manifest_by_digest(request, name, _digest(request))
        if not is_tag(reference):
            raise RegistryError(404, "MANIFEST_UNKNOWN", "there is no such tag: it is not of a tag's form")
        try:
            return _manifest(await self._manifests.by_tag(self._current.index.repository(name), reference), MOVING)
        except UpstreamError:
            image = self._current.index.images.get(name)
            track = image and image.tracks.get(reference)
            if not image or not track or track.digest not in image.by_digest:
                raise
            return _known(request, image.by_digest[track.digest])

    async def _manifest_by_digest(self, request: Request, name: str, digest: str) -> Response:
        image, repository = self._current.index.images.get(name), self._current.index.repository(name)
        build = image.by_digest.get(digest) if image else None
        if build and request.method == "HEAD":
            return _known(request, build)
        if repository.tokenless:
            return blobs.redirect(repository.url(f"manifests/{digest}"), MOVING)
        manifest = await self._manifests.by_digest(repository, digest)
        return _manifest(manifest, IMMUTABLE, build.media_type if build else None)

    async def blob(self, request: Request) -> Response:
        repository, digest = self._current.index.repository(_name(request)), _digest(request)
        if repository.tokenless:
            return blobs.redirect(repository.url(f"blobs/{digest}"), MOVING)
        return await blobs.relay(self._upstream, repository, digest, request)

    async def referrers(self, request: Request) -> Response:
        """Upstream's list; its 404 sends the client to the fallback tag."""
        name, path = _name(request), f"referrers/{_digest(request)}"
        unknown = RegistryError(404, "MANIFEST_UNKNOWN", "upstream does not list referrers")
        endpoint = f"{path}{listings.asked(request)}"
        response, body = await self._upstream.fetch(self._current.index.repository(name), endpoint, unknown)
        link = listings.link(f"/v2/{name}/{path}", listings.following(response))
        headers = {**API_VERSION, **link, **wire.kept(response.headers, "OCI-Filters-Applied")}
        return Response(body, 200, headers, "application/vnd.oci.image.index.v1+json")

    async def nothing(self, request: Request) -> Response:
        raise HTTPException(404)


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if _escape.search(request.scope["raw_path"]) or not is_name(name):
        raise RegistryError(400, "NAME_INVALID", "a name is lower-case letters and digits, with . _ - / between")
    return name


def _digest(request: Request) -> str:
    digest: str = request.path_params["reference"]
    if not is_digest(digest):
        raise RegistryError(400, "DIGEST_INVALID", "a digest is sha256:… or sha512:… in lower-case hexadecimal")
    return digest


def _list(body: object, path: str, following: str) -> Response:
    headers = {**API_VERSION, **listings.link(path, following)}
    return Response(msgspec.json.encode(body), 200, headers, "application/json")


def _known(request: Request, build: Build) -> Response:
    head = request.method == "HEAD"
    response = Response(status_code=200 if head else 307)
    response.raw_headers = described(build) if head else moved(request.scope["raw_path"], build)
    return response


def _manifest(manifest: Manifest, cache_control: str, media_type: str | None = None) -> Response:
    headers = {**API_VERSION, "Docker-Content-Digest": manifest.digest, "Cache-Control": cache_control}
    return Response(manifest.body, 200, headers, media_type or manifest.media_type)
