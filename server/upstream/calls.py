"""Calls to upstream registries: with our own anonymous token, or in passthrough with the client's."""

from collections.abc import Mapping
from time import monotonic

from aiohttp import ClientResponse, hdrs
from yarl import URL

from ..errors import RegistryError, UpstreamError
from ..index.repository import Repository
from . import addresses, responses
from .cache import Cache
from .client import Client
from .tokens import Tokens

MAX_REDIRECTS = 5
LATELY, PROBE_TIMEOUT = 30.0, 5.0


class Upstream:
    """`timeout` is in seconds for a whole call, `limit` in bytes for an answer that is held in memory."""

    def __init__(self, timeout: float, limit: int) -> None:
        """In a running event loop."""
        self._client = Client(timeout)
        self.tokens = Tokens(self._client, timeout)
        self.close = self._client.close
        self._timeout = timeout
        self._limit = limit
        self._probes: Cache[str, bool] = Cache(0)

    async def fetch(
        self, repository: Repository, endpoint: str, unknown: RegistryError, accept: str = "*/*", method: str = "GET"
    ) -> tuple[ClientResponse, bytes]:
        """An answer and its whole body, redirects followed. Raises RegistryError: `unknown` if upstream has none."""
        async with responses.call(repository.host, self._timeout):
            response = await self._follow(repository, method, endpoint, {"Accept": accept}, abroad=True)
            try:
                if response.status != 200:
                    raise responses.refusal(response, unknown)
                return response, await responses.read(response, self._limit) if method == "GET" else b""
            finally:
                response.release()

    async def open(
        self, repository: Repository, method: str, endpoint: str, headers: Mapping[str, str]
    ) -> ClientResponse:
        """An answer: open for the caller if it is a success (200, 206), else closed; also a redirect elsewhere."""
        async with responses.call(repository.host, self._timeout):
            return await self._follow(repository, method, endpoint, headers, abroad=False)

    async def is_reachable(self, home: Repository) -> bool:
        """Asked only if nothing was heard lately, and once for all who want to know."""
        heard = self._client.answered
        if heard is not None and monotonic() - heard < LATELY:
            return True
        return await self._probes.load(home.host, lambda: self._probe(home))

    async def _probe(self, home: Repository) -> bool:
        url = URL(home.url("")).with_path("/v2/")
        try:
            async with responses.call(home.host, PROBE_TIMEOUT), await self._client.send("GET", url, url) as response:
                return response.status < 500
        except UpstreamError:
            return False

    async def _follow(
        self, repository: Repository, method: str, endpoint: str, headers: Mapping[str, str], abroad: bool
    ) -> ClientResponse:
        home = url = URL(repository.url(endpoint), encoded=True)
        is_home = True
        for _ in range(1 + MAX_REDIRECTS):
            if is_home:
                response = await self._send(repository, method, url, headers)
            else:
                response = await self._client.send(method, url, home, headers)
            if response.status in (200, 206):
                return response
            await responses.discard(response)
            following = responses.location(response)
            if following is None:
                return response
            url = following
            is_home = url.origin() == home.origin()
            if not is_home:
                if not abroad:
                    await addresses.hand_on(url, home)
                    return response
                if url.scheme != "https" and home.scheme == "https":
                    raise UpstreamError(f"{repository.host} redirects to an address without TLS")
        raise UpstreamError(f"{repository.host} redirects in circles")

    async def _send(self, repository: Repository, method: str, url: URL, headers: Mapping[str, str]) -> ClientResponse:
        """To the registry itself, with a token where it wants one."""
        token = repository.token or await self.tokens.current(repository)
        response = await self._client.send(method, url, url, _with_token(headers, token))
        if response.status == 401 and not repository.token:
            await responses.discard(response)
            challenge = ", ".join(response.headers.getall(hdrs.WWW_AUTHENTICATE, []))
            if token := await self.tokens.renewed(repository, challenge, refused=token):
                response = await self._client.send(method, url, url, _with_token(headers, token))
        return response


def _with_token(headers: Mapping[str, str], token: str | None) -> Mapping[str, str]:
    return {**headers, "Authorization": f"Bearer {token}"} if token else headers
