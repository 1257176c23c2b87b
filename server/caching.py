"""What caches in front may hold, and requests for what a client may have already (RFC 9110, 13.1.2; RFC 9111)."""

from starlette.requests import Request
from starlette.types import Message

IMMUTABLE = "public, max-age=31536000, immutable"
MOVING = "public, max-age=60"
SECONDS = "public, max-age=5"
ONCE = "no-store"


def make_private(start: Message) -> None:
    """An answer to somebody's credentials is not for a shared cache (RFC 9111, 3.5)."""
    start["headers"] = [
        (name, value.replace(b"public", b"private") if name == b"cache-control" else value)
        for name, value in start["headers"]
    ]


def entity_tag(digest: str) -> str:
    """A strong validator (RFC 9110, 8.8.3)."""
    return f'"{digest}"'


def is_unchanged(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names the entity tag; a weak one will do."""
    stated = ",".join(request.headers.getlist("if-none-match"))
    asked = [each.strip().removeprefix("W/") for each in stated.split(",")]
    return tag in asked or "*" in asked
