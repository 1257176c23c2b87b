"""The endpoints of the registry (OCI distribution specification 1.1): what the index knows, upstream for the rest."""

import re
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..caching import IMMUTABLE, MOVING, SECONDS
from ..errors import RegistryError, UpstreamError
from ..index.current import Current
from ..index.names import is_name, is_tag
from ..index.repository import Repository
from ..settings import Settings
from ..upstream.cache import Cache
from ..upstream.calls import Upstream
from . import known, lists
from .blobs import Blobs
from .guard import Guard
from .known import RegistryResponse, Target
from .manifests import Manifests
from .passthrough import Passthrough
from .prepared import Prepared
from .referrers import Referrers
from .relays import Relay, Relays, capacity

# Nothing in a name, tag or digest needs an escape; some clients write the colon of a digest as one.
_escape = re.compile(rb"%(?!3[Aa])")

Know = Callable[[Request, Target], Response | None]
Ask = Callable[[Request, Target], Awaitable[Response]]


class Registry:
    """Without `passthrough` every call upstream is an anonymous one."""

    def __init__(self, current: Current, upstream: Upstream, settings: Settings) -> None:
        self.current = current
        self.upstream = upstream
        self.relays = Relays(capacity())
        self.passthrough: Passthrough | None = None
        if settings.auth == "passthrough" and settings.public_url:
            self.passthrough = Passthrough(current, upstream.tokens, self.relays, settings.public_url)
        self.guard = Guard(current, upstream, self.passthrough)
        self.manifests = Manifests(upstream, settings.manifest_cache)
        self.prepared = Prepared(current, settings.manifest_cache // 2)
        self.blobs = Blobs(upstream, settings.timeout)
        self.referrers = Referrers(upstream, self.manifests)
        self.attached: Cache[tuple[Repository, bytes, bytes], Response] = Cache(0)
        self.public_url = (settings.public_url or "").rstrip("/")

    def routes(self) -> list[Route]:
        return [
            *([Route("/token", self.passthrough.token, methods=["GET", "POST"])] if self.passthrough else []),
            Route("/v2", self.version),
            Route("/v2/", self.version),
            Route("/v2/_catalog", self.catalogue),
            Route("/v2/{name:path}/tags/list", self._about(self._known_tags, self._relay_tags)),
            Route("/v2/{name:path}/manifests/{reference}", self._about(self._known_manifest, self._relay_manifest)),
            Route("/v2/{name:path}/blobs/{reference}", self._about(self.blobs.know, self.blobs.relay)),
            Route("/v2/{name:path}/referrers/{reference}", self._about(self.referrers.know, self.referrers.relay)),
            Route("/v2/{path:path}", self.nothing),
        ]

    def _about(self, know: Know, ask: Ask) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint about a repository: of a private image it tells nobody but who may read that upstream."""

        async def respond(request: Request) -> Response:
            target = self._target(request)
            if not self.guard.is_open(target):
                return Relay(self.relays, lambda: prove(request, target))
            if answer := know(request, target):
                return self._kept(request, answer)
            return Relay(self.relays, lambda: ask(request, target))

        async def prove(request: Request, target: Target) -> Response:
            await self.guard.prove(target)
            return know(request, target) or await ask(request, target)

        return respond

    def _kept(self, request: Request, answer: Response) -> Response:
        """What is prepared is sent to anybody: nothing is where a token is needed."""
        if isinstance(answer, RegistryResponse) and not self.passthrough:
            self.prepared.keep(request.scope, answer)
        return answer

    def _target(self, request: Request) -> Target:
        """Raises RegistryError, also where a token is needed and not given."""
        name = request.path_params["name"]
        if _escape.search(request.scope["raw_path"]) or not is_name(name):
            raise RegistryError(400, "NAME_INVALID", "a name is lower-case letters and digits, with . _ - / between")
        registry, index = request.query_params.get("ns", ""), self.current.index
        is_ours = registry.lower() in ("", self.public_url.partition("://")[2])
        located = index.locate(name) if is_ours else index.locate_at(registry, name)
        if not located:
            raise RegistryError(404, "NAME_UNKNOWN", "the index knows nothing of the registry that ns names")
        target = Target(name, *located)
        return self.passthrough.with_token(request, target) if self.passthrough else target

    def _admit(self, request: Request) -> None:
        """What is about no repository needs a token all the same, where one is to be had. Raises RegistryError."""
        if self.passthrough and self.current.index.home.auth:
            self.passthrough.token_of(request)

    async def version(self, request: Request) -> Response:
        self._admit(request)
        headers = {"Content-Type": "application/json"}
        return self._kept(request, RegistryResponse(200, headers, b"{}"))

    async def catalogue(self, request: Request) -> Response:
        self._admit(request)
        index = self.current.index
        return known.listing(request, "repositories", sorted({*index.images} - {*index.private}))

    def _known_tags(self, request: Request, target: Target) -> Response | None:
        listing = target.image.listing if target.image else []
        if not listing or request.query_params.get("attached") == "true":
            return None
        return known.listing(request, "tags", listing, {"name": target.name})

    async def _relay_tags(self, request: Request, target: Target) -> Response:
        if target.image and (known_tags := target.image.listing):

            async def gather() -> Response:
                attached = await lists.attached(self.upstream, target.repository, target.name, known_tags)
                return known.listing(request, "tags", attached, {"name": target.name})

            asked = target.repository, request.scope["raw_path"], request.scope["query_string"]
            return await self.attached.load(asked, gather)
        size = lists.page_size(request.query_params)
        query = lists.forwarded(request)
        part, following = await lists.tags(self.upstream, target.repository, target.name, query)
        content = {"name": target.name, "tags": [] if size == 0 else part}
        return known.page(request, content, "" if size == 0 else following, SECONDS)

    def _known_manifest(self, request: Request, target: Target) -> Response | None:
        reference, is_head = request.path_params["reference"], request.method == "HEAD"
        if ":" in reference:
            digest = known.digest(request)
            build = target.image.by_digest.get(digest) if target.image else None
            if build and not build.gone and is_head:
                return known.manifest(request, build, IMMUTABLE)
            manifest = None if self.passthrough else self.manifests.cached(target.repository, digest)
            return known.manifest(request, manifest, IMMUTABLE) if manifest else None
        if not is_tag(reference):
            raise RegistryError(404, "MANIFEST_UNKNOWN", "there is no such tag: it is not of a tag's form")
        build = known.build(target, reference)
        # Some clients lose their token at a redirect, even to the same host.
        if not target.image or not build or (self.passthrough and not is_head):
            return None
        return known.tag(request, target.image, reference, build, self.public_url)

    async def _relay_manifest(self, request: Request, target: Target) -> Response:
        reference = request.path_params["reference"]
        if ":" in reference:
            return await self._relay_digest(request, target, reference, IMMUTABLE)
        if build := known.build(target, reference):
            return await self._relay_digest(request, target, build.digest, MOVING)
        return await self._relay_tag(request, target, reference)

    async def _relay_tag(self, request: Request, target: Target, tag: str) -> Response:
        """Upstream's own, or the build that it was last while upstream is away."""
        ask = self.manifests.describe if request.method == "HEAD" else self.manifests.by_tag
        try:
            return known.manifest(request, await ask(target.repository, tag), SECONDS)
        except UpstreamError:
            build = target.image and target.image.tracked(tag)
            if not build or build.gone:
                raise
            if request.method == "HEAD":
                return known.manifest(request, build, SECONDS)
            return known.redirect(request, build, self.public_url, SECONDS)

    async def _relay_digest(self, request: Request, target: Target, digest: str, cache_control: str) -> Response:
        try:
            manifest = await self.manifests.by_digest(target.repository, digest)
        except RegistryError as error:
            build = target.image.by_digest.get(digest) if target.image else None
            if build and build.gone and error.status == 404:
                raise RegistryError(404, error.code, f"{digest} is {known.gone_since(build.gone)}") from None
            raise
        return known.manifest(request, manifest, cache_control)

    async def nothing(self, request: Request) -> Response:
        raise HTTPException(404)
