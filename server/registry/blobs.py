"""Blobs: a redirect to where upstream keeps them, or passed through where upstream sends them itself."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic

import aiohttp
from aiohttp import ClientResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..caching import IMMUTABLE, ONCE
from ..errors import API_VERSION, RegistryError, TransferBrokenError, UpstreamError
from ..index.names import digest_of
from ..index.repository import Repository
from ..upstream import responses
from ..upstream.cache import Cache
from ..upstream.calls import Upstream
from .locations import lifetime

ASKED = ("range", "if-range")
FORWARDED = ("content-length", "content-range", "accept-ranges", "etag", "last-modified")
LOCATIONS, OVERHEAD = 16 * 1024 * 1024, 1024
"""Bytes of locations that are remembered, and what each takes besides itself."""

CHUNK = 64 * 1024
"""Bytes that are passed on at once: what a slow client leaves in memory is a few of them."""

_Key = tuple[Repository, str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class _Location:
    """Where a blob is; `expires` is in seconds of the monotonic clock."""

    url: str
    expires: float


class _Opened:
    """A blob that upstream sends itself, for the first who takes it."""

    def __init__(self, response: ClientResponse) -> None:
        self._response: ClientResponse | None = response

    def take(self) -> ClientResponse | None:
        response, self._response = self._response, None
        return response


class Blobs:
    """`patience` is for clients, in seconds."""

    def __init__(self, upstream: Upstream, patience: float) -> None:
        self._upstream = upstream
        self._patience = patience
        self._found: Cache[_Key, _Location | _Opened] = Cache(LOCATIONS, _weight)

    def remembered(self, repository: Repository, digest: str, request: Request) -> Response | None:
        """A redirect to where upstream said some seconds ago that the blob is."""
        key = _key(repository, digest, request)
        found = self._found.get(key)
        if isinstance(found, _Location) and found.expires > monotonic():
            return redirect(found.url, ONCE)
        self._found.drop(key)
        return None

    async def relay(self, repository: Repository, digest: str, request: Request) -> Response:
        """
        Sends upstream nothing of the client's but its Range. Raises RegistryError.

        Upstream is asked once for all who want the same at that moment, but never with one client's token for another.
        """
        key = _key(repository, digest, request)
        if repository.token:
            found = await self._ask(key)
        else:
            found = await self._found.load(key, lambda: self._ask(key))
        while isinstance(found, _Opened):
            if response := found.take():
                return _Transfer(response, digest, request.method, self._patience)
            found = await self._ask(key)
        return redirect(found.url, ONCE)

    async def _ask(self, key: _Key) -> _Location | _Opened:
        repository, method, digest, asked = key
        response = await self._upstream.open(repository, method, f"blobs/{digest}", dict(asked))
        if location := responses.location(response):
            return _Location(str(location), monotonic() + lifetime(location, response.headers))
        if response.status not in (200, 206):
            raise responses.refusal(response, RegistryError(404, "BLOB_UNKNOWN", f"there is no blob {digest}"))
        try:
            _check(response, digest, is_ranged=bool(asked))
        except UpstreamError:
            response.close()
            raise
        return _Opened(response)


def redirect(location: str, cache_control: str) -> Response:
    return Response(None, 307, {**API_VERSION, "Location": location, "Cache-Control": cache_control})


def _key(repository: Repository, digest: str, request: Request) -> _Key:
    """Some sign for one method only."""
    asked = responses.forwardable(request.headers, *ASKED) if request.method == "GET" else {}
    return repository, request.method, digest, tuple(asked.items())


def _weight(found: _Location | _Opened) -> int:
    """Too much where it is not to be remembered."""
    is_lasting = isinstance(found, _Location) and found.expires > monotonic()
    return OVERHEAD + len(found.url) if isinstance(found, _Location) and is_lasting else LOCATIONS + 1


def _check(response: ClientResponse, digest: str, is_ranged: bool) -> None:
    """Raises UpstreamError."""
    if response.headers.get("content-length") == "0" and digest_of(b"", like=digest) != digest:
        raise UpstreamError(f"{response.host} sent nothing of the blob {digest}")
    is_coded = responses.header(response.headers, "content-encoding") not in ("", "identity")
    if is_coded or (response.status == 206 and not is_ranged):
        raise UpstreamError(f"{response.host} sent the blob in a form that was not asked for")


class _Transfer(Response):
    """
    Passes a body on as it arrives, as fast as the client takes it, and gives up where it takes nothing for `patience`
    seconds. Whatever upstream says of its type, it is for no browser to show.
    """

    def __init__(self, upstreams: ClientResponse, digest: str, method: str, patience: float) -> None:
        forwarded = responses.forwardable(upstreams.headers, *FORWARDED)
        if "transfer-encoding" in upstreams.headers:  # RFC 9112, 6.3
            forwarded.pop("content-length", None)
        headers = {
            **API_VERSION,
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "Cache-Control": IMMUTABLE,
            "X-Content-Type-Options": "nosniff",
            **forwarded,
        }
        self.status_code = upstreams.status
        self.init_headers(headers)
        is_whole = method == "GET" and upstreams.status == 200
        self._chunks = _verified(upstreams, digest) if is_whole else _chunks(upstreams)
        self._upstreams = upstreams
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in self._chunks:
                async with asyncio.timeout(self._patience):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            raise TransferBrokenError("the client takes no more") from None
        finally:
            self._upstreams.release()


async def _chunks(response: ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_chunked(CHUNK):
            yield chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TransferBrokenError(f"{response.host} broke off: {type(error).__name__}") from None


async def _verified(response: ClientResponse, digest: str) -> AsyncIterator[bytes]:
    """The last chunk is held back until all are known to be what the digest names."""
    algorithm, _, expected = digest.partition(":")
    computed, held = hashlib.new(algorithm), b""
    async for chunk in _chunks(response):
        if held:
            yield held
        computed.update(chunk)
        held = chunk
    if computed.hexdigest() != expected:
        raise TransferBrokenError(f"{response.host} sent a blob that is not {digest}")
    yield held
