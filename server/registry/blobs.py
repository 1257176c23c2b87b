"""Blobs: a redirect to where upstream keeps them, or passed through where upstream sends them itself."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import ClientResponse
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ..caching import IMMUTABLE, ONCE
from ..errors import API_VERSION, RegistryError, TransferBrokenError, UpstreamError
from ..index.names import digest_of
from ..index.repository import Repository
from ..upstream import responses
from ..upstream.calls import Upstream

ASKED = ("range", "if-range")
FORWARDED = ("content-length", "content-range", "accept-ranges", "etag", "last-modified")


async def relay(upstream: Upstream, repository: Repository, digest: str, request: Request, patience: float) -> Response:
    """Sends upstream nothing of the client's but its Range. Raises RegistryError."""
    asked = responses.forwardable(request.headers, *ASKED) if request.method == "GET" else {}
    response = await upstream.open(repository, request.method, f"blobs/{digest}", asked)
    if location := responses.location(response):
        return redirect(str(location), ONCE)
    if response.status not in (200, 206):
        raise responses.refusal(response, RegistryError(404, "BLOB_UNKNOWN", f"there is no blob {digest}"))
    if response.headers.get("content-length") == "0" and digest_of(b"", like=digest) != digest:
        response.close()
        raise UpstreamError(f"{repository.host} sent nothing of the blob {digest}")
    is_coded = responses.header(response.headers, "content-encoding") not in ("", "identity")
    if is_coded or (response.status == 206 and "range" not in asked):
        response.close()
        raise UpstreamError(f"{repository.host} sent the blob in a form that was not asked for")
    return _Transfer(response, digest, request.method, patience)


def redirect(location: str, cache_control: str) -> Response:
    return Response(None, 307, {**API_VERSION, "Location": location, "Cache-Control": cache_control})


class _Transfer(StreamingResponse):
    """
    Passes a body on as it arrives, as fast as the client takes it, and gives up where it takes nothing for `patience`
    seconds. Whatever upstream says of its type, it is for no browser to show.
    """

    def __init__(self, response: ClientResponse, digest: str, method: str, patience: float) -> None:
        whole = method == "GET" and response.status == 200
        forwarded = responses.forwardable(response.headers, *FORWARDED)
        if "transfer-encoding" in response.headers:  # RFC 9112, 6.3
            forwarded.pop("content-length", None)
        headers = {
            **API_VERSION,
            "Docker-Content-Digest": digest,
            "Cache-Control": IMMUTABLE,
            "X-Content-Type-Options": "nosniff",
            **forwarded,
        }
        body = _verified(_chunks(response), digest, response.host) if whole else _chunks(response)
        super().__init__(body, response.status, headers, "application/octet-stream")
        self._response = response
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._patience):
                    await send(message)
            except TimeoutError:
                raise TransferBrokenError("the client takes no more") from None

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            self._response.release()


async def _chunks(response: ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TransferBrokenError(f"{response.host} broke off: {type(error).__name__}") from None


async def _verified(chunks: AsyncIterator[bytes], digest: str, host: str) -> AsyncIterator[bytes]:
    """The last chunk is held back until all are known to be what the digest names."""
    algorithm, _, expected = digest.partition(":")
    computed, held = hashlib.new(algorithm), b""
    async for chunk in chunks:
        if held:
            yield held
        computed.update(chunk)
        held = chunk
    if computed.hexdigest() != expected:
        raise TransferBrokenError(f"{host} sent a blob that is not {digest}")
    yield held
