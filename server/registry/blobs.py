"""Blobs: a redirect to where upstream keeps them, or passed through where upstream sends them itself."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiohttp import ClientResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..caching import IMMUTABLE, MOVING, ONCE
from ..errors import API_VERSION, RegistryError, UpstreamError
from ..index.names import digest_of
from ..index.repository import Repository
from ..telemetry import access_log
from ..upstream import responses
from ..upstream.cache import Cache
from ..upstream.calls import Upstream
from . import known
from .known import Target
from .locations import lifetime

ASKED = ("range", "if-range")
FORWARDED = ("content-length", "content-range", "accept-ranges", "etag", "last-modified")
LOCATIONS, OVERHEAD = 16 * 1024 * 1024, 1024
"""Bytes of locations that are remembered, and what each takes besides itself."""

CHUNK = 64 * 1024
"""Bytes that are passed on at once: what a slow client leaves in memory is a few of them."""

logger = logging.getLogger("uvicorn.error")

_Key = tuple[Repository, str, str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class _Found:
    """Where a blob is, good for so many seconds; or, for the first who takes it, the blob as upstream sends it."""

    location: str = ""
    lifetime: float = 0.0
    response: ClientResponse | None = None


class Blobs:
    """`patience` is for clients, in seconds."""

    def __init__(self, upstream: Upstream, patience: float) -> None:
        self._upstream = upstream
        self._patience = patience
        self._found: Cache[_Key, _Found] = Cache(
            LOCATIONS, lambda found: OVERHEAD + len(found.location), lambda found: found.lifetime
        )

    def know(self, request: Request, target: Target) -> Response | None:
        """A redirect to where upstream said some seconds ago that the blob is. Raises RegistryError."""
        if target.repository.tokenless:
            return _redirect(target.repository.url(f"blobs/{known.digest(request)}"), MOVING)
        found = self._found.get(_key(request, target))
        return _redirect(found.location, ONCE) if found else None

    async def relay(self, request: Request, target: Target) -> Response:
        """
        Sends upstream nothing of the client's but its Range. Raises RegistryError.

        Upstream is asked once for all who want the same at that moment, but never with one client's token for another.
        """
        key = _key(request, target)
        found = await (self._ask(key) if target.repository.token else self._found.load(key, lambda: self._ask(key)))
        while not found.location:
            response, found.response = found.response, None
            if response:
                return _Transfer(response, *key[1:3], self._patience)
            found = await self._ask(key)
        return _redirect(found.location, ONCE)

    async def _ask(self, key: _Key) -> _Found:
        repository, method, digest, asked = key
        response = await self._upstream.open(repository, method, f"blobs/{digest}", dict(asked))
        if location := responses.location(response):
            return _Found(str(location), lifetime(location, response.headers))
        if response.status not in (200, 206):
            raise responses.refusal(response, RegistryError(404, "BLOB_UNKNOWN", f"there is no blob {digest}"))
        if fault := _fault(response, digest, is_ranged=bool(asked)):
            response.close()
            raise UpstreamError(f"{response.host} sent {fault}")
        return _Found(response=response)


def _redirect(location: str, cache_control: str) -> Response:
    return Response(None, 307, {**API_VERSION, "Location": location, "Cache-Control": cache_control})


def _key(request: Request, target: Target) -> _Key:
    """Some sign for one method only."""
    asked = responses.forwardable(request.headers, *ASKED) if request.method == "GET" else {}
    return target.repository, request.method, known.digest(request), tuple(asked.items())


def _fault(response: ClientResponse, digest: str, is_ranged: bool) -> str:
    """What is wrong with an answer before its first byte is read."""
    if response.headers.get("content-length") == "0" and digest_of(b"", like=digest) != digest:
        return f"nothing of the blob {digest}"
    is_coded = responses.header(response.headers, "content-encoding") not in ("", "identity")
    return "the blob in a form that was not asked for" if is_coded or (response.status == 206 and not is_ranged) else ""


class _Transfer(Response):
    """
    Passes a body on as it arrives, as fast as the client takes it, and gives up where it takes nothing for `patience`
    seconds. Whatever upstream says of its type, it is for no browser to show.
    """

    def __init__(self, upstreams: ClientResponse, method: str, digest: str, patience: float) -> None:
        self.status_code = upstreams.status
        self.init_headers(
            {
                **API_VERSION,
                "Content-Type": "application/octet-stream",
                "Docker-Content-Digest": digest,
                "Cache-Control": IMMUTABLE,
                "X-Content-Type-Options": "nosniff",
                **responses.forwardable(upstreams.headers, *FORWARDED),
            }
        )
        self._upstreams = upstreams
        self._chunks = _chunks(upstreams, digest if method == "GET" and upstreams.status == 200 else None)
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in self._chunks:
                async with asyncio.timeout(self._patience):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (UpstreamError, TimeoutError) as error:
            # The answer stays unfinished, so that the client's connection is cut: it sees a broken transfer.
            entry = access_log.current.get()
            logger.warning("%s %s: %s", entry.method, entry.name, str(error) or "the client takes no more")
        finally:
            self._upstreams.release()


async def _chunks(response: ClientResponse, digest: str | None) -> AsyncIterator[bytes]:
    """The last one is held back until all are known to be what the digest names, if one is. Raises UpstreamError."""
    held, computed = b"", hashlib.new(digest.partition(":")[0]) if digest else None
    try:
        async for chunk in response.content.iter_chunked(CHUNK):
            if held:
                yield held
            held = chunk
            if computed:
                computed.update(chunk)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UpstreamError(f"{response.host} broke off: {type(error).__name__}") from None
    if digest and computed and computed.hexdigest() != digest.partition(":")[2]:
        raise UpstreamError(f"{response.host} sent a blob that is not {digest}")
    yield held
