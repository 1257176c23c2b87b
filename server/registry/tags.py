"""Lists of tags from upstream (OCI distribution specification 1.1, "Listing tags")."""

import re

import msgspec

from ..errors import RegistryError
from ..index.names import alphabetical, is_tag
from ..index.repository import Repository
from ..upstream import responses
from ..upstream.calls import Upstream
from . import pagination

MOST_PAGES = 100
"""Of upstream's, for one list."""

_is_attached = re.compile(r"sha(?:256|512)-[0-9a-f]{64}").match


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


async def page(upstream: Upstream, repository: Repository, name: str, query: str) -> tuple[list[str], str]:
    """
    A page of upstream's tags, and the query for what follows. Raises RegistryError.

    Some refuse a long page (ECR by 405 beyond 1000, quay.io by 413 beyond 100): then it is as long as they like.
    """
    unknown = RegistryError(404, "NAME_UNKNOWN", f"there is no repository {name}")
    try:
        response, body = await upstream.fetch(repository, f"tags/list{query}", unknown)
    except RegistryError as error:
        shorter = pagination.without_size(query)
        if error.answered not in (400, 405, 413) or shorter == query:
            raise
        response, body = await upstream.fetch(repository, f"tags/list{shorter}", unknown)
    return responses.decode(response, body, _Tags).tags or [], pagination.following(response)


async def attached(upstream: Upstream, repository: Repository, name: str, known: list[str]) -> list[str]:
    """
    The `known` tags and upstream's of signatures and attestations, sorted. Raises RegistryError.

    They are listed on request only: upstream has thousands of them, and what is known is listed while it is away.
    """
    found, query = set(known), ""
    for _ in range(MOST_PAGES):
        tags, following = await page(upstream, repository, name, query)
        found.update(tag for tag in tags if _is_attached(tag) and is_tag(tag))
        if not following:
            break
        query = f"?{following}"
    return sorted(found, key=alphabetical)
