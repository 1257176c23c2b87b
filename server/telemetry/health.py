"""Life and readiness, for whoever starts and balances servers."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..index.current import Current

_HEADERS = {"Cache-Control": "no-store"}


class Health:
    """`is_reachable` says whether upstream answers."""

    def __init__(self, current: Current, is_reachable: Callable[[], Awaitable[bool]]) -> None:
        self._current = current
        self._is_reachable = is_reachable

    async def live(self, request: Request) -> Response:
        return PlainTextResponse("ok", headers=_HEADERS)

    async def ready(self, request: Request) -> Response:
        """503 while upstream cannot be reached: another replica may do better."""
        images, loaded = len(self._current.index.images), self._current.loaded.isoformat(timespec="seconds")
        is_reachable = await self._is_reachable()
        body = {
            "index": {"images": images, "loaded": loaded},
            "upstream": "reachable" if is_reachable else "unreachable",
        }
        return JSONResponse(body, 200 if is_reachable else 503, _HEADERS)
