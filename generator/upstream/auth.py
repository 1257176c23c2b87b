"""Bearer tokens: one repository, one token, fetched once for however many threads wait for it; and Basic."""

import re
import threading
from functools import cached_property
from urllib.parse import urlsplit

import requests
from oras.auth.token import TokenAuth

from generator.document import decode, printable
from generator.errors import (
    MalformedError,
    NotFoundError,
    RefusedError,
    TransientError,
    UntrustedError,
    UpstreamError,
)
from generator.reference import Repository
from generator.upstream.challenge import Realm, asks_for_basic
from generator.upstream.credentials import Credentials, CredentialStore
from generator.upstream.redaction import hide
from generator.upstream.transport import Connections
from generator.upstream.transport.response import bounded, reason

_SIZE = 64 * 1024
_CLIENT = "reverse-registry"


class RepositoryAuth(TokenAuth):  # type: ignore[misc]
    """oras's token authentication for one repository, safe to share between threads.

    `realm` is None until a challenge has been met, or for ever where the registry asks for no token.
    Credentials go to the registry itself, where it asks for Basic, or to its token realm: one on the registry's own
    host, or one on another host that its challenge has named over TLS, and that is the recorded one if there is any.
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
        self._timeout = timeout
        self._store = credentials
        self._basic: str | None = None
        self._is_confirmed = False
        self._lock = threading.Lock()

    @cached_property
    def credentials(self) -> Credentials | None:
        """Raises `ConfigurationError` where they stand somewhere but cannot be had."""
        return self._store.find(self._repository) if self._store else None

    @property
    def asked_as(self) -> str:
        """Who has asked, for a message; never a secret."""
        return f"asked with {self.credentials.source}" if self.credentials else "asked anonymously"

    def hide(self, text: str) -> str:
        """`text` without any secret that an upstream may have repeated."""
        found = self.__dict__.get("credentials")
        basic = found.basic.removeprefix("Basic ") if found else ""
        secrets = (basic, found.password, found.identity_token, found.registry_token) if found else ()
        return hide(text, *secrets, self.token or "")

    def prepare(self) -> None:
        """Fetches the token ahead of the first request where the realm is known, and so saves a 401.

        A realm that gives none is forgotten: the next challenge says where it is now.
        """
        if self.realm is None or self.token is not None or self._needs_challenge(self.realm):
            return
        with self._lock:
            if self.token is None and self.realm:
                try:
                    self.token = self._fetch(self.realm)
                except (UpstreamError, MalformedError):
                    self.realm = None

    def get_auth_header(self) -> dict[str, str]:
        if self._basic:
            return {"Authorization": self._basic}
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def authenticate_request(
        self, original: requests.Response, headers: dict[str, str], refresh: bool = False
    ) -> tuple[dict[str, str], bool]:
        """Answers a 401: with a token fetched since the refused request was sent, or a new one, or by Basic."""
        refused = original.request.headers.get("Authorization")
        challenge = original.headers.get("WWW-Authenticate", "")
        with self._lock:
            if asks_for_basic(challenge) and self.credentials and self.credentials.username:
                if refused == self.credentials.basic:
                    self._renew()
                self._basic = self.credentials.basic
            elif self.token is None or refused == f"Bearer {self.token}":
                self.realm = Realm.of(challenge, self._repository.plain)
                self._is_confirmed = urlsplit(original.url).scheme == "https"
                self.token = self._fetch(self.realm)
        return headers | self.get_auth_header(), True

    def _is_own(self, realm: Realm) -> bool:
        return urlsplit(realm.url)[:2] == ("http" if self._repository.plain else "https", self._repository.endpoint)

    def _needs_challenge(self, realm: Realm) -> bool:
        """Whether the record alone is not enough for credentials to go there."""
        return not self._is_own(realm) and not self._is_confirmed and self.credentials is not None

    def _check(self, realm: Realm, credentials: Credentials, what: str) -> None:
        """Raises `UpstreamError` where credentials may not go to `realm`."""
        if self._is_own(realm):
            return
        if self._recorded and urlsplit(self._recorded.url)[:2] != urlsplit(realm.url)[:2]:
            why = f"{self._repository.host} has named another realm before"
        elif not self._is_confirmed:
            why = f"{self._repository.host} has not named it over TLS"
        else:
            return
        raise UpstreamError(f"{what}: {credentials.source} is not sent there, {why}")

    def _renew(self) -> bool:
        """Whether there are other credentials than those that were refused."""
        old = self.credentials
        if old and self._store:
            self._store.forget(old)
            self.__dict__["credentials"] = self._store.find(self._repository) or old
        return self.credentials != old

    def _fetch(self, realm: Realm) -> str:
        """One that stands among the credentials is the registry's own, and is sent as it is."""
        if self.credentials and self.credentials.registry_token:
            return self.credentials.registry_token
        try:
            return self._ask(realm)
        except RefusedError:
            if not self._renew():
                raise
            return self._ask(realm)

    def _ask(self, realm: Realm) -> str:
        """By GET, or with an identity token by OAuth2's POST (distribution, "Token Authentication Specification")."""
        what, credentials = f"the token from {printable(realm.host)}", self.credentials
        asked = {"scope": f"repository:{self._repository.api_path}:pull"}
        asked |= {"service": realm.service} if realm.service else {}
        headers: dict[str, str] = {}
        form = None
        if credentials:
            self._check(realm, credentials, what)
            if credentials.identity_token:
                grant = {"grant_type": "refresh_token", "refresh_token": credentials.identity_token}
                asked, form = {}, {"client_id": _CLIENT, **grant, **asked}
            else:
                headers = {"Authorization": credentials.basic}
        home = f"{'http' if self._repository.plain else 'https'}://{self._repository.endpoint}/"
        try:
            try:
                response = self._connections.ask(realm.url, home, headers, self._timeout, params=asked, form=form)
            except UntrustedError as error:
                raise UntrustedError(f"{what}: {error}") from None
            with response:
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
