"""What goes wrong: at the start, in a request, upstream."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

API_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}


class StartError(Exception):
    """The server cannot start. The message is one line that says what and where."""


class RegistryError(Exception):
    """
    A request that fails, with a code of the OCI distribution specification 1.1, "Error codes".

    `answered` is upstream's own status, if it has said one.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] = {}, answered: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.headers, self.answered = status, code, headers, answered

    def response(self) -> Response:
        body = msgspec.json.encode({"errors": [{"code": self.code, "message": str(self)}]})
        headers = {**API_VERSION, "Cache-Control": "no-store", **self.headers}
        return Response(body, self.status, headers, "application/json")


class UpstreamError(RegistryError):
    """Upstream is away or broken: what the index knows may stand in for it."""

    def __init__(
        self, message: str, status: int = 502, answered: int | None = None, headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(status, "TOOMANYREQUESTS" if status == 429 else "UNAVAILABLE", message, headers, answered)


class UnauthorizedError(RegistryError):
    """Upstream wants a token, or a better one. Without passthrough there is none that a client could bring."""

    def __init__(self) -> None:
        super().__init__(403, "DENIED", "upstream does not give this to anonymous clients")
