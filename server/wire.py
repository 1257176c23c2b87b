"""Reading what upstream sends, trusting none of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import httpx
import msgspec

from .errors import RegistryError, UnauthorizedError, UpstreamError

SMALL, SOON = 16 * 1024, 0.5

T = TypeVar("T")

_is_printable = re.compile(r"[ -~]+\Z").match


@asynccontextmanager
async def call(host: str, deadline: float) -> AsyncIterator[None]:
    """Bounds a whole call to `host` in seconds, and makes an UpstreamError of whatever breaks in it."""
    try:
        async with asyncio.timeout(deadline):
            yield
    except (TimeoutError, httpx.TimeoutException):
        raise UpstreamError(f"{host} did not answer in time", 504) from None
    except (httpx.ConnectError, httpx.UnsupportedProtocol):
        raise UpstreamError(f"{host} cannot be reached") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise UpstreamError(f"{host} broke off or sent no valid answer: {type(error).__name__}") from None


async def read(response: httpx.Response, limit: int) -> bytes:
    """The whole body, as it was sent. Raises UpstreamError if it is longer than `limit` bytes."""
    declared = header(response.headers, "content-length")
    if not declared.isdigit() or int(declared) <= limit:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                break
        else:
            return bytes(body)
    raise UpstreamError(f"{response.url.host} sent more than {limit} bytes")


def header(headers: Mapping[str, str], name: str) -> str:
    """A header that can be sent on, or nothing."""
    value = headers.get(name, "")
    return value if _is_printable(value) else ""


def kept(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name in names if (value := header(headers, name))}


async def discard(response: httpx.Response) -> None:
    """Closes an answer; a small rest that is there is read first, so that its connection can be used again."""
    with suppress(UpstreamError, httpx.HTTPError, httpx.StreamError, TimeoutError):
        async with asyncio.timeout(SOON):
            await read(response, SMALL)
    await response.aclose()


def decode(response: httpx.Response, body: bytes, kind: type[T], strict: bool = True) -> T:
    """Not `strict`: a number may be a string. Raises UpstreamError."""
    try:
        return msgspec.json.decode(body, type=kind, strict=strict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError(f"{response.url.host} sent JSON that cannot be read") from None


def refusal(response: httpx.Response, unknown: RegistryError) -> RegistryError:
    """What an answer that is no success means; `unknown` if upstream does not have what was asked for."""
    host, status = response.url.host, response.status_code
    if status == 401:
        return UnauthorizedError()
    if status == 403:
        return RegistryError(403, "DENIED", "upstream does not give this to you")
    if status == 416:
        return RegistryError(416, "SIZE_INVALID", "there is no such range", kept(response.headers, "Content-Range"))
    if status == 429:
        return RegistryError(
            429, "TOOMANYREQUESTS", f"{host} is asked too often", kept(response.headers, "Retry-After")
        )
    if status in (400, 404, 410):
        return unknown
    headers = kept(response.headers, "Retry-After") if status == 503 else {}
    return UpstreamError(f"{host} answered {status}", status if status in (503, 504) else 502, status, headers)
