"""Token endpoints, and the anonymous tokens they give (https://distribution.github.io/distribution/spec/auth/token/)."""

import re
from collections.abc import Mapping

import msgspec
from yarl import URL

from ..errors import RegistryError, UpstreamError
from ..index.repository import Auth, Repository
from . import responses
from .cache import Cache
from .client import Client

CACHE_LIMIT = 16 * 1024 * 1024
ANSWER_LIMIT = 64 * 1024
LIFETIME, LONGEST_LIFETIME, MARGIN = 60.0, 3600.0, 10.0

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CHALLENGE = re.compile(rf'({_WORD})(?:[ \t]*(=)[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_WORD})))?')

_is_token = re.compile(r"[!-~]+\Z").match


class Answer(msgspec.Struct, omit_defaults=True):
    """What is read of an endpoint's answer, and all that a client is told of it."""

    token: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: float | None = None
    issued_at: object = None

    @property
    def value(self) -> str:
        return self.token or self.access_token or ""

    @property
    def lifetime(self) -> float:
        """Seconds until shortly before it expires."""
        stated = self.expires_in or 0
        lifetime = min(stated, LONGEST_LIFETIME) if stated > 0 else LIFETIME
        return lifetime - min(MARGIN, lifetime / 2)


class Tokens:
    """Anonymous ones, one a repository: all who wait for the same one share a request."""

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._tokens: Cache[Repository, Answer] = Cache(
            CACHE_LIMIT, lambda answer: 1024 + len(answer.value), lambda answer: answer.lifetime
        )
        self._learned: dict[str, Auth] = {}

    async def current(self, repository: Repository) -> str | None:
        """The token to send, or None as long as nothing says that one is needed."""
        # What the registry has said itself goes before what was recorded of it: it may have moved since.
        auth = self._learned.get(repository.host) or repository.auth
        if auth is None:
            return None
        try:
            return (await self._tokens.load(repository, lambda: self._anonymous(repository, auth))).value
        except UpstreamError:
            self._learned.pop(repository.host, None)
            raise

    async def renewed(self, repository: Repository, challenge: str, refused: str | None) -> str | None:
        """The token to send after a 401 with this `WWW-Authenticate`."""
        if learned := bearer(challenge):
            self._learned[repository.host] = learned
        token = self._tokens.get(repository)
        if token and token.value == refused:
            self._tokens.pop(repository, None)
        return await self.current(repository)

    async def _anonymous(self, repository: Repository, auth: Auth) -> Answer:
        refused = RegistryError(403, "DENIED", "upstream gives no anonymous token")
        answer = await self.request(repository, auth, [f"repository:{repository.path}:pull"], refused)
        if not _is_token(answer.value):
            raise UpstreamError(f"{URL(auth.realm).host} sent an answer without a token")
        return answer

    async def request(
        self,
        repository: Repository,
        auth: Auth,
        scopes: list[str],
        refused: RegistryError,
        fields: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """A form where the fields name a `grant_type`, else a query. Raises RegistryError: `refused` by 400 or 404."""
        async with responses.call(repository.host, self._timeout):
            url, home, fields = _endpoint(repository, auth), URL(repository.url("")), {**auth.fields, **fields}
            if "grant_type" in fields:
                call = self._client.send("POST", url, home, headers, {**fields, "scope": " ".join(scopes)})
            else:
                url = url.update_query(fields).extend_query([("scope", scope) for scope in scopes])
                call = self._client.send("GET", url, home, headers)
            async with await call as response:
                if response.status != 200:
                    raise responses.refusal(response, refused)
                body = await responses.read(response, ANSWER_LIMIT)
        return responses.decode(response, body, Answer, strict=False)


def _endpoint(repository: Repository, auth: Auth) -> URL:
    """
    The address to ask for a token. Raises UpstreamError where it is none to be trusted.

    A realm that is stated with the scope that was asked for (nvcr.io's) is good for others as well.
    """
    home, url = URL(repository.url("")), URL(auth.realm).without_query_params("scope")
    if url.scheme not in {"https", home.scheme} or not url.host or url.user or url.password:
        raise UpstreamError(f"the token endpoint of {repository.host} is not an {home.scheme} address")
    return url


def bearer(challenge: str) -> Auth | None:
    """The Bearer challenge of a `WWW-Authenticate` header, which may hold several (RFC 9110, 11.6.1)."""
    scheme, found = "", dict[str, str]()
    for word, is_field, quoted, plain in _CHALLENGE.findall(challenge):
        if not is_field:
            scheme = word.lower()
        elif scheme == "bearer":
            found.setdefault(word.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    return Auth(found["realm"], found.get("service")) if found.get("realm") else None
