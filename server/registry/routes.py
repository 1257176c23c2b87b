"""The endpoints under /v2/ (OCI distribution specification 1.1): what the index knows, and upstream for the rest."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..caching import IMMUTABLE, MOVING, SECONDS
from ..errors import API_VERSION, RegistryError, UnauthorizedError, UpstreamError
from ..index.current import Current
from ..index.image import Image
from ..index.names import is_digest, is_name, is_tag
from ..index.repository import Repository
from ..upstream.calls import Upstream
from . import known, pagination, tags
from .blobs import Blobs, redirect
from .guard import Guard
from .known import Lasting, RegistryResponse
from .manifests import INDEX, Manifests
from .passthrough import Passthrough
from .prepared import Prepared
from .referrers import Referrers
from .relays import Relays

# Nothing in a name, tag or digest needs an escape; some clients write the colon of a digest as one.
_escape = re.compile(rb"%(?!3[Aa])")


@dataclass(frozen=True, slots=True)
class _Target:
    """What a request is about: a name, the image that it is in the index, and where that lives upstream."""

    name: str
    image: Image | None
    repository: Repository


Endpoint = Callable[[Request, _Target], Response]


class Registry:
    """
    Without `passthrough` every call upstream is an anonymous one. `public_url` is where clients find this server, if
    that is known; `patience` is for them, in seconds.
    """

    def __init__(
        self,
        current: Current,
        upstream: Upstream,
        manifests: Manifests,
        prepared: Prepared,
        relays: Relays,
        guard: Guard,
        passthrough: Passthrough | None,
        public_url: str,
        patience: float,
    ) -> None:
        self._current = current
        self._upstream = upstream
        self._manifests = manifests
        self._referrers = Referrers(upstream, manifests)
        self._blobs = Blobs(upstream, patience)
        self._prepared = prepared
        self._relays = relays
        self._guard = guard
        self._passthrough = passthrough
        self._public_url = public_url

    def routes(self) -> list[Route]:
        return [
            Route("/v2", self.version),
            Route("/v2/", self.version),
            Route("/v2/_catalog", self.catalogue),
            Route("/v2/{name:path}/tags/list", self._about(self.tags)),
            Route("/v2/{name:path}/manifests/{reference}", self._about(self.manifest)),
            Route("/v2/{name:path}/blobs/{reference}", self._about(self.blob)),
            Route("/v2/{name:path}/referrers/{reference}", self._about(self.referrers)),
            Route("/v2/{path:path}", self.nothing),
        ]

    def _about(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint about a repository: of a private image it tells nobody but who may read that upstream."""

        async def respond(request: Request) -> Response:
            target = self._target(request)
            if not self._guard.is_open(target.image, target.repository):
                return self._relays.response(lambda: prove(request, target))
            return self._kept(request, endpoint(request, target))

        async def prove(request: Request, target: _Target) -> Response:
            if target.image:
                await self._guard.prove(target.image, target.repository)
            return endpoint(request, target)

        return respond

    def _kept(self, request: Request, response: Response) -> Response:
        """What is prepared is sent to anybody: nothing is where a token is needed."""
        if isinstance(response, RegistryResponse) and not self._passthrough:
            self._prepared.keep(request.scope, response)
        return response

    def _target(self, request: Request) -> _Target:
        """Raises RegistryError, also where a token is needed and not given."""
        name = request.path_params["name"]
        if _escape.search(request.scope["raw_path"]) or not is_name(name):
            raise RegistryError(400, "NAME_INVALID", "a name is lower-case letters and digits, with . _ - / between")
        registry = request.query_params.get("ns")
        if not registry or registry.lower() == self._public_url.partition("://")[2]:
            image, repository = self._current.index.locate(name)
        elif located := self._current.index.locate_at(registry, name):
            image, repository = located
        else:
            raise RegistryError(404, "NAME_UNKNOWN", "the index knows nothing of the registry that ns names")
        if self._passthrough:
            repository = self._passthrough.with_token(request, repository, name)
        return _Target(name, image, repository)

    def _admit(self, request: Request) -> None:
        """What is about no repository needs a token all the same, where one is to be had. Raises RegistryError."""
        if self._passthrough and self._current.index.home.auth:
            self._passthrough.token_of(request)

    async def version(self, request: Request) -> Response:
        self._admit(request)
        return self._kept(request, known.version())

    async def catalogue(self, request: Request) -> Response:
        self._admit(request)
        images = self._current.index.images
        return known.catalogue(request, sorted(name for name in images if not images[name].private))

    def tags(self, request: Request, target: _Target) -> Response:
        listing = target.image.listing if target.image else []
        if listing and request.query_params.get("attached") == "true":
            return self._relays.response(lambda: self._relay_attached(request, target, listing))
        if listing:
            return known.tags(request, target.name, listing, Lasting.INDEX)
        return self._relays.response(lambda: self._relay_tags(request, target))

    async def _relay_tags(self, request: Request, target: _Target) -> Response:
        size = pagination.page_size(request.query_params)
        query = pagination.forwarded(request)
        part, following = await tags.page(self._upstream, target.repository, target.name, query)
        content = {"name": target.name, "tags": [] if size == 0 else part}
        return known.listing(content, f"/v2/{target.name}/tags/list", "" if size == 0 else following, SECONDS)

    async def _relay_attached(self, request: Request, target: _Target, listing: list[str]) -> Response:
        return known.tags(
            request, target.name, await tags.attached(self._upstream, target.repository, target.name, listing)
        )

    def manifest(self, request: Request, target: _Target) -> Response:
        reference = request.path_params["reference"]
        if ":" in reference:
            return self._manifest_by_digest(request, target, _digest(request))
        if not is_tag(reference):
            raise RegistryError(404, "MANIFEST_UNKNOWN", "there is no such tag: it is not of a tag's form")
        build = known.build(target.image, reference) if target.image else None
        if not target.image or not build:
            return self._relays.response(lambda: self._relay_tag(request, target, reference))
        # Some clients lose their token at a redirect, even to the same host.
        if self._passthrough and request.method == "GET":
            return self._relays.response(lambda: self._relay_manifest(request, target, build.digest, MOVING))
        return known.tag(request, target.image, reference, build, self._public_url)

    async def _relay_tag(self, request: Request, target: _Target, tag: str) -> Response:
        """Upstream's own, or the build that it was last while upstream is away."""
        try:
            if request.method == "HEAD":
                return known.manifest(request, await self._manifests.describe(target.repository, tag), SECONDS)
            return known.manifest(request, await self._manifests.by_tag(target.repository, tag), SECONDS)
        except UpstreamError:
            build = target.image and target.image.tracked(tag)
            if not build or build.gone:
                raise
            if request.method == "HEAD":
                return known.manifest(request, build, SECONDS)
            return known.redirect(request, build, self._public_url, SECONDS)

    def _manifest_by_digest(self, request: Request, target: _Target, digest: str) -> Response:
        build = target.image.by_digest.get(digest) if target.image else None
        if build and not build.gone and request.method == "HEAD":
            return known.manifest(request, build, IMMUTABLE, Lasting.INDEX)
        if not self._passthrough and (manifest := self._manifests.cached(target.repository, digest)):
            return known.manifest(request, manifest, IMMUTABLE, Lasting.MEMORY)
        return self._relays.response(lambda: self._relay_manifest(request, target, digest, IMMUTABLE))

    async def _relay_manifest(self, request: Request, target: _Target, digest: str, cache_control: str) -> Response:
        try:
            manifest = await self._manifests.by_digest(target.repository, digest)
        except RegistryError as error:
            build = target.image.by_digest.get(digest) if target.image else None
            if build and build.gone and error.status == 404:
                raise RegistryError(404, error.code, f"{digest} is {known.gone_since(build.gone)}") from None
            raise
        return known.manifest(request, manifest, cache_control)

    def blob(self, request: Request, target: _Target) -> Response:
        digest = _digest(request)
        if target.repository.tokenless:
            return redirect(target.repository.url(f"blobs/{digest}"), MOVING)
        return self._blobs.remembered(target.repository, digest, request) or self._relays.response(
            lambda: self._blobs.relay(target.repository, digest, request)
        )

    def referrers(self, request: Request, target: _Target) -> Response:
        digest = _digest(request)
        return self._relays.response(lambda: self._relay_referrers(request, target, digest))

    async def _relay_referrers(self, request: Request, target: _Target, digest: str) -> Response:
        query, wanted = pagination.forwarded(request), request.query_params.get("artifactType")
        body, following, is_filtered = await self._referrers.of(target.repository, digest, query, wanted)
        filters = {"OCI-Filters-Applied": "artifactType"} if is_filtered else {}
        link = pagination.link(f"/v2/{target.name}/referrers/{digest}", following)
        return Response(body, 200, {**API_VERSION, **link, **filters, "Cache-Control": SECONDS}, INDEX)

    async def nothing(self, request: Request) -> Response:
        raise HTTPException(404)

    async def unauthorized(self, request: Request, error: Exception) -> Response:
        """Upstream does not take the token: in passthrough the client is asked for a better one."""
        assert isinstance(error, UnauthorizedError)  # noqa: S101
        if self._passthrough:
            return self._passthrough.challenge(request.path_params.get("name", ""), "invalid_token").response()
        return error.response()


def _digest(request: Request) -> str:
    digest: str = request.path_params["reference"]
    if not is_digest(digest):
        raise RegistryError(400, "DIGEST_INVALID", "a digest is sha256:… or sha512:… in lower-case hexadecimal")
    return digest
