"""Lists, a page at a time (OCI distribution specification 1.1, "Listing tags")."""

import re
from bisect import bisect_right
from urllib.parse import quote

import msgspec
from aiohttp import ClientResponse
from starlette.datastructures import QueryParams
from starlette.requests import Request

from ..errors import RegistryError, UpstreamError
from ..index.names import alphabetical
from ..index.repository import Repository
from ..upstream import responses
from ..upstream.calls import Upstream

MOST_PAGES, MOST_TAGS = 1000, 250_000
"""Of upstream's, for one list."""

_SAFE = "=&%-._~+:/,"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_links = re.compile(rf"<([^<>]*)>((?:[^<\"]|{_QUOTED})*)").findall
_is_next = re.compile(
    rf"""(?:[^";]|{_QUOTED}|;(?!\s*rel\s*=))*;\s*rel\s*=\s*["']?(?:[^"';,]*\s)?next(?=["'\s;,]|\Z)""", re.IGNORECASE
).match
_attached = re.compile(r"sha(?:256|512)-[0-9a-f]{64}[a-zA-Z0-9._-]{0,57}\Z").match


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


def page_size(query: QueryParams) -> int | None:
    """`n`, or None for all. Raises RegistryError."""
    text = query.get("n")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 100):
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", "n is not a number of entries")
    return None if text is None else int(text)


def page(query: QueryParams, entries: list[str]) -> tuple[list[str], dict[str, str]]:
    """The part of the sorted `entries` that is asked for, and the query for what follows. Raises RegistryError."""
    size = page_size(query)
    start = bisect_right(entries, alphabetical(query["last"]), key=alphabetical) if "last" in query else 0
    part = entries[start:] if size is None else entries[start : start + size]
    more = bool(part) and start + len(part) < len(entries)
    return part, {"n": str(len(part)), "last": part[-1]} if more else {}


def link(request: Request, following: str) -> dict[str, str]:
    """To the next page of the list that is asked for."""
    return {"Link": f'<{request.scope["path"]}?{following}>; rel="next"'} if following else {}


def forwarded(request: Request) -> str:
    """The query of a request, for upstream; not `ns`, by which containerd tells a mirror what it stands for."""
    return _without("ns=", quote(request.scope["query_string"], _SAFE))


def following(response: ClientResponse) -> str:
    """The query of upstream's next page (RFC 8288), without an `n` that is none, as GHCR's `n=0`."""
    links = _links(", ".join(response.headers.getall("link", [])))
    query = next((url.partition("?")[2] for url, parameters in links if _is_next(parameters)), "")
    return _without(r"n(?:=(?!0{0,9}[1-9][0-9]{0,9}\Z)|\Z)", quote(query, _SAFE)).removeprefix("?")


def _without(parameter: str, query: str) -> str:
    parts = [part for part in query.removeprefix("?").split("&") if part and not re.match(parameter, part)]
    return f"?{'&'.join(parts)}" if parts else ""


async def tags(upstream: Upstream, repository: Repository, name: str, query: str) -> tuple[list[str], str]:
    """
    A page of upstream's tags, and the query for what follows. Raises RegistryError.

    Some refuse a long page, by any status (ECR by 405 beyond 1000, quay.io by 413 beyond 100): then it is as long as
    they like.
    """
    unknown = RegistryError(404, "NAME_UNKNOWN", f"there is no repository {name}")
    try:
        response, body = await upstream.fetch(repository, f"tags/list{query}", unknown)
    except RegistryError as error:
        shorter = _without("n=", query)
        if shorter == query or error.answered is None or error.status in (403, 429, 503, 504):
            raise
        response, body = await upstream.fetch(repository, f"tags/list{shorter}", unknown)
    return responses.decode(response, body, _Tags).tags or [], following(response)


async def attached(upstream: Upstream, repository: Repository, name: str, known: list[str]) -> list[str]:
    """
    The `known` tags and upstream's of signatures and attestations, sorted. Raises RegistryError.

    They are listed on request only: upstream has thousands of them, and what is known is listed while it is away.
    """
    found, query, asked = dict.fromkeys(known), "", set[str]()
    while query not in asked and len(asked) < MOST_PAGES and len(found) < MOST_TAGS:
        asked.add(query)
        part, following = await tags(upstream, repository, name, query)
        found.update(dict.fromkeys(filter(_attached, part)))
        if not following:
            return sorted(found, key=alphabetical)
        query = f"?{following}"
    raise UpstreamError(f"{repository.host} has more tags than can be listed")
