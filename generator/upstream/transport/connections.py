"""Pooled connections to every host, and the redirects that are followed."""

import threading
from collections.abc import Mapping
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.utils import default_headers

from generator.document import printable
from generator.errors import UntrustedError
from generator.upstream.memory import Memory
from generator.upstream.transport.addresses import Network, judge
from generator.upstream.transport.deadline import Adapter, leading_to
from generator.upstream.transport.pauses import Pauses
from generator.upstream.transport.proxy import proxy_for, trusted
from generator.upstream.transport.response import drain, is_transient, retry_after

_REDIRECTS = 5
_HOSTS = 8
"""How many hosts keep their connections at the least: registries, token endpoints, CDNs."""


class Connections:
    """One pool of connections for every repository and thread. Keeps no cookies.

    It is requests without its `Session`, which would take as long again for each request as all below it does.
    A host that asks for a pause gets it from every thread, of at most `patience` seconds.
    Once `stopping` is set, nothing is tried again. `memory` is for the documents of all of them.
    Raises `ConfigurationError` where the environment names certificate authorities that cannot be read.
    """

    def __init__(self, size: int, patience: float = 60.0) -> None:
        self.stopping = threading.Event()
        self.memory = Memory()
        self._adapter = Adapter(trusted(), pool_connections=max(size, _HOSTS), pool_maxsize=size)
        self._headers = {**default_headers(), "User-Agent": "reverse-registry", "Accept-Encoding": "identity"}
        self._pauses = Pauses(patience, self.stopping)
        self._proxies: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._adapter.close()

    def request(
        self, method: str, url: str, headers: Mapping[str, str], timeout: tuple[float, float]
    ) -> requests.Response:
        """The answer, its body still to be read; redirects are followed, within the rules of `judge`.

        An `Authorization` goes to no other host than `url`'s (RFC 9110, 15.4). Raises `requests.RequestException`,
        `UntrustedError`, or `TransientError` where the host wants more patience than there is.
        """
        home, headers = url, {**self._headers, **headers}
        for _ in range(_REDIRECTS + 1):
            response = self._send(method, url, headers, timeout, home)
            following = _following(url, response)
            if following is None:
                return response
            with response:
                drain(response)
            if urlsplit(following)[:2] != urlsplit(url)[:2]:
                headers.pop("Authorization", None)
            url = following
        raise requests.TooManyRedirects

    def ask(
        self,
        url: str,
        home: str,
        headers: Mapping[str, str],
        timeout: tuple[float, float],
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The answer of an endpoint that `home` names, to a GET, or where there is a form to a POST. No redirect
        is followed: whoever answers could have another's answer taken for its own. Raises like `request`.
        """
        method = "GET" if form is None else "POST"
        response = self._send(method, url, {**self._headers, **headers}, timeout, home, params, form)
        if response.is_redirect:
            with response:
                drain(response)
            raise UntrustedError(
                f"redirected, which no token endpoint may do, to {printable(response.headers['Location'])}"
            )
        return response

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeout: tuple[float, float],
        home: str,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> requests.Response:
        try:
            scheme = urlsplit(url).scheme
            if scheme not in {"http", "https"}:
                raise requests.exceptions.InvalidSchema(scheme)
            prepared = requests.PreparedRequest()
            prepared.prepare_method(method)
            prepared.prepare_url(url, params)
            prepared.prepare_headers(headers)
            prepared.prepare_body(form, None)
            # Only now the host is in the form that it is connected to by.
            url = prepared.url or ""
            host = urlsplit(url).netloc
            proxies = self._proxies_for(scheme, host, url)
            allowed = frozenset(Network) if url == home else judge(url, home, by_proxy=bool(proxies))
            self._pauses.wait(host)
            with leading_to(allowed):
                response = self._adapter.send(prepared, stream=True, timeout=timeout, proxies=proxies)
        except requests.RequestException:
            raise
        except (ValueError, urllib3.exceptions.HTTPError) as error:
            raise requests.exceptions.InvalidURL(str(error)) from None
        if seconds := retry_after(response):
            self._pauses.ask(host, seconds)
        elif not is_transient(response):
            self._pauses.answered(host)
        return response

    def _proxies_for(self, scheme: str, host: str, url: str) -> dict[str, str]:
        """As requests wants them. Looked up once for a host: the environment is long."""
        key = f"{scheme}://{host}"
        if key not in self._proxies:
            proxy = proxy_for(url)
            self._proxies[key] = {scheme: proxy} if proxy else {}
        return self._proxies[key]


def _following(url: str, response: requests.Response) -> str | None:
    """Where an answer sends on to. Raises `requests.exceptions.InvalidURL` where that is no address."""
    if not response.is_redirect:
        return None
    try:
        return urljoin(url, response.headers["Location"].encode("latin1").decode())
    except ValueError as error:
        response.close()
        raise requests.exceptions.InvalidURL(str(error)) from None
