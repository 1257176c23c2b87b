"""The application: `uvicorn server.app:app`."""

import asyncio
import logging
import traceback
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import anyio.lowlevel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import metrics
from .access import Access, Exchange, Subject, exchange
from .answers import Answers
from .client import Client
from .current import Current
from .errors import RegistryError, StartError, TransferBrokenError, UnauthorizedError, UpstreamError
from .health import Health
from .manifests import Manifests
from .pages import Pages
from .passthrough import Passthrough
from .registry import Registry
from .settings import Settings
from .upstream import Upstream

logger = logging.getLogger("uvicorn.error")


class Server:
    """Answers what the index knows in front of all routing; Starlette does everything else."""

    _access: Access
    _answers: Answers | None
    _app: ASGIApp
    _client: Client
    _watch: asyncio.Task[None]
    current: Current

    def __init__(self, settings: Settings | None = None) -> None:
        """Without `settings` they are read from the environment at the start."""
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await (self._lifespan(receive, send) if scope["type"] == "lifespan" else self._app(scope, receive, send))
            return
        answer = self._answers.get(scope) if self._answers else None
        if answer:
            await send(answer.start)
            await send(answer.body)
            self._access.observe_prepared(scope, answer.tally, answer.told)
            return
        started = perf_counter()
        done = Exchange(send, is_private=self._answers is None)
        exchange.set(done)
        try:
            await self._app(scope, receive, done.send)
        except TransferBrokenError as error:
            # The answer stays unfinished, so that the client's connection is cut: it sees a broken transfer.
            logger.warning("%s %s: %s", scope["method"], Subject.of(scope["raw_path"]).name, error)
        finally:
            self._access.observe(scope, done, started)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self.start()
        except Exception as error:
            message = str(error) if isinstance(error, StartError) else traceback.format_exc()
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        # The first call upstream would load anyio's backend, which takes longer than the call.
        await anyio.lowlevel.checkpoint()
        self._watch = asyncio.create_task(self.current.watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._watch.cancel()
        with suppress(asyncio.CancelledError):
            await self._watch
        await self._client.aclose()
        metrics.retire()
        self._access.close()
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        """Raises StartError."""
        settings = self._settings or Settings.from_environment()
        current = self.current = Current(Path(settings.index))
        client = self._client = Client(settings.timeout)
        upstream = Upstream(client, settings.timeout, settings.manifest_limit)
        manifests = Manifests(upstream, settings.manifest_cache)
        passthrough = None
        if settings.auth == "passthrough" and settings.public_url:
            passthrough = Passthrough(current, client, settings.public_url, settings.timeout)
        registry = Registry(current, upstream, manifests, passthrough, settings.timeout)
        routes = [
            *(passthrough.routes() if passthrough else ()),
            *registry.routes(),
            *Health(current, client).routes(),
            Route("/metrics", metrics.expose),
            *Pages(current, settings.public_url).routes(),
        ]
        self._access = Access()
        # With credentials every request has to be looked at.
        self._answers = None if passthrough else Answers(current, manifests)
        handlers = {
            UnauthorizedError: registry.unauthorized,
            RegistryError: _registry_error,
            HTTPException: _http_error,
        }
        self._app = Starlette(routes=routes, exception_handlers=handlers)


async def _registry_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RegistryError)  # noqa: S101
    if isinstance(error, UpstreamError):
        logger.warning("%s %s: %s", request.method, Subject.of(request.scope["raw_path"]).name, error)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    """No such endpoint, or a method that it does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101
    methods = (error.headers or {}).get("Allow", "").split(", ")
    allow = {"Allow": ", ".join(sorted(methods))} if error.status_code == 405 else None
    return RegistryError(error.status_code, "UNSUPPORTED", error.detail, allow).response()


app = Server()
