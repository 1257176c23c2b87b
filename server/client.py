"""The HTTP client for upstream: pooled, without cookies, timed."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import monotonic
from typing import Any

import httpx

from . import metrics
from .access import exchange

_STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Client(httpx.AsyncClient):
    """`timeout` is in seconds. `answered` is when, on the monotonic clock, an answer came that was no 5xx."""

    def __init__(self, timeout: float) -> None:
        super().__init__(
            timeout=timeout,
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "reverse-registry", "Accept-Encoding": "identity"},
        )
        self.answered: float | None = None

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        try:
            return await self._send(request, options)
        except _STALE:
            if request.method not in ("GET", "HEAD"):
                raise
            # As it may be where upstream closes a connection just as it is used again (RFC 9112, 9.3.1).
            return await self._send(request, options)

    async def _send(self, request: httpx.Request, options: dict[str, Any]) -> httpx.Response:
        started, status = monotonic(), "error"
        try:
            response = await super().send(request, **options)
            status = str(response.status_code)
            if response.status_code < 500:
                self.answered = monotonic()
            return response
        finally:
            spent = monotonic() - started
            metrics.UPSTREAM.labels(status).inc()
            metrics.UPSTREAM_SECONDS.observe(spent)
            if asked_for := exchange.get(None):
                asked_for.upstream += spent
