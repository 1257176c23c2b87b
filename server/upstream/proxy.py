"""
The environment's proxies and certificate authorities, as both halves read them: see server/README.md, "Behind a proxy".

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY in either case; REQUESTS_CA_BUNDLE and SSL_CERT_FILE, or else certifi's.
"""

import os
import ssl
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.request import getproxies_environment

import certifi
from yarl import URL

from ..errors import StartError
from ..index.repository import is_loopback


def proxy_for(url: URL) -> URL | None:
    """The proxy for `url`. Never one for the machine itself."""
    return _proxy_for(url.scheme, url.host or "", url.port or 0)


@lru_cache(1024)
def _proxy_for(scheme: str, host: str, port: int) -> URL | None:
    proxies = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    excepted = [entry.strip().lower() for entry in proxies.get("no", "").split(",")]
    if (
        not proxy
        or is_loopback(f"[{host}]" if ":" in host else host)
        or any(_matches(entry, host, port) for entry in excepted if entry)
    ):
        return None
    return URL(proxy if "://" in proxy else f"http://{proxy}")


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY (a domain, an address, a network, each but the last with a port) has the host."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        name, _, stated = entry.rpartition(":")
        if name and stated.isdigit():
            if int(stated) != port:
                return False
            entry = name
        entry = entry.strip("[]").removeprefix("*").removeprefix(".")
        return host == entry or host.endswith(f".{entry}")


def trusted() -> ssl.SSLContext:
    """Raises StartError where a bundle that is named cannot be read."""
    named = {name: os.environ[name] for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if os.environ.get(name)}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, bundle in (named or {"certifi": certifi.where()}).items():
        is_folder = Path(bundle).is_dir()
        try:
            context.load_verify_locations(None if is_folder else bundle, bundle if is_folder else None)
        except OSError as error:
            raise StartError(f"{name}: {bundle} has no certificate authorities: {error.strerror}") from None
    return context
