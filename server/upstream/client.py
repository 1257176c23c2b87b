"""The HTTP client for upstream: pooled, without cookies, timed."""

import socket
from collections.abc import Mapping
from contextvars import ContextVar
from time import monotonic

from aiohttp import AddrInfoType, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from ..telemetry import access_log, metrics
from .addresses import Network, follow, network
from .proxy import proxy_for, trusted

HEADER_LIMIT = 32 * 1024
"""Bytes of a header: signed addresses are long."""

_permitted: ContextVar[set[Network] | None] = ContextVar("permitted")


class Client:
    """`timeout` is in seconds. `answered` is when, on the monotonic clock, an answer came that was no 5xx."""

    def __init__(self, timeout: float) -> None:
        """In a running event loop."""
        self.answered: float | None = None
        self._session = ClientSession(
            connector=TCPConnector(limit=0, ssl=trusted(), socket_factory=_socket),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout),
            headers={"User-Agent": "reverse-registry", "Accept-Encoding": "identity"},
            auto_decompress=False,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
        )
        self.close = self._session.close

    async def send(
        self,
        method: str,
        url: URL,
        home: URL,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> ClientResponse:
        """
        An answer to be released or read to its end, from `url`, told by upstream at `home`. Follows no redirect.

        aiohttp asks once more where upstream closes a connection just as it is used again (RFC 9112, 9.3.1). Raises
        aiohttp.ClientError, and UpstreamError where upstream may not send us there.
        """
        _permitted.set(None if url is home else await follow(url, home))
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
            if entry := access_log.current.get(None):
                entry.upstream_ms += 1000 * spent


def _socket(address: AddrInfoType) -> socket.socket:
    """A name may lead elsewhere by now than when it was judged."""
    family, kind, protocol, _, (host, *_) = address
    permitted = _permitted.get(None)
    if permitted and network(str(host)) not in permitted:
        raise PermissionError(f"{host} is not a public address")
    return socket.socket(family, kind, protocol)
