"""The registry: the OCI distribution API as a free tier of cgr.dev serves it."""

import base64
import hashlib
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.upstream.cdn import Cdn
from tests.upstream.oci import INDEX, Content, Document, serialise
from tests.upstream.options import Options
from tests.upstream.ranges import octets
from tests.upstream.repository import Record, Repository
from tests.upstream.signature import InvalidTokenError, Tokens

API_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
NAMED = re.compile(r"/v2/(?P<name>.+)/(?:manifests|blobs|tags|referrers|_chainguard/history)/[^/]+")
EMPTY = f"sha256:{hashlib.sha256().hexdigest()}"
DIGEST_TAG = re.compile(r"\A(sha256)-([0-9a-f]{64})\Z")
SCOPE = re.compile(r"repository:(?P<name>[^:]+):.*\bpull\b.*")


class RegistryError(HTTPException):
    """An error with an OCI error body; `code` is from the distribution specification's table."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, headers)
        self.code = code


def error_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    routing_codes = {404: "NOT_FOUND", 405: "UNSUPPORTED"}
    code = error.code if isinstance(error, RegistryError) else routing_codes[error.status_code]
    body = {"errors": [{"code": code, "message": error.detail}]}
    return JSONResponse(body, error.status_code, {**API_VERSION, **(error.headers or {})})


def moment(request: Request, parameter: str, default: datetime) -> datetime:
    text = request.query_params.get(parameter)
    if text is None:
        return default
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise RegistryError(400, "UNSUPPORTED", f"{parameter}={text} is not an ISO 8601 time") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def number(request: Request, parameter: str, default: int) -> int:
    text = request.query_params.get(parameter, str(default))
    if not text.isdecimal():
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", f"{parameter}={text} is not a number")
    return int(text)


def basic(user: str, password: str) -> str:
    """The `Authorization` of these credentials (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def history_entry(record: Record) -> Document:
    precision = "milliseconds" if record.at.microsecond else "seconds"
    return {
        "updateTimestamp": record.at.isoformat(timespec=precision).replace("+00:00", "Z"),
        "digest": record.digest,
    }


def is_accepted(request: Request, media_type: str) -> bool:
    """No `Accept` at all is taken for any, and several are one list (RFC 9110, 12.5.1 and 5.3)."""
    stated = ",".join(request.headers.getlist("accept")) or "*/*"
    ranges = {each.partition(";")[0].strip() for each in stated.split(",")}
    return not ranges.isdisjoint({media_type, f"{media_type.partition('/')[0]}/*", "*/*"})


class Packed:
    """Packs what its app says in JSON, for clients that take gzip, where the option is on."""

    def __init__(self, app: ASGIApp, *, options: Options) -> None:
        self._plain, self._packed = app, GZipMiddleware(app, minimum_size=1)
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._packed if self._options.compresses else self._plain)(scope, receive, send)


class TokenGate:
    """Lets a request under `/v2/` through with a token for the repository that it names."""

    def __init__(self, app: ASGIApp, *, url: str, options: Options, tokens: Tokens) -> None:
        self._app = app
        self._url = url
        self._options = options
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        refused = self._refusal(request) if self._options.tokens else None
        if refused:
            await error_response(request, refused)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> RegistryError | None:
        if not request.url.path.startswith("/v2"):
            return None
        named = NAMED.fullmatch(request.url.path)
        name = named["name"] if named else ""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return self._challenge(name)
        try:
            granted = self._tokens.repository(token)
        except InvalidTokenError as error:
            return self._challenge(name, "invalid_token", str(error))
        if name and granted != name:
            return self._challenge(name, "insufficient_scope", f"the token is for {granted or 'no repository'}")
        return None

    def _challenge(self, name: str, error: str = "", why: str = "a token is required") -> RegistryError:
        scope = f"?scope=repository:{name}:pull,push" if self._options.realm_scope and name else ""
        fields = {"realm": f"{self._url}/token{scope}", "service": self._url.partition("://")[2]}
        if name:
            fields["scope"] = f"repository:{name}:pull"
        if error:
            fields["error"] = error
        challenge = "Bearer " + ",".join(f'{key}="{value}"' for key, value in fields.items())
        return RegistryError(401, "UNAUTHORIZED", why, {"WWW-Authenticate": challenge})


