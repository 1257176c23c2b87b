"""Reading what upstream sends, trusting none of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import ClientResponse
from yarl import URL

from ..errors import RegistryError, UnauthorizedError, UpstreamError

SMALL, SOON = 16 * 1024, 0.5

T = TypeVar("T")

_is_printable = re.compile(r"[ -~]+\Z").match
_is_host = re.compile(r"[A-Za-z0-9._-]+\Z|[0-9A-Fa-f:.]+(?:%25?[A-Za-z0-9]+)?\Z").match


@asynccontextmanager
async def call(host: str, deadline: float) -> AsyncIterator[None]:
    """Bounds a whole call to `host` in seconds, and makes an UpstreamError of whatever breaks in it."""
    try:
        async with asyncio.timeout(deadline):
            yield
    except TimeoutError:
        raise UpstreamError(f"{host} did not answer in time", 504) from None
    except aiohttp.ClientConnectorError:
        raise UpstreamError(f"{host} cannot be reached") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise UpstreamError(f"{host} broke off or sent no valid answer: {type(error).__name__}") from None


async def read(response: ClientResponse, limit: int) -> bytes:
    """The whole body, as it was sent. Raises UpstreamError if it is longer than `limit` bytes."""
    try:
        await response.content.readexactly(limit + 1)
    except asyncio.IncompleteReadError as error:
        return error.partial
    raise UpstreamError(f"{response.host} sent more than {limit} bytes")


def header(headers: Mapping[str, str], name: str) -> str:
    """A header that can be sent on, or nothing."""
    value = headers.get(name, "")
    return value if _is_printable(value) else ""


def forwardable(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name in names if (value := header(headers, name))}


def location(response: ClientResponse) -> URL | None:
    """Where an answer sends us, byte for byte as stated: it may be signed. Raises UpstreamError."""
    stated = header(response.headers, "location")
    if response.status not in (301, 302, 303, 307, 308) or not stated:
        return None
    with suppress(ValueError):
        url = response.url.join(URL(stated, encoded=True))
        if url.scheme in ("http", "https") and url.port and not url.user and _is_host(url.host or ""):
            return url
    raise UpstreamError(f"{response.host} redirects to what is no http(s) address")


async def discard(response: ClientResponse) -> None:
    """Closes an answer; a small rest that is there is read first, so that its connection can be used again."""
    with suppress(UpstreamError, aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(SOON):
            await read(response, SMALL)
    response.release()


def decode(response: ClientResponse, body: bytes, kind: type[T], strict: bool = True) -> T:
    """Not `strict`: a number may be a string. Raises UpstreamError."""
    try:
        return msgspec.json.decode(body, type=kind, strict=strict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError(f"{response.host} sent JSON that cannot be read") from None


def refusal(response: ClientResponse, unknown: RegistryError) -> RegistryError:
    """What an answer that is no success means; `unknown` if upstream does not have what was asked for."""
    host, status = response.host, response.status
    if status in (400, 404, 410):
        unknown.answered = status
        return unknown
    if status == 401:
        return UnauthorizedError()
    if status == 403:
        return RegistryError(403, "DENIED", "upstream does not give this to you")
    if status == 416:
        headers = forwardable(response.headers, "Content-Range")
        return RegistryError(416, "SIZE_INVALID", "there is no such range", headers, status)
    headers = forwardable(response.headers, "Retry-After") if status in (429, 503) else {}
    message = f"{host} is asked too often" if status == 429 else f"{host} answered {status}"
    return UpstreamError(message, status if status in (429, 503, 504) else 502, status, headers)
