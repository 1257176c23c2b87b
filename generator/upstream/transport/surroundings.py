"""The environment's proxies and certificate authorities: see server/README.md, "Behind a proxy"."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy

from generator.reference import is_local


@dataclass(frozen=True, slots=True)
class Surroundings:
    """For requests to one host. `verify` is a file or folder of certificates, or True for the usual ones."""

    proxies: dict[str, str]
    verify: str | bool
    by_proxy: bool

    @classmethod
    def of(cls, url: str) -> "Surroundings":
        """HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY in either case, never for this machine itself;
        REQUESTS_CA_BUNDLE, else SSL_CERT_FILE.
        """
        found = requests.Session().merge_environment_settings(url, {}, None, None, None)
        stated = found["verify"] if isinstance(found["verify"], str) else os.environ.get("SSL_CERT_FILE")
        proxies = {} if is_local(urlsplit(url).netloc) else dict(found["proxies"])
        return cls(proxies, stated or True, select_proxy(url, proxies) is not None)
