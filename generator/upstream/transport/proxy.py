"""The environment's proxies and certificate authorities, as both halves read them: see server/README.md,
"Behind a proxy".
"""

import os
import ssl
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import certifi
from urllib3.util.ssl_ import create_urllib3_context

from generator.document import printable
from generator.errors import ConfigurationError
from generator.reference import is_local

_PORTS = {"http": 80, "https": 443}


def proxy_for(url: str) -> str | None:
    """HTTPS_PROXY, HTTP_PROXY or ALL_PROXY in either case, but for what NO_PROXY has and for this machine itself.

    Raises `ValueError` where `url` is none.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    proxies = getproxies_environment()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    excepted = (entry.strip().lower() for entry in proxies.get("no", "").split(","))
    is_own = is_local(f"[{host}]" if ":" in host else host)
    if not proxy or is_own or any(_matches(entry, host, port) for entry in excepted if entry):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


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
    """Authorities of REQUESTS_CA_BUNDLE and SSL_CERT_FILE, or else certifi's. Raises `ConfigurationError`."""
    named = {name: os.environ[name] for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if os.environ.get(name)}
    context = create_urllib3_context()
    for name, bundle in (named or {"certifi": certifi.where()}).items():
        is_folder = Path(bundle).is_dir()
        try:
            context.load_verify_locations(None if is_folder else bundle, bundle if is_folder else None)
        except OSError as error:
            what = printable(bundle)
            raise ConfigurationError(
                f"{name}: {what} has no certificate authorities: {error.strerror or error}"
            ) from None
    return context
