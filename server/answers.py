"""Answers that need nobody else: `/v2/` and every tag of the index, found by the path of the request."""

from dataclasses import dataclass

from starlette.types import Message

from .access import Subject
from .current import Current
from .errors import API_VERSION
from .index import Build, Index

IMMUTABLE = "public, max-age=31536000, immutable"
MOVING = "public, max-age=60"
SECONDS = "public, max-age=5"
ONCE = "no-store"

Headers = list[tuple[bytes, bytes]]

_API = next((name.lower().encode(), value.encode()) for name, value in API_VERSION.items())
_MOVING = (b"cache-control", MOVING.encode())
_VERSION = [_API, (b"content-type", b"application/json"), (b"content-length", b"2")]
_PREPARED = 4096


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


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    subject: Subject
    start: Message
    body: Message


class Answers:
    """The fast way in front of the routes: no routing, no request object, and what was asked for lately is prepared."""

    def __init__(self, current: Current) -> None:
        self._current = current
        self._index = current.index
        self._prepared: dict[tuple[str, bytes], Answer] = {}

    def get(self, method: str, path: bytes) -> Answer | None:
        if self._index is not self._current.index:
            self._index = self._current.index
            self._prepared = {}
        return self._prepared.get((method, path)) or self._prepare(method, path)

    def _prepare(self, method: str, path: bytes) -> Answer | None:
        if method not in ("GET", "HEAD"):
            return None
        answer = _version(path) if path in (b"/v2", b"/v2/") else _tag(self._index, method, path)
        if answer:
            if len(self._prepared) >= _PREPARED:
                self._prepared.clear()
            self._prepared[method, path] = answer
        return answer


def _version(path: bytes) -> Answer:
    return _answer(200, path, _VERSION, b"{}")


def _tag(index: Index, method: str, path: bytes) -> Answer | None:
    name, _, tag = path[len(b"/v2/") :].rpartition(b"/manifests/")
    image = index.images.get(name.decode("latin-1")) if path.startswith(b"/v2/") else None
    build = image.build(tag.decode("latin-1")) if image else None
    if build is None:
        return None
    return _answer(200, path, described(build)) if method == "HEAD" else _answer(307, path, moved(path, build))


def _answer(status: int, path: bytes, headers: Headers, body: bytes = b"") -> Answer:
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return Answer(status, Subject.of(path), start, {"type": "http.response.body", "body": body})
