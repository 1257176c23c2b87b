"""Bearer tokens, anonymous or with credentials: one repository, one token, fetched once for all threads that wait."""

import re
import threading
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import requests
from oras.auth.token import TokenAuth

from generator.document import decode, printable
from generator.errors import MalformedError, NotFoundError, TransientError, UpstreamError
from generator.reference import Repository
from generator.upstream.connections import Connections
from generator.upstream.credentials import Credentials, CredentialStore
from generator.upstream.response import bounded, reason

_FIELD = re.compile(r'([a-zA-Z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_BEARER = re.compile(r"(?:^|,)\s*bearer\s+(.*)", re.IGNORECASE)
_BASIC = re.compile(r"(?:^|,)\s*basic(?:\s|$)", re.IGNORECASE)
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


class RepositoryAuth(TokenAuth):  # type: ignore[misc]
    """oras's token authentication for one repository, safe to share between threads.

    `realm` is None until a challenge has been met, or for ever where the registry asks for no token. `credentials`
    are looked for when the registry first asks; without any it is read anonymously.
    """

    def __init__(
        self,
        connections: Connections,
        repository: Repository,
        timeout: tuple[float, float],
        realm: Realm | None,
        credentials: CredentialStore | None,
    ) -> None:
        super().__init__()
        self._connections = connections
        self.token: str | None = None
        self.realm = realm
        self._recorded = realm
        self._repository = repository
        self._scope = f"repository:{repository.api_path}:pull"
        self._timeout = timeout
        self._store = credentials
        self._basic: str | None = None
        self._lock = threading.Lock()

    @cached_property
    def credentials(self) -> Credentials | None:
        """Raises `ConfigurationError` where they stand somewhere but cannot be had."""
        return self._store.find(self._repository) if self._store else None

    @property
    def asked_as(self) -> str:
        """Who has asked, for a message; never a secret."""
        return f"asked with {self.credentials.source}" if self.credentials else "asked anonymously"

    def get_auth_header(self) -> dict[str, str]:
        if self._basic:
            return {"Authorization": self._basic}
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

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
        challenge = original.headers.get("WWW-Authenticate", "")
        with self._lock:
            if _is_basic(challenge) and self.credentials and self.credentials.username:
                self._basic = self.credentials.basic
            elif self.token is None or refused == f"Bearer {self.token}":
                self.realm = Realm.of(challenge, self._repository.plain)
                self.token = self._fetch(self.realm)
        return headers | self.get_auth_header(), True

    def _fetch(self, realm: Realm) -> str:
        host = printable(urlsplit(realm.url).netloc)
        what = f"the token from {host}"
        asked = {"scope": self._scope} | ({"service": realm.service} if realm.service else {})
        credentials = self.credentials
        if credentials and not self._may_have_credentials(realm):
            other = f"{self._repository.host} has named another realm before"
            raise UpstreamError(f"{what}: {credentials.source} is not sent there, {other}")
        try:
            with self._ask(realm, asked, credentials) as response:
                if response.is_redirect:
                    raise UpstreamError(f"{what}: redirected, which no token endpoint may do")
                return _token(bounded(response, _SIZE, what), what)
        except (requests.RequestException, OSError) as error:
            raise TransientError(f"{what}: {reason(error)}") from None
        except NotFoundError as error:
            # The caller would take it for what it asked for that is not there.
            raise UpstreamError(str(error)) from None

    def _ask(self, realm: Realm, asked: dict[str, str], credentials: Credentials | None) -> requests.Response:
        """Anonymously, with a password, or with an identity token (distribution specs, "Token" and "OAuth2")."""
        if credentials and credentials.identity_token:
            token = {"grant_type": "refresh_token", "refresh_token": credentials.identity_token}
            form = {"client_id": "reverse-registry", **token, **asked}
            return self._connections.request("POST", realm.url, {}, self._timeout, form=form)
        headers = {"Authorization": credentials.basic} if credentials else {}
        return self._connections.request("GET", realm.url, headers, self._timeout, asked, is_sent_on=False)

    def _may_have_credentials(self, realm: Realm) -> bool:
        """The registry itself; or over TLS the realm that the index has recorded, or that a first challenge names."""
        scheme = "http" if self._repository.plain else "https"
        if urlsplit(realm.url)[:2] == (scheme, self._repository.endpoint):
            return True
        if self._repository.plain:
            return False
        return self._recorded is None or urlsplit(self._recorded.url)[:2] == urlsplit(realm.url)[:2]


def _is_basic(challenge: str) -> bool:
    return bool(_BASIC.search(challenge)) and not _BEARER.search(challenge)


def _token(body: bytes, what: str) -> str:
    """The token of a token endpoint's answer: `token`, or `access_token` (distribution token specification)."""
    answer = decode(body, dict[str, object], what)
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UpstreamError(f"{what}: none that can be used")
    return token
