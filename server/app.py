"""The application: `uvicorn server.app:app`."""

import gc
import logging
import traceback
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import Answers
from .current import Current
from .errors import RegistryError, StartError, TransferBrokenError, UpstreamError
from .manifests import Manifests
from .pages import Pages
from .registry import Registry
from .settings import Settings
from .upstream import Upstream

logger = logging.getLogger("reverse_registry")


class Server:
    """Answers what the index knows in front of all routing; Starlette does everything else."""

    _answers: Answers
    _app: ASGIApp
    _upstream: Upstream

    def __init__(self, settings: Settings | None = None) -> None:
        """Without `settings` they are read from the environment at the start."""
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] == "http":
            answer = self._answers.get(scope["method"], scope["raw_path"])
            if answer:
                await send(answer[0])
                await send(answer[1])
                return
        try:
            await self._app(scope, receive, send)
        except TransferBrokenError as error:
            # The answer stays unfinished, so that the client's connection is cut: it sees a broken transfer.
            logger.warning("%s %s: %s", scope["method"], scope["path"], error)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self.start()
        except Exception as error:
            message = str(error) if isinstance(error, StartError) else traceback.format_exc()
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._upstream.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        """Raises StartError."""
        settings = self._settings or Settings.from_environment()
        current = Current(Path(settings.index))
        self._upstream = Upstream(settings.timeout, settings.manifest_limit)
        manifests = Manifests(self._upstream, settings.manifest_cache)
        registry = Registry(current, self._upstream, manifests)
        pages = Pages(current, settings.public_url)
        self._answers = Answers(current.index)
        self._app = Starlette(
            routes=[*registry.routes(), *pages.routes()],
            exception_handlers={RegistryError: _registry_error, HTTPException: _http_error},
        )
        # The index lives as long as the process: no collection has to walk it again.
        gc.freeze()


async def _registry_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RegistryError)  # noqa: S101
    if isinstance(error, UpstreamError):
        logger.warning("%s %s: %s", request.method, request.url.path, error)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    """No such endpoint, or a method that it does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101
    allow = {"Allow": "GET, HEAD"} if error.status_code == 405 else None
    return RegistryError(error.status_code, "UNSUPPORTED", error.detail, allow).response()


app = Server()
