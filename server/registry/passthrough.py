"""Passthrough: a client's own credentials, for upstream's token endpoint alone (https://distribution.github.io/distribution/spec/auth/)."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import replace
from math import isfinite
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..errors import API_VERSION, RegistryError, UnauthorizedError
from ..index.current import Current
from ..index.names import is_name
from ..index.repository import Repository
from ..upstream.tokens import Answer, Tokens
from .known import Target
from .relays import Relays

FORM_LIMIT = 64 * 1024
_QUERY = ("account", "client_id", "offline_token")
_FORM = ("grant_type", "client_id", "access_type", "username", "password", "refresh_token")

_scope = re.compile(r"repository:([^:]+):[a-z*,]*pull[a-z,]*\Z").match
_bearer = re.compile(r"bearer +([!-~]+)\Z", re.IGNORECASE).match
_basic = re.compile(r"basic +([A-Za-z0-9+/=_-]+)\Z", re.IGNORECASE).match


class Passthrough:
    """
    `/token` stands for the endpoint that the index records for the registry of the image that is asked for.

    Credentials are those of the index's `upstream`, or where the user is named `HOST/USER` (`HOST_PORT/USER`: no
    user may have a colon), of that registry; so are the tokens that they give. To another one none of them go: there an
    anonymous token is asked for.
    """

    def __init__(self, current: Current, tokens: Tokens, relays: Relays, public_url: str) -> None:
        self._current = current
        self._tokens = tokens
        self._relays = relays
        self._realm = f"{public_url.rstrip('/')}/token"
        self._service = public_url.partition("://")[2].rstrip("/")

    def with_token(self, request: Request, target: Target) -> Target:
        """
        `target` with the client's token; without where none is needed, or it would go to another registry.

        Raises RegistryError with the challenge where the client has none.
        """
        if target.repository.tokenless:
            return target
        owner, token = self._owner(self.token_of(request, target.name))
        is_theirs = target.repository.host == owner.host
        return replace(target, repository=replace(target.repository, token=token)) if is_theirs else target

    def token_of(self, request: Request, name: str = "") -> str:
        """Raises RegistryError with the challenge."""
        found = _bearer(request.headers.get("authorization", "").strip())
        if not found:
            raise self.challenge(name)
        return found[1]

    def challenge(self, name: str, error: str = "") -> RegistryError:
        """401, with where to get a token for the repository."""
        fields = {"realm": self._realm, "service": self._service}
        if is_name(name):
            fields["scope"] = f"repository:{name}:pull"
        if error:
            fields["error"] = error
        stated = ",".join(f'{field}="{value}"' for field, value in fields.items())
        return RegistryError(401, "UNAUTHORIZED", "a token is needed", {"WWW-Authenticate": f"Bearer {stated}"})

    async def token(self, request: Request) -> Response:
        is_form = request.method == "POST"
        asked = await _form(request) if is_form else request.query_params.multi_items()
        fields = dict(asked)
        authorization = request.headers.get("authorization", "").strip()
        basic = _decoded(authorization)
        if authorization and basic is None:
            raise self._refused("these are no credentials that can be passed on")
        owner, user = self._owner(fields.get("refresh_token") or fields.get("username") or (basic or ("", ""))[0])
        home, scopes = self._scopes([value for key, value in asked if key == "scope"], owner)
        if home.auth is None:
            raise RegistryError(
                403, "DENIED", f"the index records no token endpoint of {home.host}; refresh an image from there first"
            )
        is_theirs = home.host == owner.host
        fields |= {
            key: self._owner(fields[key])[1] for key in ("refresh_token", "username", "account") if key in fields
        }
        unsupported = RegistryError(404, "UNSUPPORTED", f"{home.host} does not give tokens in this way")
        names = (_FORM if is_form else _QUERY) if is_theirs else ()
        given = {name: fields[name] for name in names if fields.get(name)}
        headers = _encoded(user, basic[1]) if is_theirs and basic and not is_form else {}
        try:
            async with self._relays:
                answer = await self._tokens.request(home, home.auth, scopes, unsupported, given, headers)
        except UnauthorizedError:
            raise self._refused(f"{home.host} does not accept these credentials") from None
        is_labelled = is_theirs and home.host != self._current.index.home.host
        return _response(answer, f"{home.host.replace(':', '_')}/" if is_labelled else "")

    def _owner(self, secret: str) -> tuple[Repository, str]:
        """A repository of the registry that a user or a token belongs to, and its name or value there."""
        index = self._current.index
        host, slash, value = secret.partition("/")
        located = index.locate_at(host.replace("_", ":"), "name") if slash else None
        return (located[1], value) if located else (index.home, secret)

    def _refused(self, why: str) -> RegistryError:
        return RegistryError(401, "UNAUTHORIZED", why, {"WWW-Authenticate": f'Basic realm="{self._realm}"'})

    def _scopes(self, asked: Iterable[str], owner: Repository) -> tuple[Repository, list[str]]:
        """The repository whose registry is asked, and the scopes under upstream's names; only ever to pull."""
        index = self._current.index
        named = [found[1] for scope in asked for each in scope.split() if (found := _scope(each)) and is_name(found[1])]
        repositories = [index.locate(name)[1] for name in named] or [owner]
        home = repositories[0]
        return home, [f"repository:{each.path}:pull" for each in repositories if named and each.host == home.host]


def _response(answer: Answer, label: str = "") -> Response:
    # Clients written in Go read a whole number or nothing.
    lifetime = answer.expires_in or 0
    answer.expires_in = (int(lifetime) if isfinite(lifetime) else 0) or None
    # containerd reads the one, older clients the other; registries give either.
    answer.access_token = answer.token = f"{label}{answer.value}" if answer.value else None
    answer.refresh_token = f"{label}{answer.refresh_token}" if answer.refresh_token else None
    return Response(msgspec.json.encode(answer), 200, {**API_VERSION, "Cache-Control": "no-store"}, "application/json")


async def _form(request: Request) -> list[tuple[str, str]]:
    """An OAuth2 request's fields. Raises RegistryError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise RegistryError(413, "SIZE_INVALID", "this is no request for a token: it is too long")
    try:
        fields = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=32)
    except ValueError:
        raise RegistryError(400, "UNSUPPORTED", "a request for a token is a form of fields") from None
    if "grant_type" not in dict(fields):
        raise RegistryError(400, "UNSUPPORTED", "a request for a token names its grant_type")
    return fields


def _encoded(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def _decoded(authorization: str) -> tuple[str, str] | None:
    """User and password of Basic credentials (RFC 7617)."""
    found = _basic(authorization)
    try:
        user, colon, password = b64decode(found[1], validate=True).decode().partition(":") if found else ("", "", "")
    except ValueError:
        return None
    return (user, password) if colon else None
