"""Blobs: a redirect to where upstream keeps them, or passed through where upstream sends them itself."""

from collections.abc import AsyncIterator

import anyio
import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from . import wire
from .answers import IMMUTABLE, ONCE
from .errors import API_VERSION, RegistryError, TransferBrokenError
from .names import Repository
from .upstream import Upstream

ASKED = ("range", "if-range")
KEPT = ("content-type", "content-length", "content-range", "accept-ranges", "etag", "last-modified")


async def relay(upstream: Upstream, repository: Repository, digest: str, request: Request) -> Response:
    """Sends upstream nothing of the client's but its Range. Raises RegistryError."""
    asked = wire.kept(request.headers, *ASKED)
    response = await upstream.open(repository, request.method, f"blobs/{digest}", asked)
    if response.next_request:
        return redirect(str(response.next_request.url), ONCE)
    if response.status_code in (200, 206):
        return _Transfer(response, digest)
    raise wire.refusal(response, RegistryError(404, "BLOB_UNKNOWN", f"there is no blob {digest}"))


def redirect(location: str, cache_control: str) -> Response:
    return Response(None, 307, {**API_VERSION, "Location": location, "Cache-Control": cache_control})


class _Transfer(StreamingResponse):
    """Passes a body on as it arrives, as fast as the client takes it."""

    def __init__(self, response: httpx.Response, digest: str) -> None:
        headers = {**API_VERSION, "Docker-Content-Digest": digest, "Cache-Control": IMMUTABLE}
        super().__init__(_chunks(response), response.status_code, {**headers, **wire.kept(response.headers, *KEPT)})
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._response.aclose()


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        raise TransferBrokenError(f"{response.url.host} broke off: {type(error).__name__}") from None
