"""Lists, a page at a time (OCI distribution specification 1.1, "Listing tags")."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from aiohttp import ClientResponse
from starlette.datastructures import QueryParams
from starlette.requests import Request

from ..errors import RegistryError
from ..index.names import alphabetical

_SAFE = "=&%-._~+:/,"
_links = re.compile(r"<([^<>]*)>([^<]*)").findall
_is_next = re.compile(r""";\s*rel\s*=\s*"?next\b""", re.IGNORECASE).search


def page_size(query: QueryParams) -> int | None:
    """`n`, or None for all. Raises RegistryError."""
    text = query.get("n")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 100):
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", "n is not a number of entries")
    return None if text is None else int(text)


def page(query: QueryParams, entries: Sequence[str]) -> tuple[Sequence[str], str]:
    """The part of the sorted `entries` that is asked for, and the query for what follows. Raises RegistryError."""
    size = page_size(query)
    start = bisect_right(entries, alphabetical(query["last"]), key=alphabetical) if "last" in query else 0
    part = entries[start:] if size is None else entries[start : start + size]
    more = bool(part) and start + len(part) < len(entries)
    return part, urlencode({"n": len(part), "last": part[-1]}) if more else ""


def link(path: str, following: str) -> dict[str, str]:
    return {"Link": f'<{path}?{following}>; rel="next"'} if following else {}


def forwarded(request: Request) -> str:
    """The query of a request, for upstream; not `ns`, by which containerd tells a mirror what it stands for."""
    query: bytes = request.scope["query_string"]
    parts = [part for part in query.split(b"&") if part and not part.startswith(b"ns=")]
    return f"?{quote(b'&'.join(parts), _SAFE)}" if parts else ""


def without_size(query: str) -> str:
    parts = [part for part in query.removeprefix("?").split("&") if part and not part.startswith("n=")]
    return f"?{'&'.join(parts)}" if parts else ""


def following(response: ClientResponse) -> str:
    """The query of upstream's next page; GHCR's says `n=0`, which is no page at all."""
    links = _links(", ".join(response.headers.getall("link", [])))
    query = next((url.partition("?")[2] for url, parameters in links if _is_next(parameters)), "")
    return quote("&".join(part for part in query.split("&") if part and part != "n=0"), _SAFE)
