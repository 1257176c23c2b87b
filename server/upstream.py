"""Calls to upstream registries: with our own anonymous token, or in passthrough with the client's."""

from collections.abc import Mapping

import httpx

from . import addresses, wire
from .client import Client
from .errors import RegistryError, UpstreamError
from .names import Repository
from .tokens import Tokens

MAX_REDIRECTS = 5


class Upstream:
    """`timeout` is in seconds for a whole call, `limit` in bytes for an answer that is held in memory."""

    def __init__(self, client: Client, timeout: float, limit: int) -> None:
        self._client = client
        self._tokens = Tokens(client, timeout)
        self._timeout = timeout
        self._limit = limit

    async def fetch(
        self, repository: Repository, endpoint: str, unknown: RegistryError, accept: str = "*/*", method: str = "GET"
    ) -> tuple[httpx.Response, bytes]:
        """An answer and its whole body, redirects followed. Raises RegistryError: `unknown` if upstream has none."""
        async with wire.call(repository.host, self._timeout):
            response = await self._follow(repository, method, endpoint, {"Accept": accept}, abroad=True)
            try:
                if response.status_code != 200:
                    raise wire.refusal(response, unknown)
                return response, await wire.read(response, self._limit) if method == "GET" else b""
            finally:
                await response.aclose()

    async def open(
        self, repository: Repository, method: str, endpoint: str, headers: Mapping[str, str]
    ) -> httpx.Response:
        """An answer: open for the caller if it is a success (200, 206), else closed; also a redirect elsewhere."""
        async with wire.call(repository.host, self._timeout):
            return await self._follow(repository, method, endpoint, headers, abroad=False)

    async def _follow(
        self, repository: Repository, method: str, endpoint: str, headers: Mapping[str, str], abroad: bool
    ) -> httpx.Response:
        request = self._client.build_request(method, repository.url(endpoint), headers=headers)
        home = request.url
        for _ in range(1 + MAX_REDIRECTS):
            response = await self._send(repository, request, with_token=_origin(request.url) == _origin(home))
            if response.status_code in (200, 206):
                return response
            await wire.discard(response)
            if not response.next_request:
                return response
            request = response.next_request
            if request.url.scheme not in ("http", "https"):
                raise UpstreamError(f"{repository.host} redirects to what is no http(s) address")
            if _origin(request.url) != _origin(home):
                if not abroad:
                    await addresses.hand_on(request.url, home.host)
                    return response
                if request.url.scheme != "https" and home.scheme == "https":
                    raise UpstreamError(f"{repository.host} redirects to an address without TLS")
                await addresses.follow(request.url, home.host)
        raise UpstreamError(f"{repository.host} redirects in circles")

    async def _send(self, repository: Repository, request: httpx.Request, with_token: bool) -> httpx.Response:
        token = await self._token(repository) if with_token else None
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        response = await self._client.send(request, stream=True)
        if response.status_code == 401 and with_token and not repository.token:
            await wire.discard(response)
            challenge = ", ".join(response.headers.get_list("www-authenticate"))
            token = await self._tokens.renewed(repository, challenge, refused=token)
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
                response = await self._client.send(request, stream=True)
        return response

    async def _token(self, repository: Repository) -> str | None:
        return repository.token or await self._tokens.current(repository)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