class Registry:
    """`url` is its own."""

    def __init__(self, url: str, options: Options, repositories: Mapping[str, Repository], cdn: Cdn) -> None:
        self._options = options
        self._repositories = repositories
        self._cdn = cdn
        self.tokens = Tokens()
        self._service = url.partition("://")[2]
        self.app = Starlette(
            routes=[
                Route("/token", self._token),
                Route("/token", self._oauth2, methods=["POST"]),
                Route("/v2", self._ping),
                Route("/v2/", self._ping),
                Route("/v2/{name:path}/manifests/{reference}", self._manifest),
                Route("/v2/{name:path}/blobs/{digest}", self._blob),
                Route("/v2/{name:path}/tags/list", self._tags),
                Route("/v2/{name:path}/referrers/{digest}", self._referrers),
                Route("/v2/{name:path}/_chainguard/history/{tag}", self._history),
            ],
            middleware=[
                Middleware(Packed, options=options),
                Middleware(TokenGate, url=url, options=options, tokens=self.tokens),
            ],
            exception_handlers={HTTPException: error_response},
        )

    async def _token(self, request: Request) -> Response:
        """Anybody gets a token for any one public repository (the first, where several scopes are asked for)."""
        authorization = request.headers.get("authorization", "")
        is_known = authorization == basic(*self._options.credentials)
        if authorization.startswith("Basic ") and not is_known:
            raise RegistryError(401, "UNAUTHORIZED", "these are not the credentials")
        self._check_service(request.query_params.get("service"))
        return self._grant(request.query_params.get("scope", ""), is_known)

    def _check_service(self, service: str | None) -> None:
        """Who names none is asked for none, but a token for another's service is not given here."""
        if service not in (None, self._service):
            raise RegistryError(400, "UNSUPPORTED", f"service {service} is not {self._service}")

    async def _oauth2(self, request: Request) -> Response:
        """The same by a form, with the password or with a refresh token made of it."""
        form = dict(parse_qsl((await request.body()).decode()))
        user, password = self._options.credentials
        refresh_token = f"refresh-{password}"
        if form.get("grant_type") == "password":
            is_known = (form.get("username"), form.get("password")) == (user, password)
        else:
            is_known = form.get("refresh_token") == refresh_token
        if not is_known:
            raise RegistryError(401, "UNAUTHORIZED", "these are not the credentials")
        self._check_service(form.get("service"))
        extra = {"refresh_token": refresh_token} if form.get("access_type") == "offline" else {}
        return self._grant(form.get("scope", ""), is_known=True, key="access_token", **extra)

    def _grant(self, scope: str, is_known: bool, key: str = "token", **extra: str) -> Response:
        asked = SCOPE.fullmatch(scope)
        name = asked["name"] if asked else ""
        granted = name if is_known or name not in self._options.private else ""
        answer: Document = {key: self.tokens.issue(granted, self._options.token_lifetime), **extra}
        if self._options.token_expiry:
            answer["expires_in"] = int(self._options.token_lifetime)
            answer["issued_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return JSONResponse(answer)

    async def _ping(self, _: Request) -> Response:
        return JSONResponse({}, headers=API_VERSION)

    def _repository(self, request: Request) -> Repository:
        name = request.path_params["name"]
        if name not in self._repositories:
            raise RegistryError(404, "NAME_UNKNOWN", f"repository {name} is not known to the registry")
        return self._repositories[name]

    async def _manifest(self, request: Request) -> Response:
        repository, reference = self._repository(request), request.path_params["reference"]
        refused = self._options.head_refused if request.method == "HEAD" else None
        if refused == 307:
            return RedirectResponse(self._cdn.url(EMPTY, -1), 307, API_VERSION)
        if refused:
            raise RegistryError(refused, "UNSUPPORTED", "HEAD is refused here")
        if self._options.tags_as_digests:
            reference = DIGEST_TAG.sub(r"\1:\2", reference)
        manifest = repository.manifest(reference)
        if manifest is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"manifest {reference} is unknown")
        if not is_accepted(request, manifest.media_type):
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"{manifest.media_type} found, but Accept does not support it")
        headers = {"Docker-Content-Digest": manifest.digest, "Content-Type": manifest.media_type}
        return Response(manifest.data, headers=API_VERSION | headers)

    async def _blob(self, request: Request) -> Response:
        digest = request.path_params["digest"]
        data = self._repository(request).blobs.get(digest)
        if data is None:
            raise RegistryError(404, "BLOB_UNKNOWN", f"blob {digest} is unknown")
        if self._options.redirect_blobs:
            return RedirectResponse(self._cdn.url(digest, self._options.url_lifetime), 307, API_VERSION)
        return octets(request, data, API_VERSION | {"Docker-Content-Digest": digest})

    async def _tags(self, request: Request) -> Response:
        repository = self._repository(request)
        last = request.query_params.get("last", "")
        tags = sorted(tag for tag in tuple(repository.tags) if tag > last)
        own = self._options.tags_page
        count = number(request, "n", default=own or len(tags)) or own or 0
        if self._options.tags_most is not None and count > self._options.tags_most and "n" in request.query_params:
            raise RegistryError(self._options.tags_refused, "PAGINATION_NUMBER_INVALID", f"n={count} is too much")
        headers = dict(API_VERSION)
        if 0 < count < len(tags):
            query = urlencode({"last": tags[count - 1]}) + (self._options.tags_link or f"&n={count}")
            headers["Link"] = f"</v2/{repository.name}/tags/list?{query}>; {self._options.tags_relation}"
        return JSONResponse({"name": repository.name, "tags": tags[:count]}, headers=headers)

    async def _referrers(self, request: Request) -> Response:
        """OCI distribution specification 1.1, "Listing Referrers"."""
        repository = self._repository(request)
        if not self._options.referrers:
            raise HTTPException(404)
        found = [
            self._referrer(manifest)
            for manifest in tuple(repository.manifests.values())
            if manifest.document.get("subject", {}).get("digest") == request.path_params["digest"]
        ]
        headers = API_VERSION | {"Content-Type": INDEX}
        if wanted := request.query_params.get("artifactType"):
            found = [descriptor for descriptor in found if descriptor["artifactType"] == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        return Response(serialise({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}), headers=headers)

    def _referrer(self, manifest: Content) -> Document:
        document, stated = manifest.document, self._options.referrer_type
        descriptor: Document = {
            "mediaType": manifest.media_type,
            "size": len(manifest.data),
            "digest": manifest.digest,
            "annotations": document.get("annotations", {}),
        }
        if stated is not None:
            own = document.get("artifactType") or document["config"]["mediaType"]
            descriptor["artifactType"] = stated.replace("{type}", own)
        return descriptor

    async def _history(self, request: Request) -> Response:
        repository, tag = self._repository(request), request.path_params["tag"]
        if not self._options.history:
            raise HTTPException(404)
        if tag not in repository.tags:
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"tag {tag} is unknown")
        records = repository.history(tag)
        if not self._options.history_fractions:
            records = [Record(record.at.replace(microsecond=0), record.digest) for record in records]
        start = moment(request, "start", datetime.min.replace(tzinfo=UTC))
        end = moment(request, "end", datetime.max.replace(tzinfo=UTC))
        page = [record for record in records if start <= record.at <= end][: self._options.page_limit]
        if self._options.history_shuffled:
            random.Random(len(page)).shuffle(page)
        return JSONResponse({"history": [history_entry(record) for record in page]}, headers=API_VERSION)
