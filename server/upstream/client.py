"""The HTTP client for upstream: pooled, without cookies, timed."""

from collections.abc import Mapping
from time import monotonic

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from ..telemetry import metrics
from ..telemetry.access_log import exchange
from .proxy import proxy_for, trusted

HEADER_LIMIT = 32 * 1024
"""Bytes of a header: signed addresses are long."""


class Client:
    """`timeout` is in seconds. `answered` is when, on the monotonic clock, an answer came that was no 5xx."""

    def __init__(self, timeout: float) -> None:
        """In a running event loop."""
        self.answered: float | None = None
        self._session = ClientSession(
            connector=TCPConnector(limit=0, ssl=trusted()),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout),
            headers={"User-Agent": "reverse-registry", "Accept-Encoding": "identity"},
            auto_decompress=False,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
        )

    async def close(self) -> None:
        await self._session.close()

    async def send(
        self, method: str, url: URL, headers: Mapping[str, str] | None = None, data: Mapping[str, str] | None = None
    ) -> ClientResponse:
        """
        An answer to be released or read to its end. Redirects are not followed. Raises aiohttp.ClientError.

        aiohttp asks once more where upstream closes a connection just as it is used again (RFC 9112, 9.3.1).
        """
        started, status = monotonic(), "error"
        try:
            response = await self._session.request(
                method, url, headers=headers, data=data, proxy=proxy_for(url), allow_redirects=False
            )
            status = str(response.status)
            if response.status < 500:
                self.answered = monotonic()
            return response
        finally:
            spent = monotonic() - started
            metrics.UPSTREAM.labels(status).inc()
            metrics.UPSTREAM_SECONDS.observe(spent)
            if asked_for := exchange.get(None):
                asked_for.upstream += spent
