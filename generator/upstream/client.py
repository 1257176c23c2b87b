"""oras, made safe to depend on: timeouts, bounded retries, bounded sizes, and every digest verified."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import oras.container
import oras.provider
import requests

from generator.errors import (
    MalformedError,
    NotFoundError,
    NotSupportedError,
    RefusedError,
    TransientError,
    UntrustedError,
    UpstreamError,
)
from generator.reference import Repository, is_digest
from generator.upstream.auth import RepositoryAuth
from generator.upstream.budget import Budget
from generator.upstream.challenge import Realm
from generator.upstream.credentials import CredentialStore
from generator.upstream.history import Sighting, parse_page
from generator.upstream.history import read as read_history
from generator.upstream.limits import Limits
from generator.upstream.manifest import ACCEPT, OCI_INDEX, Descriptor, Manifest, parse_manifest, parse_referrers
from generator.upstream.retries import retrying
from generator.upstream.transport import Connections
from generator.upstream.transport.deadline import within
from generator.upstream.transport.response import bounded, date, drain, reason

T = TypeVar("T")

_PAGES = 100
_REFERRERS = 10_000


@dataclass(frozen=True, slots=True)
class Head:
    """Where a tag points now, and what the upstream's clock says."""

    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest as it came, its digest verified."""

    manifest: Manifest
    media_type: str
    digest: str
    size: int


class Client(oras.provider.Registry):  # type: ignore[misc]
    """One repository of one registry, read with the `credentials` for it or anonymously. Safe to share between threads.

    Every method raises `UpstreamError` or one of its kinds; the message begins with the repository.
    """

    def __init__(
        self,
        repository: Repository,
        connections: Connections,
        limits: Limits,
        realm: Realm | None = None,
        credentials: CredentialStore | None = None,
    ) -> None:
        super().__init__(hostname=repository.endpoint, insecure=repository.plain)
        self.repository = repository
        self.limits = limits
        self.container = oras.container.Container(f"{repository.endpoint}/{repository.api_path}")
        timeout = (limits.connect, limits.read)
        self.auth = RepositoryAuth(connections, repository, timeout, realm, credentials)
        self.connections = connections
        self._budget = Budget(limits.image)
        self._answers_head = False

    @property
    def realm(self) -> Realm | None:
        """Where tokens come from; None if the registry has answered without one."""
        return self.auth.realm

    def head(self, tag: str) -> Head:
        """Where `tag` points now; a registry that does not say in a HEAD, or refuses it, is asked for the manifest."""
        try:
            response, _ = self._get(self._manifest_url(tag), 0, f"tag {tag}", method="HEAD", accept=ACCEPT)
        except (NotFoundError, NotSupportedError, RefusedError):
            if self._answers_head:
                raise
            return self._head_by_get(tag)
        self._answers_head = True
        digest = response.headers.get("Docker-Content-Digest", "")
        if not is_digest(digest):
            digest = self._fetch(tag).digest
        return Head(digest, date(response))

    def _head_by_get(self, tag: str) -> Head:
        what = f"tag {tag}"
        response, body = self._get(self._manifest_url(tag), self.limits.manifest, what, accept=ACCEPT)
        return Head(f"sha256:{hashlib.sha256(body).hexdigest()}", date(response))

    def manifest(self, reference: str | Descriptor) -> Fetched:
        """The manifest of a tag or digest, or of a descriptor and then of its size too.

        Raises `MalformedError` where it is none of an image's.
        """
        if isinstance(reference, Descriptor):
            return self._fetch(reference.digest, reference.size)
        return self._fetch(reference)

    def holding(self, descriptor: Descriptor) -> AbstractContextManager[None]:
        """To be entered for as long as the content of a document is in memory, in whatever form."""
        return self.connections.memory.holding(min(descriptor.size, self.limits.blob))

    def blob(self, descriptor: Descriptor) -> bytes:
        """The content that `descriptor` points at, of exactly its size and digest."""
        what = f"blob {descriptor.digest}"
        if descriptor.size > self.limits.blob:
            raise UntrustedError(
                f"{self.repository}: {what}: {descriptor.size} bytes, over the bound of {self.limits.blob}"
            )
        url = f"{self.prefix}://{self.container.get_blob_url(descriptor.digest)}"

        def read() -> bytes:
            _, body = self._once(url, descriptor.size, what)
            _verify(body, descriptor.digest, descriptor.size, what)
            return body

        return self._persist(read, what)

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What refers to `digest`, by the API or else the fallback tag (distribution-spec, "Listing Referrers")."""
        what = f"referrers of {digest}"
        url = self._url(f"referrers/{digest}")
        found: list[Descriptor] = []
        try:
            for _ in range(_PAGES):
                response, body = self._get(url, self.limits.manifest, what, accept=OCI_INDEX)
                found += parse_referrers(body, f"{self.repository}: {what}")
                following = _following(url, response)
                if following == url or len(found) > _REFERRERS:
                    break
                url = following
            return tuple(found)
        except (TransientError, UntrustedError, RefusedError):
            raise
        except (UpstreamError, MalformedError):
            # 404 where the API is unknown, by the specification; registries say 400, 405 or 406 too, or send a page.
            try:
                return self.manifest(_fallback_tag(digest)).manifest.manifests
            except NotFoundError:
                return ()

    def history(self, tag: str, since: datetime | None, newest: str | None = None) -> list[Sighting]:
        """The tag's history from `since` on, oldest first; empty where the upstream keeps none."""

        def page(start: datetime | None, end: datetime | None) -> frozenset[Sighting]:
            bounds = {"start": start, "end": end}
            query = urlencode({key: _iso(at) for key, at in bounds.items() if at})
            url = self._url(f"_chainguard/history/{tag}")
            what = f"history of {tag}"
            response, body = self._get(f"{url}?{query}" if query else url, self.limits.blob, what)
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise NotSupportedError(f"{what}: a page for people")
            return parse_page(body, f"{self.repository}: {what}")

        try:
            return read_history(page, since, newest)
        except (TransientError, UntrustedError, RefusedError):
            raise
        except UpstreamError:
            return []
        except OverflowError:
            raise MalformedError(f"{self.repository}: history of {tag}: a time out of range") from None

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: dict[str, object] | bytes | None = None,
        headers: dict[str, str] | None = None,
        json: dict[str, object] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """oras's one way out, with a timeout and a single try; what is worth another is `_persist`'s to decide."""
        self.auth.prepare()
        sent = (headers or {}) | self.auth.get_auth_header()
        response = self._send(method, url, sent)
        # Where it was sent on to another host, that one has no say in who gives tokens.
        if response.status_code == 401 and urlsplit(response.url)[:2] == urlsplit(url)[:2]:
            with response:
                drain(response)
                sent, _ = self.auth.authenticate_request(response, sent)
            response = self._send(method, url, sent)
        return response

    def _send(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        return self.connections.request(method, url, headers, (self.limits.connect, self.limits.read))

    def _fetch(self, reference: str, size: int | None = None) -> Fetched:
        what = f"manifest {reference}"

        def read() -> Fetched:
            response, body = self._once(self._manifest_url(reference), self.limits.manifest, what, accept=ACCEPT)
            stated = response.headers.get("Docker-Content-Digest", "")
            digest = reference if is_digest(reference) else stated
            if not is_digest(digest):
                digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            _verify(body, digest, size, what)
            content_type = response.headers.get("Content-Type", "")
            manifest, media_type = parse_manifest(body, content_type, f"{self.repository}: {what}")
            return Fetched(manifest, media_type, digest, len(body))

        return self._persist(read, what)

    def _get(
        self, url: str, limit: int, what: str, *, method: str = "GET", accept: str = "*/*"
    ) -> tuple[requests.Response, bytes]:
        return self._persist(lambda: self._once(url, limit, what, method=method, accept=accept), what)

    def _once(
        self, url: str, limit: int, what: str, *, method: str = "GET", accept: str = "*/*"
    ) -> tuple[requests.Response, bytes]:
        """One exchange: the answer and its body of at most `limit` bytes."""
        try:
            with self._budget.spending(self.limits.time_for(limit), what) as seconds, within(seconds):
                response = self.do_request(url, method, headers={"Accept": accept}, stream=True)
                with response:
                    body = bounded(response, limit, what, seconds)
        except requests.TooManyRedirects:
            raise UpstreamError(f"{what}: redirected too often") from None
        except (requests.RequestException, OSError) as error:
            raise TransientError(f"{what}: {reason(error)}") from None
        return response, body

    def _persist(self, read: Callable[[], T], what: str) -> T:
        """Tries again what failed in passing, no sooner than `Retry-After` says and within the limits."""
        try:
            return retrying(self.limits, self.connections.stopping)(read)
        except RefusedError as error:
            raise RefusedError(f"{self.repository}: {self.auth.hide(str(error))}; {self.auth.asked_as}") from None
        except MalformedError as error:
            raise MalformedError(self.auth.hide(str(error))) from None
        except UpstreamError as error:
            raise type(error)(f"{self.repository}: {self.auth.hide(str(error))}") from None

    def _url(self, endpoint: str) -> str:
        """Of what oras has no words for."""
        return f"{self.prefix}://{self.container.registry}/v2/{self.repository.api_path}/{endpoint}"

    def _manifest_url(self, reference: str) -> str:
        return f"{self.prefix}://{self.container.manifest_url(reference)}"


def _fallback_tag(digest: str) -> str:
    """Where referrers are listed without the API: at most 32 and 64 characters (distribution-spec, "Referrers Tag")."""
    algorithm, _, hex_ = digest.partition(":")
    return f"{algorithm[:32]}-{hex_[:64]}"


def _following(url: str, response: requests.Response) -> str:
    """The next page of `url`, which is on the same host (RFC 8288); `url` itself where there is none."""
    try:
        following = urljoin(url, response.links.get("next", {}).get("url", url))
        return following if urlsplit(following)[:2] == urlsplit(url)[:2] else url
    except ValueError:
        return url


def _verify(body: bytes, digest: str, size: int | None, what: str) -> None:
    if size is not None and len(body) != size:
        raise UntrustedError(f"{what}: {len(body)} bytes instead of {size}")
    algorithm, _, expected = digest.partition(":")
    if hashlib.new(algorithm, body).hexdigest() != expected:
        raise UntrustedError(f"{what}: the content does not have the digest {digest}")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
