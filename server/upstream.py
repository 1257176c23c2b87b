"""Calls to upstream registries, with our own anonymous token and never anybody else's."""

from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from . import wire
from .errors import RegistryError, UpstreamError
from .names import Repository
from .tokens import Tokens

MAX_REDIRECTS = 5


class Upstream:
    """`timeout` is in seconds for a whole call, `limit` in bytes for an answer that is held in memory."""

    def __init__(self, timeout: float, limit: int) -> None:
        self._client = httpx.AsyncClient(
            timeout=timeout,
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "reverse-registry", "Accept-Encoding": "identity"},
        )
        self._tokens = Tokens(self._client, timeout)
        self._timeout = timeout
        self._limit = limit

    async def aclose(self) -> None:
        await self._client.aclose()

    async def fetch(
        self, repository: Repository, endpoint: str, unknown: RegistryError, accept: str = "*/*"
    ) -> tuple[httpx.Response, bytes]:
        """An answer and its whole body, redirects followed. Raises RegistryError: `unknown` if upstream has none."""
        async with wire.call(repository.host, self._timeout):
            response = await self._follow(repository, "GET", endpoint, {"Accept": accept}, abroad=True)
            if response.status_code != 200:
                raise wire.refusal(response, unknown)
            try:
                return response, await wire.read(response, self._limit)
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
        home = _origin(request)
        for _ in range(1 + MAX_REDIRECTS):
            response = await self._send(repository, request, with_token=_origin(request) == home)
            if response.status_code in (200, 206):
                return response
            await wire.discard(response)
            if not response.next_request or not (abroad or _origin(response.next_request) == home):
                return response
            request = response.next_request
        raise UpstreamError(f"{repository.host} redirects in circles")

    async def _send(self, repository: Repository, request: httpx.Request, with_token: bool) -> httpx.Response:
        token = await self._tokens.current(repository) if with_token else None
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        response = await self._client.send(request, stream=True)
        if response.status_code == 401 and with_token:
            await wire.discard(response)
            challenge = ", ".join(response.headers.get_list("www-authenticate"))
            token = await self._tokens.renewed(repository, challenge, refused=token)
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
                response = await self._client.send(request, stream=True)
        return response


def _origin(request: httpx.Request) -> tuple[str, str, int | None]:
    return request.url.scheme, request.url.host, request.url.port
