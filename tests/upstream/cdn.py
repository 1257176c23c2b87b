"""The CDN: blobs behind signed URLs on another host, with the manners of S3."""

from collections.abc import Mapping
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.upstream.ranges import octets
from tests.upstream.repository import Repository
from tests.upstream.signature import Signer, expiry, is_past


def refusal(status: int, code: str, message: str) -> Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Response(text, status, media_type="application/xml")


class Cdn:
    """`base` is the URL that it is reached at. It holds the blobs of all repositories, by digest."""

    def __init__(self, base: str, repositories: Mapping[str, Repository]) -> None:
        self._base = base
        self._repositories = repositories
        self._signer = Signer()
        self.app = Starlette(routes=[Route("/sha256/{encoded}", self._blob)])

    def url(self, digest: str, lifetime: float) -> str:
        """Where the blob can be fetched for `lifetime` seconds, by a request without `Authorization`."""
        path, expires = f"/{digest.replace(':', '/')}", expiry(lifetime)
        query = urlencode({"expires": expires, "signature": self._signer.sign(path, expires)})
        return f"{self._base}{path}?{query}"

    async def _blob(self, request: Request) -> Response:
        if "authorization" in request.headers:
            message = "Only one auth mechanism allowed; the URL is signed, and there is an Authorization header"
            return refusal(400, "InvalidArgument", message)
        expires, signature = (
            request.query_params.get("expires", ""),
            request.query_params.get("signature", ""),
        )
        if not self._signer.is_signed(request.url.path, expires, signature):
            return refusal(403, "SignatureDoesNotMatch", "The signature is not the one of this URL")
        if is_past(expires):
            return refusal(403, "AccessDenied", "Request has expired")
        digest = f"sha256:{request.path_params['encoded']}"
        for repository in tuple(self._repositories.values()):
            if digest in repository.blobs:
                return octets(request, repository.blobs[digest], {"ETag": f'"{digest}"'})
        return refusal(404, "NoSuchKey", "The specified key does not exist")
