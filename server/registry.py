"""The endpoints under /v2/ (OCI distribution specification 1.1): what the index knows, and upstream for the rest."""

import re
from dataclasses import replace

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import blobs, listings, wire
from .answers import IMMUTABLE, MOVING, SECONDS, described, identified, moved
from .conditional import entity_tag, is_unchanged
from .current import Current
from .errors import API_VERSION, RegistryError, UnauthorizedError, UpstreamError
from .index import Build
from .manifests import INDEX, Descriptor, Manifest, Manifests
from .names import Repository, is_digest, is_name, is_tag
from .passthrough import Passthrough
from .referrers import Referrers
from .upstream import Upstream

# Nothing in a name, tag or digest needs an escape; some clients write the colon of a digest as one.
_escape = re.compile(rb"%(?!3[Aa])")


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


class Registry:
    """Without `passthrough` every call upstream is an anonymous one. `patience` is for clients, in seconds."""

    def __init__(
        self,
        current: Current,
        upstream: Upstream,
        manifests: Manifests,
        passthrough: Passthrough | None,
        patience: float,
    ) -> None:
        self._current = current
        self._upstream = upstream
        self._manifests = manifests
        self._referrers = Referrers(upstream, manifests)
        self._passthrough = passthrough
        self._patience = patience

    def routes(self) -> list[Route]:
        return [
            Route("/v2", self.version),
            Route("/v2/", self.version),
            Route("/v2/_catalog", self.catalogue),
            Route("/v2/{name:path}/tags/list", self.tags),
            Route("/v2/{name:path}/manifests/{reference}", self.manifest),
            Route("/v2/{name:path}/blobs/{reference}", self.blob),
            Route("/v2/{name:path}/referrers/{reference}", self.referrers),
            Route("/v2/{path:path}", self.nothing),
        ]

    def _repository(self, request: Request, name: str) -> Repository:
        """Where `name` is read, and with whose token. Raises RegistryError where a token is needed and not given."""
        repository = self._current.index.repository(name)
        if self._passthrough:
            return replace(repository, token=self._passthrough.authorize(request, repository, name))
        return repository

    def _admit(self, request: Request) -> None:
        """What is about no repository needs a token all the same, where one is to be had. Raises RegistryError."""
        if self._passthrough and self._current.index.home.auth:
            self._passthrough.authorize(request)

    async def version(self, request: Request) -> Response:
        self._admit(request)
        return Response(b"{}", 200, API_VERSION, "application/json")

    async def catalogue(self, request: Request) -> Response:
        self._admit(request)
        part, following = listings.page(request, sorted(self._current.index.images))
        return _list({"repositories": part}, "/v2/_catalog", following, MOVING)

    async def tags(self, request: Request) -> Response:
        name = _name(request)
        image, repository = self._current.index.images.get(name), self._repository(request, name)
        if image and image.listing:
            part, following = listings.page(request, image.listing)
            return _list({"name": name, "tags": part}, f"/v2/{name}/tags/list", following, MOVING)
        size = listings.page_size(request.query_params)
        unknown = RegistryError(404, "NAME_UNKNOWN", f"there is no repository {name}")
        response, body = await self._upstream.fetch(repository, f"tags/list{listings.asked(request)}", unknown)
        part, following = wire.decode(response, body, _Tags).tags or [], listings.following(response)
        if size == 0:
            part, following = [], ""
        return _list({"name": name, "tags": part}, f"/v2/{name}/tags/list", following, SECONDS)

    async def manifest(self, request: Request) -> Response:
        name, reference = _name(request), request.path_params["reference"]
        if ":" in reference:
            return await self._manifest_by_digest(request, name, _digest(request))
        if not is_tag(reference):
            raise RegistryError(404, "MANIFEST_UNKNOWN", "there is no such tag: it is not of a tag's form")
        image, repository = self._current.index.images.get(name), self._repository(request, name)
        if image and (build := image.build(reference)):
            if not self._passthrough:
                return _known(request, build, MOVING)
            # Some clients lose their token at a redirect, even to the same host.
            if request.method == "HEAD":
                return _manifest(request, build, MOVING)
            return _manifest(request, await self._manifests.by_digest(repository, build.digest), MOVING)
        try:
            if request.method == "HEAD":
                return _manifest(request, await self._manifests.described(repository, reference), SECONDS)
            return _manifest(request, await self._manifests.by_tag(repository, reference), SECONDS)
        except UpstreamError:
            track = image and image.tracks.get(reference)
            if not image or not track or track.digest not in image.by_digest:
                raise
            return _known(request, image.by_digest[track.digest], SECONDS)

    async def _manifest_by_digest(self, request: Request, name: str, digest: str) -> Response:
        image, repository = self._current.index.images.get(name), self._repository(request, name)
        build = image.by_digest.get(digest) if image else None
        if build and request.method == "HEAD":
            return _manifest(request, build, IMMUTABLE)
        if repository.tokenless:
            return blobs.redirect(repository.url(f"manifests/{digest}"), MOVING)
        manifest = await self._manifests.by_digest(repository, digest)
        return _manifest(request, manifest, IMMUTABLE)

    async def blob(self, request: Request) -> Response:
        name, digest = _name(request), _digest(request)
        repository = self._repository(request, name)
        if repository.tokenless:
            return blobs.redirect(repository.url(f"blobs/{digest}"), MOVING)
        return await blobs.relay(self._upstream, repository, digest, request, self._patience)

    async def referrers(self, request: Request) -> Response:
        name, digest, wanted = _name(request), _digest(request), request.query_params.get("artifactType")
        repository = self._repository(request, name)
        body, following, is_filtered = await self._referrers.of(repository, digest, listings.asked(request), wanted)
        filters = {"OCI-Filters-Applied": "artifactType"} if is_filtered else {}
        headers = {**API_VERSION, **listings.link(f"/v2/{name}/referrers/{digest}", following), **filters}
        return Response(body, 200, {**headers, "Cache-Control": SECONDS}, INDEX)

    async def nothing(self, request: Request) -> Response:
        raise HTTPException(404)

    async def unauthorized(self, request: Request, error: Exception) -> Response:
        """Upstream does not take the token: in passthrough the client is asked for a better one."""
        assert isinstance(error, UnauthorizedError)  # noqa: S101
        if self._passthrough:
            return self._passthrough.challenge(request.path_params.get("name", ""), "invalid_token").response()
        return error.response()


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


def _list(body: object, path: str, following: str, cache_control: str) -> Response:
    headers = {**API_VERSION, **listings.link(path, following), "Cache-Control": cache_control}
    return Response(msgspec.json.encode(body), 200, headers, "application/json")


def _known(request: Request, build: Build, cache_control: str) -> Response:
    head = request.method == "HEAD"
    response = Response(status_code=200 if head else 307)
    path = request.scope["raw_path"]
    response.raw_headers = described(build, cache_control) if head else moved(path, build, cache_control)
    return response


def _manifest(request: Request, manifest: Build | Descriptor, cache_control: str) -> Response:
    """The manifest, or for HEAD what would be sent of it."""
    headers = identified(manifest, cache_control)
    if is_unchanged(request, entity_tag(manifest.digest)):
        response = Response(None, 304)
        response.raw_headers = [each for each in headers if each[0] not in (b"content-type", b"content-length")]
        return response
    response = Response(manifest.body if isinstance(manifest, Manifest) else b"")
    response.raw_headers = headers
    return response
