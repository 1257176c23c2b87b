"""What the registry answers of tags, digests and lists that it knows: decided here alone."""

import re
from datetime import UTC
from enum import Enum
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..caching import MOVING, entity_tag, is_unchanged
from ..errors import API_VERSION, RegistryError
from ..index.image import Build, Image, Time
from . import pagination
from .manifests import Descriptor, Manifest

Headers = list[tuple[bytes, bytes]]

_API = next((name.lower().encode(), value.encode()) for name, value in API_VERSION.items())
_LONGEST_WARNING = 200
_unprintable = re.compile(r'[^ -~]|["\\]')


class Lasting(Enum):
    """How long an answer is the same for each request of its method, path and query."""

    NOT = "for this request alone"
    INDEX = "until another index is in use"
    MEMORY = "while the manifest is in memory as well"


class RegistryResponse(Response):
    def __init__(self, status: int, headers: Headers, body: bytes = b"", lasting: Lasting = Lasting.NOT) -> None:
        super().__init__(body, status)
        self.raw_headers = [_API, *headers]
        self.lasting = lasting


def version() -> RegistryResponse:
    return _json(b"{}", [], Lasting.INDEX)


def build(image: Image, tag: str) -> Build | None:
    """What a tag of the index points at. Raises RegistryError where that is gone."""
    found, gone = image.build(tag), image.gone.get(tag)
    if since := found.gone if found else gone and gone.since:
        raise RegistryError(404, "MANIFEST_UNKNOWN", f"{tag} is {gone_since(since)}")
    return found


def gone_since(since: Time) -> str:
    return f"gone: upstream has it no longer since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def tag(request: Request, image: Image, tag: str, build: Build, base: str) -> RegistryResponse:
    """The build's descriptor, or a redirect to its digest below `base`, the server's own address or nothing."""
    retracted = image.retracted.get(tag) if tag not in image.tags else None
    warning = [(b"warning", _warning(f"{tag} is retracted: {retracted.reason}"))] if retracted else []
    if request.method == "HEAD":
        headers = [_cached(MOVING), *_descriptor(build), *warning]
        return RegistryResponse(200, headers, lasting=Lasting.INDEX)
    return redirect(request, build, base, MOVING, warning, Lasting.INDEX)


def redirect(
    request: Request,
    build: Build,
    base: str,
    cache_control: str,
    warning: Headers | None = None,
    lasting: Lasting = Lasting.NOT,
) -> RegistryResponse:
    """From `…/manifests/<tag>` to the digest."""
    path, digest = request.scope["raw_path"], build.digest.encode()
    location = base.encode() + path[: path.rindex(b"/") + 1] + digest
    if "ns" in request.query_params:
        location += b"?" + urlencode({"ns": request.query_params["ns"]}).encode()
    headers = [_cached(cache_control), (b"location", location), (b"content-length", b"0")]
    return RegistryResponse(307, [*headers, (b"docker-content-digest", digest), *(warning or [])], lasting=lasting)


def manifest(
    request: Request, manifest: Build | Descriptor, cache_control: str, lasting: Lasting = Lasting.NOT
) -> RegistryResponse:
    """The manifest, or for HEAD what would be sent of it; nothing of it where the client has it already."""
    tag = entity_tag(manifest.digest)
    headers = [_cached(cache_control), (b"etag", tag.encode())]
    if is_unchanged(request, tag):
        return RegistryResponse(304, headers)
    body = manifest.body if isinstance(manifest, Manifest) else b""
    return RegistryResponse(200, [*headers, *_descriptor(manifest)], body, lasting)


def tags(request: Request, name: str, tags: list[str], lasting: Lasting = Lasting.NOT) -> RegistryResponse:
    """A page of sorted tags."""
    part, following = pagination.page(request.query_params, tags)
    if following and "attached" in request.query_params:
        following += "&attached=true"
    return listing({"name": name, "tags": part}, f"/v2/{name}/tags/list", following, MOVING, lasting)


def catalogue(request: Request, names: list[str]) -> RegistryResponse:
    part, following = pagination.page(request.query_params, names)
    return listing({"repositories": part}, "/v2/_catalog", following, MOVING)


def listing(
    content: object, path: str, following: str, cache_control: str, lasting: Lasting = Lasting.NOT
) -> RegistryResponse:
    link = [(b"link", f'<{path}?{following}>; rel="next"'.encode())] if following else []
    return _json(msgspec.json.encode(content), [_cached(cache_control), *link], lasting)


def _json(body: bytes, headers: Headers, lasting: Lasting) -> RegistryResponse:
    described = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return RegistryResponse(200, [*headers, *described], body, lasting)


def _cached(cache_control: str) -> tuple[bytes, bytes]:
    return b"cache-control", cache_control.encode()


def _descriptor(manifest: Build | Descriptor) -> Headers:
    media_type, size, digest = manifest.media_type.encode(), b"%d" % manifest.size, manifest.digest.encode()
    return [(b"content-type", media_type), (b"content-length", size), (b"docker-content-digest", digest)]


def _warning(text: str) -> bytes:
    """OCI distribution specification 1.1, "Warnings"."""
    return f'299 - "{_unprintable.sub("?", text)[:_LONGEST_WARNING]}"'.encode()
