"""Answers that need nobody else: `/v2/` and every tag of the index, found by the path of the request."""

from functools import lru_cache

from starlette.types import Message

from .errors import API_VERSION
from .index import Build, Index

IMMUTABLE = "public, max-age=31536000, immutable"
MOVING = "public, max-age=60"
ONCE = "no-store"

Headers = list[tuple[bytes, bytes]]

_API = next((name.lower().encode(), value.encode()) for name, value in API_VERSION.items())
_MOVING = (b"cache-control", MOVING.encode())
_VERSION = [_API, (b"content-type", b"application/json"), (b"content-length", b"2")]


def described(build: Build) -> Headers:
    """The headers of a manifest by tag (200)."""
    media_type, size, digest = build.media_type.encode(), b"%d" % build.size, build.digest.encode()
    described = [(b"content-type", media_type), (b"content-length", size), (b"docker-content-digest", digest)]
    return [_API, _MOVING, *described]


def moved(path: bytes, build: Build) -> Headers:
    """The headers of a redirect from `…/manifests/<tag>` to the digest (307)."""
    digest = build.digest.encode()
    location = path[: path.rindex(b"/") + 1] + digest
    return [_API, _MOVING, (b"location", location), (b"content-length", b"0"), (b"docker-content-digest", digest)]


class Answers:
    """The fast way in front of the routes: one look-up, no routing, no request object."""

    def __init__(self, index: Index) -> None:
        self._builds: dict[bytes, Build | None] = {
            f"/v2/{name}/manifests/{tag}".encode(): image.by_digest[digest]
            for name, image in index.images.items()
            for tag, digest in image.tags.items()
        }
        self._builds |= {b"/v2": None, b"/v2/": None}
        self._prepared = lru_cache(4096)(self._prepare)

    def get(self, method: str, path: bytes) -> tuple[Message, Message] | None:
        """The start and the body of an answer, if it is known."""
        return self._prepared(method, path) if path in self._builds else None

    def _prepare(self, method: str, path: bytes) -> tuple[Message, Message] | None:
        build = self._builds[path]
        if method not in ("GET", "HEAD"):
            return None
        if build is None:
            return _start(200, _VERSION), {"type": "http.response.body", "body": b"{}"}
        start = _start(200, described(build)) if method == "HEAD" else _start(307, moved(path, build))
        return start, {"type": "http.response.body"}


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}
