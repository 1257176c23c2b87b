"""The way out to every host: pooled connections, redirects, and the pauses that hosts ask for."""

import os
import threading
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import default_headers

from generator.upstream.pauses import Pauses
from generator.upstream.response import drain, is_transient, retry_after

_REDIRECTS = 5
_HOSTS = 8
"""How many hosts keep their connections at the least: registries, token endpoints, CDNs."""


class Connections:
    """One pool of connections for every repository and thread. Sends nobody's stored credentials or cookies.

    It is requests without its `Session`, which would take as long again for each request as all below it does.
    A host that asks for a pause gets it from every thread, of at most `patience` seconds.
    Once `stopping` is set, nothing is tried again.
    """

    def __init__(self, size: int, patience: float = 60.0) -> None:
        self.stopping = threading.Event()
        self._adapter = HTTPAdapter(pool_connections=max(size, _HOSTS), pool_maxsize=size)
        self._headers = {**default_headers(), "User-Agent": "reverse-registry", "Accept-Encoding": "identity"}
        self._pauses = Pauses(patience, self.stopping)
        self._surroundings: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._adapter.close()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeout: tuple[float, float],
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        *,
        is_sent_on: bool = True,
    ) -> requests.Response:
        """The answer, its body still to be read. A token goes to no other host than `url`'s (RFC 9110, 15.4).

        Where it is not to be sent on, as with what is posted as a `form`, a redirect is the answer.
        Raises `requests.RequestException`, or `TransientError` where the host wants more patience than there is.
        """
        headers = {**self._headers, **headers}
        for _ in range(_REDIRECTS + 1):
            try:
                response = self._send(method, url, headers, timeout, params, form)
                following = _following(url, response)
            except requests.RequestException:
                raise
            except (ValueError, urllib3.exceptions.HTTPError) as error:
                raise requests.exceptions.InvalidURL(str(error)) from None
            if following is None or form is not None or not is_sent_on:
                return response
            with response:
                drain(response)
            if urlsplit(following)[:2] != urlsplit(url)[:2]:
                headers.pop("Authorization", None)
            url, params = following, None
        raise requests.TooManyRedirects

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeout: tuple[float, float],
        params: Mapping[str, str] | None,
        form: Mapping[str, str] | None,
    ) -> requests.Response:
        scheme, host = urlsplit(url)[:2]
        if scheme not in {"http", "https"}:
            raise requests.exceptions.InvalidSchema(scheme)
        prepared = requests.PreparedRequest()
        prepared.prepare_method(method)
        prepared.prepare_url(url, params)
        prepared.prepare_headers(headers)
        if form is not None:
            prepared.prepare_body(dict(form), None)
        self._pauses.wait(host)
        response = self._adapter.send(prepared, stream=True, timeout=timeout, **self._surrounding(host, url))
        if seconds := retry_after(response):
            self._pauses.ask(host, seconds)
        elif not is_transient(response):
            self._pauses.answered(host)
        return response

    def _surrounding(self, host: str, url: str) -> Any:
        """
        The environment's proxies and certificates, looked up once for a host: each look takes 0.4 ms.

        REQUESTS_CA_BUNDLE goes before SSL_CERT_FILE, as in the server; `requests` knows only of the former.
        """
        if host not in self._surroundings:
            found = requests.Session().merge_environment_settings(url, {}, None, None, None)
            if found["verify"] is True:
                found["verify"] = os.environ.get("SSL_CERT_FILE") or True
            self._surroundings[host] = {key: found[key] for key in ("proxies", "verify", "cert")}
        return self._surroundings[host]


def _following(url: str, response: requests.Response) -> str | None:
    """Where an answer sends on to; raises `ValueError` where that is no address."""
    if not response.is_redirect:
        return None
    try:
        return urljoin(url, response.headers["Location"].encode("latin1").decode())
    except ValueError:
        response.close()
        raise
