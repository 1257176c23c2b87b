"""What the registry answers of tags, digests and lists that it knows: decided here alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..caching import MOVING, entity_tag, is_unchanged
from ..errors import API_VERSION, RegistryError
from ..index.image import Build, Descriptor, Image, Time
from ..index.names import is_digest
from ..index.repository import Repository
from . import lists

_LONGEST_WARNING = 200
_unprintable = re.compile(r'[^ -~]|["\\]')


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about: a name, the image that it is in the index, and where that lives upstream."""

    name: str
    image: Image | None
    repository: Repository


class Manifest(Descriptor, frozen=True, gc=False):
    body: bytes


class RegistryResponse(Response):
    """One that is the same for each request of its method, path and query, as long as what it was made from is so."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        super().__init__(body, status, {**API_VERSION, **headers})


def digest(request: Request) -> str:
    """Raises RegistryError."""
    digest: str = request.path_params["reference"]
    if not is_digest(digest):
        raise RegistryError(400, "DIGEST_INVALID", "a digest is sha256:… or sha512:… in lower-case hexadecimal")
    return digest


def build(target: Target, tag: str) -> Build | None:
    """What a tag of the index points at. Raises RegistryError where that is gone."""
    if not target.image:
        return None
    found, gone = target.image.build(tag), target.image.gone.get(tag)
    if since := found.gone if found else gone and gone.since:
        raise RegistryError(404, "MANIFEST_UNKNOWN", f"{tag} is {gone_since(since)}")
    return found


def gone_since(since: Time) -> str:
    return f"gone: upstream has it no longer since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def tag(request: Request, image: Image, tag: str, build: Build, base: str) -> RegistryResponse:
    """The build's descriptor, or a redirect to its digest below `base`, the server's own address or nothing."""
    retracted = image.retracted.get(tag) if tag not in image.tags else None
    warning = _warning(f"{tag} is retracted: {retracted.reason}") if retracted else {}
    if request.method == "HEAD":
        return RegistryResponse(200, _described(build, MOVING) | warning)
    return redirect(request, build, base, MOVING, warning)


def redirect(
    request: Request, build: Build, base: str, cache_control: str, warning: Mapping[str, str] = {}
) -> RegistryResponse:
    """From `…/manifests/<tag>` to the digest."""
    folder = request.scope["raw_path"].decode("latin-1").rpartition("/")[0]
    registry = f"?{urlencode({'ns': request.query_params['ns']})}" if "ns" in request.query_params else ""
    located = {"Location": f"{base}{folder}/{build.digest}{registry}", "Docker-Content-Digest": build.digest}
    return RegistryResponse(307, {"Cache-Control": cache_control, **located, **warning})


def manifest(request: Request, manifest: Descriptor, cache_control: str) -> Response:
    """The manifest, or for HEAD what would be sent of it; nothing of it where the client has it already."""
    tag = entity_tag(manifest.digest)
    if is_unchanged(request, tag):
        return Response(None, 304, {**API_VERSION, "Cache-Control": cache_control, "ETag": tag})
    body = manifest.body if isinstance(manifest, Manifest) else b""
    return RegistryResponse(200, _described(manifest, cache_control) | {"ETag": tag}, body)


def listing(request: Request, title: str, entries: list[str], rest: Mapping[str, str] = {}) -> RegistryResponse:
    """A page of sorted entries."""
    part, following = lists.page(request.query_params, entries)
    kept = {"attached": "true"} if following and "attached" in request.query_params else {}
    return page(request, {**rest, title: part}, urlencode(following | kept), MOVING)


def page(request: Request, content: Mapping[str, object], following: str, cache_control: str) -> RegistryResponse:
    """A page as it is, and the query for the next one."""
    headers = {"Content-Type": "application/json", "Cache-Control": cache_control, **lists.link(request, following)}
    return RegistryResponse(200, headers, msgspec.json.encode(content))


def _described(manifest: Descriptor, cache_control: str) -> dict[str, str]:
    return {
        "Cache-Control": cache_control,
        "Content-Type": manifest.media_type,
        "Content-Length": str(manifest.size),
        "Docker-Content-Digest": manifest.digest,
    }


def _warning(text: str) -> dict[str, str]:
    """OCI distribution specification 1.1, "Warnings"."""
    return {"Warning": f'299 - "{_unprintable.sub("?", text)[:_LONGEST_WARNING]}"'}
