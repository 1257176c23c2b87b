"""Where upstream may send us or a client: never from outside into a network that it is not part of."""

import asyncio
import socket
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from .errors import UpstreamError
from .names import is_loopback

# Addresses of IPv4 written as ones of IPv6: NAT64 (RFC 6052), and what is left of a form now given up (RFC 4291).
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


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


async def follow(url: httpx.URL, home: str) -> None:
    """
    Whether we may go on to `url`, told by upstream at `home`: to a public address, or to the network that `home` is in.

    Raises UpstreamError.
    """
    await _permit(await _networks(url.host), url.host, home)


async def hand_on(url: httpx.URL, home: str) -> None:
    """Whether a client may be sent there: the same, but names are left to the client. Raises UpstreamError."""
    await _permit(_stated(url.host), url.host, home)


async def _permit(networks: set[Network], host: str, home: str) -> None:
    refused = networks - {Network.PUBLIC}
    if refused and (Network.SPECIAL in refused or not refused <= await _networks(home)):
        raise UpstreamError(f"{home} leads to {host[:255]}, which is not a public address")


def _stated(host: str) -> set[Network]:
    if is_loopback(host):
        return {Network.LOOPBACK}
    try:
        return {network(host)}
    except ValueError:
        return set()


async def _networks(host: str) -> set[Network]:
    if stated := _stated(host):
        return stated
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UpstreamError(f"{host[:255]} cannot be reached") from None
    return {network(str(address[4][0])) for address in found}
