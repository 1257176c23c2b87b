"""Answers that need nobody else, found by the path of a request: `/v2/`, tags, their lists, manifests in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from prometheus_client import Counter
from starlette.types import Message, Scope

from . import metrics
from .access import Subject, told
from .conditional import entity_tag
from .current import Current
from .errors import API_VERSION
from .index import Build, Image
from .manifests import Descriptor, Manifests

IMMUTABLE = "public, max-age=31536000, immutable"
MOVING = "public, max-age=60"
SECONDS = "public, max-age=5"
ONCE = "no-store"

Headers = list[tuple[bytes, bytes]]

_API = next((name.lower().encode(), value.encode()) for name, value in API_VERSION.items())
_MOVING = (b"cache-control", MOVING.encode())
_JSON = (b"content-type", b"application/json")
_PREPARED = 4096


def described(build: Build, cache_control: str = MOVING) -> Headers:
    """The headers of a manifest by tag (200)."""
    return [_API, (b"cache-control", cache_control.encode()), *_descriptor(build)]


def identified(manifest: Build | Descriptor, cache_control: str) -> Headers:
    """The headers of a manifest that can be asked for conditionally (200)."""
    tag = (b"etag", entity_tag(manifest.digest).encode())
    return [_API, (b"cache-control", cache_control.encode()), tag, *_descriptor(manifest)]


def moved(path: bytes, build: Build, cache_control: str = MOVING) -> Headers:
    """The headers of a redirect from `…/manifests/<tag>` to the digest (307)."""
    digest = build.digest.encode()
    location = path[: path.rindex(b"/") + 1] + digest
    kept = (b"cache-control", cache_control.encode())
    return [_API, kept, (b"location", location), (b"content-length", b"0"), (b"docker-content-digest", digest)]


def _descriptor(manifest: Build | Descriptor) -> Headers:
    media_type, size, digest = manifest.media_type.encode(), b"%d" % manifest.size, manifest.digest.encode()
    return [(b"content-type", media_type), (b"content-length", size), (b"docker-content-digest", digest)]


@dataclass(frozen=True, slots=True)
class Answer:
    """`varies` with a query or a condition; `told` is what the log says of it."""

    start: Message
    body: Message
    varies: bool
    tally: metrics.Tally
    told: bytes


class Answers:
    """The fast way in front of the routes: no routing, no request object, and what was asked for lately is prepared."""

    def __init__(self, current: Current, manifests: Manifests) -> None:
        self._current = current
        self._manifests = manifests
        self._index = current.index
        self._evicted = 0
        self._prepared: dict[tuple[str, bytes], Answer] = {}

    def get(self, scope: Scope) -> Answer | None:
        if self._index is not self._current.index or self._evicted != self._manifests.evicted:
            self._index, self._evicted = self._current.index, self._manifests.evicted
            self._prepared = {}
        method, path = scope["method"], scope["raw_path"]
        answer = self._prepared.get((method, path)) or self._prepare(method, path)
        return None if answer and answer.varies and _asks_more(scope) else answer

    def _prepare(self, method: str, path: bytes) -> Answer | None:
        if method not in ("GET", "HEAD"):
            return None
        answer = _version(method, path) if path in (b"/v2", b"/v2/") else self._of_image(method, path)
        if answer:
            if len(self._prepared) >= _PREPARED:
                self._prepared.clear()
            self._prepared[method, path] = answer
        return answer

    def _of_image(self, method: str, path: bytes) -> Answer | None:
        name, endpoint, reference = _parts(path)
        image = self._index.images.get(name)
        if image is None:
            return None
        if endpoint == "manifests":
            by = self._by_digest if ":" in reference else self._by_tag
            return by(method, path, name, reference)
        return _tags(method, path, name, image) if (endpoint, reference) == ("tags", "list") else None

    def _by_tag(self, method: str, path: bytes, name: str, tag: str) -> Answer | None:
        build = self._index.images[name].build(tag)
        if build is None:
            return None
        if method == "HEAD":
            return _answer(method, 200, path, described(build))
        return _answer(method, 307, path, moved(path, build))

    def _by_digest(self, method: str, path: bytes, name: str, digest: str) -> Answer | None:
        """For as long as the manifest is in memory."""
        build = self._index.images[name].by_digest.get(digest) if method == "HEAD" else None
        if build:
            return _answer(method, 200, path, identified(build, IMMUTABLE), varies=True)
        manifest = self._manifests.kept(self._index.repository(name), digest)
        if manifest is None:
            return None
        headers, hit = identified(manifest, IMMUTABLE), [(metrics.CACHE_HITS, 1)]
        return _answer(method, 200, path, headers, manifest.body, hit, varies=True)


def _parts(path: bytes) -> tuple[str, str, str]:
    """Name, endpoint and reference of a path under `/v2/`; no name where it is none."""
    start, _, reference = path.removeprefix(b"/v2/").decode("latin-1").rpartition("/")
    name, _, endpoint = start.rpartition("/")
    return name if path.startswith(b"/v2/") else "", endpoint, reference


def _asks_more(scope: Scope) -> bool:
    return bool(scope["query_string"]) or any(name == b"if-none-match" for name, _ in scope["headers"])


def _version(method: str, path: bytes) -> Answer:
    return _answer(method, 200, path, [_API, _JSON, (b"content-length", b"2")], b"{}")


def _tags(method: str, path: bytes, name: str, image: Image) -> Answer | None:
    if not image.listing:
        return None
    body = msgspec.json.encode({"name": name, "tags": image.listing})
    headers = [_API, _MOVING, _JSON, (b"content-length", b"%d" % len(body))]
    return _answer(method, 200, path, headers, body, varies=True)


def _answer(
    method: str,
    status: int,
    path: bytes,
    headers: Headers,
    body: bytes = b"",
    counted: Iterable[tuple[Counter, int]] = (),
    *,
    varies: bool = False,
) -> Answer:
    subject, sent = Subject.of(path), 0 if method == "HEAD" else len(body)
    adds = [(metrics.REQUESTS.labels(subject.endpoint, method, status), 1), *counted]
    if sent:
        adds.append((metrics.SENT, sent))
    return Answer(
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
        varies,
        metrics.Tally(tuple(adds)),
        told(method, subject, status, sent),
    )
