"""oras, made safe to depend on: timeouts, bounded retries, bounded sizes, and every digest verified."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode

import oras.container
import oras.provider
import requests
import tenacity
from requests.adapters import HTTPAdapter

from generator.document import decode, printable
from generator.errors import MalformedError, NotFoundError, TransientError, UntrustedError, UpstreamError
from generator.reference import Repository, is_digest
from generator.upstream import history
from generator.upstream.auth import AnonymousAuth, Realm
from generator.upstream.manifest import ACCEPT, OCI_INDEX, Descriptor, Manifest, parse_manifest

T = TypeVar("T")

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what an upstream may cost: sizes in bytes, times in seconds."""

    manifest: int = 4 * 1024 * 1024
    blob: int = 64 * 1024 * 1024
    connect: float = 10.0
    read: float = 30.0
    attempts: int = 5
    backoff: float = 0.5
    patience: float = 60.0


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


class Connections(requests.Session):
    """One pool of connections for every repository and thread. Sends nobody's stored credentials or cookies.

    Once `stopping` is set, nothing is tried again.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        adapter = HTTPAdapter(pool_connections=size, pool_maxsize=size)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.max_redirects = 5
        self.stopping = threading.Event()
        self.headers["User-Agent"] = "reverse-registry"
        # Without an `auth` of its own, requests would look for credentials in ~/.netrc.
        self.auth = lambda request: request

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        if self.should_strip_auth(response.request.url, prepared_request.url):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


class Client(oras.provider.Registry):  # type: ignore[misc]
    """One repository of one registry, read anonymously. Safe to share between threads.

    Every method raises `UpstreamError` or one of its kinds; the message begins with the repository.
    """

    def __init__(
        self, repository: Repository, connections: Connections, limits: Limits, realm: Realm | None = None
    ) -> None:
        super().__init__(hostname=repository.endpoint, insecure=repository.plain)
        self.repository = repository
        self.limits = limits
        self.container = oras.container.Container(f"{repository.endpoint}/{repository.api_path}")
        timeout = (limits.connect, limits.read)
        self.auth = AnonymousAuth(f"repository:{repository.api_path}:pull", repository.plain, timeout, realm)
        self.auth._tls_verify = True
        self.connections = self.session = self.auth.session = connections

    @property
    def realm(self) -> Realm | None:
        """Where tokens come from; None if the registry has answered without one."""
        return self.auth.realm  # type: ignore[no-any-return]

    def head(self, tag: str) -> Head:
        """Where `tag` points now; a registry that does not say in a HEAD is asked for the manifest."""
        response, _ = self._get(self._manifest_url(tag), 0, f"tag {tag}", method="HEAD", accept=ACCEPT)
        digest = response.headers.get("Docker-Content-Digest", "")
        if not is_digest(digest):
            digest = self._fetch(tag).digest
        return Head(digest, _date(response))

    def manifest(self, reference: str) -> Fetched:
        """The manifest of a digest or a tag; raises `MalformedError` where it is none of an image's."""
        return self._fetch(reference)

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
            if len(body) != descriptor.size:
                raise TransientError(f"{what}: {len(body)} bytes instead of {descriptor.size}")
            self._verify(body, descriptor.digest, what)
            return body

        return self._persist(read, what)

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What refers to `digest`, by the API or else the fallback tag (distribution-spec, "Listing Referrers")."""
        what = f"referrers of {digest}"
        url = f"{self.prefix}://{self.container.registry}/v2/{self.repository.api_path}/referrers/{digest}"
        try:
            _, body = self._get(url, self.limits.manifest, what, accept=OCI_INDEX)
        except NotFoundError:
            try:
                return self.manifest(digest.replace(":", "-", 1)).manifest.manifests
            except NotFoundError:
                return ()
        return decode(body, Manifest, f"{self.repository}: {what}").manifests

    def history(self, tag: str, since: datetime | None, newest: str | None = None) -> list[history.Sighting]:
        """The tag's history from `since` on, oldest first; empty where the upstream keeps none."""

        def page(start: datetime | None, end: datetime | None) -> frozenset[history.Sighting]:
            bounds = {"start": start, "end": end}
            query = urlencode({key: _iso(at) for key, at in bounds.items() if at})
            url = f"{self.prefix}://{self.container.registry}/v2/{self.repository.api_path}/_chainguard/history/{tag}"
            what = f"history of {tag}"
            _, body = self._get(f"{url}?{query}" if query else url, self.limits.blob, what)
            return history.parse_page(body, f"{self.repository}: {what}")

        try:
            return history.read(page, since, newest)
        except NotFoundError:
            return []

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
        response = self._send(method, url, sent, stream)
        if response.status_code == 401:
            with response:
                _drain(response)
                sent, _ = self.auth.authenticate_request(response, sent)
            response = self._send(method, url, sent, stream)
        return response

    def _send(self, method: str, url: str, headers: dict[str, str], stream: bool) -> requests.Response:
        timeout = (self.limits.connect, self.limits.read)
        return self.session.request(method, url, headers=headers, timeout=timeout, stream=stream, allow_redirects=True)

    def _fetch(self, reference: str) -> Fetched:
        what = f"manifest {reference}"

        def read() -> Fetched:
            response, body = self._once(self._manifest_url(reference), self.limits.manifest, what, accept=ACCEPT)
            stated = response.headers.get("Docker-Content-Digest", "")
            digest = reference if is_digest(reference) else stated
            if is_digest(digest):
                self._verify(body, digest, what)
            else:
                digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
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
            response = self.do_request(url, method, headers={"Accept": accept}, stream=True)
            with response:
                if response.status_code != 200:
                    _drain(response)
                    raise _refusal(response, what)
                body = _bounded(response, limit, what)
        except requests.TooManyRedirects:
            raise UpstreamError(f"{what}: redirected too often") from None
        except (requests.RequestException, OSError) as error:
            raise TransientError(f"{what}: {_reason(error)}") from None
        return response, body

    def _persist(self, read: Callable[[], T], what: str) -> T:
        """Tries again what failed in passing, no sooner than `Retry-After` says and within the limits."""
        limits = self.limits
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(limits.attempts),
                tenacity.stop_before_delay(limits.patience),
                tenacity.stop_when_event_set(self.connections.stopping),
            ),
            sleep=tenacity.sleep_using_event(self.connections.stopping),
            wait=_wait(tenacity.wait_random_exponential(limits.backoff, max=10.0)),
            reraise=True,
        )
        try:
            return retrying(read)
        except MalformedError:
            raise
        except UpstreamError as error:
            raise type(error)(f"{self.repository}: {error}") from None

    def _manifest_url(self, reference: str) -> str:
        return f"{self.prefix}://{self.container.manifest_url(reference)}"

    def _verify(self, body: bytes, digest: str, what: str) -> None:
        algorithm, _, expected = digest.partition(":")
        if hashlib.new(algorithm, body).hexdigest() != expected:
            raise UntrustedError(f"{what}: the content does not have the digest {digest}")


def _refusal(response: requests.Response, what: str) -> UpstreamError:
    status = response.status_code
    if status == 404:
        return NotFoundError(f"{what}: not found")
    if status in _TRANSIENT:
        return TransientError(f"{what}: {status} {printable(response.reason)}", _retry_after(response))
    if status in {401, 403}:
        return UpstreamError(f"{what}: {status}; the upstream does not let it be read anonymously")
    return UpstreamError(f"{what}: unexpected answer {status} {printable(response.reason)}")


def _drain(response: requests.Response) -> None:
    """Reads a short body to its end, so that the connection can be used again."""
    for count, _ in enumerate(response.iter_content(_CHUNK)):
        if count:
            return


def _bounded(response: requests.Response, limit: int, what: str) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise UntrustedError(f"{what}: more than {limit} bytes")
    return bytes(body)


def _wait(backoff: tenacity.wait.wait_base) -> Callable[[tenacity.RetryCallState], float]:
    def seconds(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) and error.retry_after else 0.0
        return max(asked, backoff(state))

    return seconds


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "")
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - _date(response)).total_seconds())
    except (TypeError, ValueError):
        return None


def _date(response: requests.Response) -> datetime:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return datetime.now(UTC).replace(microsecond=0)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _reason(error: Exception) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__
