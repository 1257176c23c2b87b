"""Life and readiness, for whoever starts and balances servers."""

from time import monotonic

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import wire
from .cache import Cache
from .client import Client
from .current import Current
from .errors import UpstreamError

LATELY, PROBE_TIMEOUT = 30.0, 5.0


class Health:
    """Upstream is asked only if nothing was heard of it lately, and by one request for all who want to know."""

    def __init__(self, current: Current, client: Client) -> None:
        self._current = current
        self._client = client
        self._probes: Cache[str, bool] = Cache(0, lambda _: 1)

    def routes(self) -> list[Route]:
        return [Route("/healthz", self.live), Route("/readyz", self.ready)]

    async def live(self, request: Request) -> Response:
        return PlainTextResponse("ok", headers={"Cache-Control": "no-store"})

    async def ready(self, request: Request) -> Response:
        """503 while upstream cannot be reached: another replica may do better."""
        index = self._current.index
        heard = self._client.answered
        is_reachable = heard is not None and monotonic() - heard < LATELY
        is_reachable = is_reachable or await self._probes.load(index.home.host, self._probe)
        body = {
            "index": {"images": len(index.images), "loaded": self._current.loaded.isoformat(timespec="seconds")},
            "upstream": "reachable" if is_reachable else "unreachable",
        }
        return JSONResponse(body, 200 if is_reachable else 503, {"Cache-Control": "no-store"})

    async def _probe(self) -> bool:
        url = httpx.URL(self._current.index.home.url("")).copy_with(path="/v2/")
        try:
            async with wire.call(url.host, PROBE_TIMEOUT), self._client.stream("GET", url) as response:
                return response.status_code < 500
        except UpstreamError:
            return False
