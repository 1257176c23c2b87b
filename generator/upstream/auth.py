"""Anonymous bearer tokens: one repository, one token, fetched once for however many threads wait for it."""

import re
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from oras.auth.token import TokenAuth

from generator.document import decode, printable
from generator.errors import TransientError, UpstreamError

_CHALLENGE = re.compile(r'([a-zA-Z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Realm:
    """Where a repository's tokens come from, as its `WWW-Authenticate: Bearer` challenge says (RFC 6750, 3)."""

    url: str
    service: str | None

    @classmethod
    def of(cls, challenge: str, plain: bool) -> "Realm":
        """Raises `UpstreamError` where the challenge names no bearer realm that may be asked."""
        scheme, _, rest = challenge.strip().partition(" ")
        fields = {
            key.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
            for key, quoted, bare in _CHALLENGE.findall(rest)
        }
        if scheme.lower() != "bearer" or "realm" not in fields:
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

    def __init__(self, scope: str, plain: bool, timeout: tuple[float, float], realm: Realm | None) -> None:
        super().__init__()
        self.token: str | None = None
        self.realm = realm
        self._scope = scope
        self._plain = plain
        self._timeout = timeout
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Fetches the token ahead of the first request where the realm is known, and so saves a 401."""
        if self.realm is None or self.token is not None:
            return
        with self._lock:
            if self.token is None:
                self.token = self._fetch(self.realm)

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
        where = printable(urlsplit(realm.url).netloc)
        try:
            response = self.session.get(
                realm.url, params=params, timeout=self._timeout, verify=self._tls_verify, stream=True
            )
            with response:
                body = response.raw.read(64 * 1024, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise TransientError(f"no token from {where}: {type(error).__name__}") from None
        if response.status_code in _TRANSIENT:
            raise TransientError(f"no token from {where}: {response.status_code}")
        if response.status_code != 200:
            raise UpstreamError(f"no anonymous token from {where}: {response.status_code}")
        return _token(body, where)


def _token(body: bytes, where: str) -> str:
    """The token of a token endpoint's answer: `token`, or `access_token` (distribution token specification)."""
    answer = decode(body, dict[str, object], f"the token from {where}")
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UpstreamError(f"no usable token from {where}")
    return token
