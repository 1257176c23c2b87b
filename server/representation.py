"""Representations that can be revalidated (RFC 9110, section 13) and held by a cache in front."""

import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from .answers import ONCE
from .conditional import entity_tag, is_unchanged

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def represent(
    request: Request,
    body: bytes,
    media_type: str,
    cache_control: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The `body` with a strong validator of its bytes, or 304 where the client has it already."""
    etag = entity_tag(hashlib.sha256(body).hexdigest()[:32])
    headers = {**SECURITY, **(headers or {}), "Cache-Control": cache_control, "ETag": etag}
    if status != 200:
        return Response(body, status, {**SECURITY, "Cache-Control": ONCE}, media_type)
    if is_unchanged(request, etag):
        return Response(None, 304, headers)
    return Response(body, status, headers, media_type)
