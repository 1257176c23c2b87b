"""Lists, a page at a time (OCI distribution specification 1.1, "Listing tags")."""

from bisect import bisect_right
from collections.abc import Sequence
from urllib.parse import quote, urlencode

import httpx
from starlette.datastructures import QueryParams
from starlette.requests import Request

from .errors import RegistryError
from .index import alphabetical

_SAFE = "=&%-._~+:/,"


def page_size(query: QueryParams) -> int | None:
    """`n`, or None for all. Raises RegistryError."""
    text = query.get("n")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 100):
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", "n is not a number of entries")
    return None if text is None else int(text)


def page(request: Request, entries: Sequence[str]) -> tuple[Sequence[str], str]:
    """The part of the sorted `entries` that is asked for, and the query for what follows. Raises RegistryError."""
    query, size = request.query_params, page_size(request.query_params)
    start = bisect_right(entries, alphabetical(query["last"]), key=alphabetical) if "last" in query else 0
    part = entries[start:] if size is None else entries[start : start + size]
    more = bool(part) and start + len(part) < len(entries)
    return part, urlencode({"n": len(part), "last": part[-1]}) if more else ""


def link(path: str, following: str) -> dict[str, str]:
    return {"Link": f'<{path}?{following}>; rel="next"'} if following else {}


def asked(request: Request) -> str:
    """The query of a request, to be sent on; without `ns`, by which containerd tells a mirror what it stands for."""
    query: bytes = request.scope["query_string"]
    kept = b"&".join(part for part in query.split(b"&") if not part.startswith(b"ns="))
    return f"?{quote(kept, _SAFE)}" if kept else ""


def following(response: httpx.Response) -> str:
    """The query of upstream's next page."""
    return quote(response.links.get("next", {}).get("url", "").partition("?")[2], _SAFE)
