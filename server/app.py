"""The application: `uvicorn server.app:app`."""

import asyncio
import logging
import traceback
from contextlib import suppress
from pathlib import Path
from time import perf_counter

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .caching import make_private
from .errors import RegistryError, StartError, UnauthorizedError, UpstreamError
from .index.current import Current
from .registry.passthrough import Passthrough
from .registry.prepared import Prepared
from .registry.routes import Registry
from .settings import Settings
from .site import Site
from .telemetry import access_log, metrics
from .telemetry.access_log import AccessLog, Entry
from .telemetry.health import Health
from .upstream.calls import Upstream

logger = logging.getLogger("uvicorn.error")


class Server:
    """Sends what is prepared in front of all routing; Starlette does everything else."""

    _log: AccessLog
    _prepared: Prepared
    _passthrough: Passthrough | None
    _app: ASGIApp
    _upstream: Upstream
    current: Current

    def __init__(self, settings: Settings | None = None) -> None:
        """Without `settings` they are read from the environment at the start."""
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await (self._lifespan(receive, send) if scope["type"] == "lifespan" else self._app(scope, receive, send))
            return
        answer = self._prepared.get(scope)
        if answer:
            await send(answer.start)
            await send(answer.body)
            self._log.observe_prepared(scope, answer.entry, answer.line)
            return
        started, entry = perf_counter(), Entry.of(scope)
        access_log.current.set(entry)

        async def noted(message: Message) -> None:
            if self._passthrough and message["type"] == "http.response.start":
                make_private(message)
            await send(message)
            entry.note(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._log.observe(scope, entry, started)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self.start()
        except Exception as error:
            message = str(error) if isinstance(error, StartError) else traceback.format_exc()
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        watch = asyncio.create_task(self.current.watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await self._upstream.close()
        metrics.retire()
        self._log.close()
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        """In a running event loop. Raises StartError."""
        settings = self._settings or Settings.from_environment()
        current = self.current = Current(
            Path(settings.index), metrics.observe_reload, with_private=settings.auth == "passthrough"
        )
        metrics.observe_index(current.index)
        upstream = self._upstream = Upstream(settings.timeout, settings.manifest_limit)
        registry = Registry(current, upstream, settings)
        self._prepared, self._passthrough = registry.prepared, registry.passthrough
        health = Health(current, lambda: upstream.is_reachable(current.index.home))
        site = Site(current, settings, registry.guard.admit)
        routes = [
            *registry.routes(),
            Route("/healthz", health.live),
            Route("/readyz", health.ready),
            Route("/metrics", metrics.expose),
            Route("/index/{path:path}", site.document),
            Route("/{path:path}", site.page),
        ]
        self._log = AccessLog()
        handlers = {RegistryError: self._registry_error, HTTPException: _http_error}
        self._app = Starlette(routes=routes, exception_handlers=handlers)

    async def _registry_error(self, request: Request, error: Exception) -> Response:
        """In passthrough, who has a token that upstream does not take is asked for a better one."""
        assert isinstance(error, RegistryError)  # noqa: S101
        if isinstance(error, UpstreamError):
            logger.warning("%s %s: %s", request.method, access_log.current.get().name, error)
        if isinstance(error, UnauthorizedError) and self._passthrough:
            error = self._passthrough.challenge(request.path_params.get("name", ""), "invalid_token")
        return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    """No such endpoint, or a method that it does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code != 405:
        return RegistryError(error.status_code, "UNSUPPORTED", error.detail).response()
    methods = (error.headers or {}).get("Allow", "").split(", ")
    is_token = request.url.path == "/token"
    message = error.detail if is_token else "this registry is read-only"
    return RegistryError(405, "UNSUPPORTED", message, {"Allow": ", ".join(sorted(methods))}).response()


app = Server()
