"""Where upstream may send us or a client: never from outside into a network that it is not part of."""

import asyncio
import re
import socket
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from yarl import URL

from ..errors import UpstreamError
from ..index.repository import is_loopback
from .proxy import proxy_for

# Addresses of IPv4 written as ones of IPv6: NAT64 (RFC 6052), and what is left of a form now given up (RFC 4291).
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
_ends_in_number = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?\Z", re.IGNORECASE).match


class Network(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    SPECIAL = "special"
    """Link-local (where clouds keep credentials), multicast, unspecified, reserved."""


def network(address: str) -> Network:
    """The network of an IP address. Raises ValueError."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and not parsed.is_loopback and not parsed.is_unspecified:
        embedded = IPv4Address(parsed.packed[12:]) if any(parsed in block for block in _EMBEDDING) else None
        parsed = parsed.ipv4_mapped or parsed.sixtofour or embedded or parsed
    if parsed.is_loopback:
        return Network.LOOPBACK
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified:
        return Network.SPECIAL
    if parsed.is_global:
        return Network.PUBLIC
    return Network.SPECIAL if parsed.is_reserved else Network.PRIVATE


async def follow(url: URL, home: URL) -> set[Network] | None:
    """
    The networks in which `url`, told by upstream at `home`, may be: public ones, and what both are part of.

    None for any: of `home` itself, and where a proxy looks up the name. Raises UpstreamError where it is in another.
    """
    stated = _stated(_host(url))
    if not stated and (url.host == home.host or proxy_for(url)):
        return None
    networks = stated or await _networks(_host(url))
    await _judge(networks, url, home)
    return networks | {Network.PUBLIC}


async def hand_on(url: URL, home: URL) -> None:
    """Whether a client may be sent there: the same, but names are left to the client. Raises UpstreamError."""
    await _judge(_stated(_host(url)), url, home)


async def _judge(networks: set[Network], url: URL, home: URL) -> None:
    refused = networks - {Network.PUBLIC}
    if refused and (Network.SPECIAL in refused or not refused <= await _networks(_host(home))):
        raise UpstreamError(f"{home.host} leads to {_host(url)[:255]}, which is not a public address")


def _host(url: URL) -> str:
    return (url.host or "").lower().removesuffix(".")


def _stated(host: str) -> set[Network]:
    """The network of a literal address, also in the forms that inet_aton(3) reads: 2852039166, 0xa9fea9fe, 127.1."""
    if is_loopback(host):
        return {Network.LOOPBACK}
    try:
        return {network(socket.inet_ntoa(socket.inet_aton(host)) if _ends_in_number(host) else host)}
    except ValueError:
        return set()
    except OSError:
        return {Network.SPECIAL}


async def _networks(host: str) -> set[Network]:
    if stated := _stated(host):
        return stated
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UpstreamError(f"{host[:255]} cannot be reached") from None
    return {network(str(address[4][0])) for address in found}
