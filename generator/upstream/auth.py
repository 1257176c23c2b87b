"""Anonymous bearer tokens: one repository, one token, fetched once for however many threads wait for it."""

import re
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from oras.auth.token import TokenAuth

from generator.document import decode, printable
from generator.errors import MalformedError, NotFoundError, TransientError, UpstreamError
from generator.upstream.connections import Connections
from generator.upstream.response import bounded, reason

_FIELD = re.compile(r'([a-zA-Z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_BEARER = re.compile(r"(?:^|,)\s*bearer\s+(.*)", re.IGNORECASE)
_SIZE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Realm:
    """Where a repository's tokens come from, as its `WWW-Authenticate: Bearer` challenge says (RFC 6750, 3)."""

    url: str
    service: str | None

    @classmethod
    def of(cls, challenge: str, plain: bool) -> "Realm":
        """Raises `UpstreamError` where the challenge names no bearer realm that may be asked."""
        bearer = _BEARER.search(challenge)
        fields: dict[str, str] = {}
        for key, quoted, bare in _FIELD.findall(bearer[1]) if bearer else ():
            fields.setdefault(key.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else bare)
        if "realm" not in fields:
            raise UpstreamError(f"asks for authentication that anonymous reading cannot give: {printable(challenge)!r}")
        realm = cls(fields["realm"], fields.get("service") or None)
        realm.check(plain)
        return realm

    def check(self, plain: bool) -> None:
        """An upstream spoken to over HTTPS may not send its clients to a realm without it."""
        allowed = ("http", "https") if plain else ("https",)
        try:
            parts = urlsplit(self.url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in allowed or not parts.hostname or parts.username:
            raise UpstreamError(f"names a token realm that is not to be trusted: {printable(self.url)!r}")


class AnonymousAuth(TokenAuth):  # type: ignore[misc]
    """oras's token authentication without credentials, safe to share between threads.

    `realm` is None until a challenge has been met, or for ever where the registry asks for no token.
    """

    def __init__(
        self, connections: Connections, scope: str, plain: bool, timeout: tuple[float, float], realm: Realm | None
    ) -> None:
        super().__init__()
        self._connections = connections
        self.token: str | None = None
        self.realm = realm
        self._scope = scope
        self._plain = plain
        self._timeout = timeout
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Fetches the token ahead of the first request where the realm is known, and so saves a 401.

        A realm that gives none is forgotten: the next challenge says where it is now.
        """
        if self.realm is None or self.token is not None:
            return
        with self._lock:
            if self.token is None and self.realm:
                try:
                    self.token = self._fetch(self.realm)
                except (UpstreamError, MalformedError):
                    self.realm = None

    def authenticate_request(
        self, original: requests.Response, headers: dict[str, str], refresh: bool = False
    ) -> tuple[dict[str, str], bool]:
        """Answers a 401: a token fetched since the refused request was sent is used, else a new one asked for."""
        refused = original.request.headers.get("Authorization")
        with self._lock:
            if self.token is None or refused == f"Bearer {self.token}":
                self.realm = Realm.of(original.headers.get("WWW-Authenticate", ""), self._plain)
                self.token = self._fetch(self.realm)
        return headers | self.get_auth_header(), True

    def _fetch(self, realm: Realm) -> str:
        params = {"scope": self._scope} | ({"service": realm.service} if realm.service else {})
        what = f"the token from {printable(urlsplit(realm.url).netloc)}"
        try:
            with self._connections.request("GET", realm.url, {}, self._timeout, params) as response:
                return _token(bounded(response, _SIZE, what), what)
        except (requests.RequestException, OSError) as error:
            raise TransientError(f"{what}: {reason(error)}") from None
        except NotFoundError as error:
            # The caller would take it for what it asked for that is not there.
            raise UpstreamError(str(error)) from None


def _token(body: bytes, what: str) -> str:
    """The token of a token endpoint's answer: `token`, or `access_token` (distribution token specification)."""
    answer = decode(body, dict[str, object], what)
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UpstreamError(f"{what}: none that can be used")
    return token
