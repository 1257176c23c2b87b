"""Where an upstream may send us: never from outside into a network that it is not part of."""

import re
import socket
from collections.abc import Collection
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from generator.document import printable
from generator.errors import TransientError, UntrustedError
from generator.reference import is_local

# Addresses of IPv4 written as ones of IPv6: NAT64 (RFC 6052), and what is left of a form now given up (RFC 4291).
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
_ends_in_number = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?\Z", re.IGNORECASE).match


class Network(Enum):
    PUBLIC = "a public address"
    PRIVATE = "an address of a private network"
    LOOPBACK = "this machine"
    SPECIAL = "a link-local, multicast or reserved address"
    """Link-local is where clouds keep credentials."""


def network(address: str) -> Network:
    """The network of an IP address. Raises `ValueError`."""
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


def judge(url: str, home: str, *, by_proxy: bool) -> frozenset[Network]:
    """Whether `home`, an upstream's URL, may send us to `url`: to a public address, or to the network that it is in.

    Returns the networks that may be connected to for it. Every address of a name counts. A name is not looked up
    where it is `home`'s own or a proxy resolves it; an address that is written out is judged all the same. Raises
    `UntrustedError`, and `TransientError` where a name has no address.
    """
    if urlsplit(home).scheme == "https" and urlsplit(url).scheme != "https":
        raise UntrustedError(f"is sent on from https to {printable(urlsplit(url).scheme, 20)}")
    host, own = _host(url), _host(home)
    stated = _stated(host)
    found = stated if stated or host == own or by_proxy else _looked_up(host)
    refused = found - {Network.PUBLIC}
    if refused and (Network.SPECIAL in refused or not refused <= (_stated(own) or _networks_of_home(own, by_proxy))):
        what = " and ".join(sorted(each.value for each in refused))
        raise UntrustedError(f"is sent on from {printable(own)} to {printable(host)}, which is {what}")
    is_known = bool(found) and not by_proxy and host != own
    return found | {Network.PUBLIC} if is_known else frozenset(Network)


def judge_address(address: str, allowed: Collection[Network]) -> None:
    """Of a connection that has been made. Raises `UntrustedError`."""
    if (found := network(address)) not in allowed:
        raise UntrustedError(
            f"is sent on to {address}, which is {found.value}, and was not when its name was looked up"
        )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().removesuffix(".")


def _stated(host: str) -> frozenset[Network]:
    """The network of a literal address, also in the forms that inet_aton(3) reads: 2852039166, 0xa9fea9fe, 127.1."""
    if is_local(host):
        return frozenset({Network.LOOPBACK})
    try:
        return frozenset({network(socket.inet_ntoa(socket.inet_aton(host)) if _ends_in_number(host) else host)})
    except ValueError:
        return frozenset()
    except OSError:
        return frozenset({Network.SPECIAL})


def _networks_of_home(host: str, by_proxy: bool) -> frozenset[Network]:
    try:
        return _looked_up(host)
    except TransientError:
        if by_proxy:
            return frozenset({Network.PUBLIC})
        raise


def _looked_up(host: str) -> frozenset[Network]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TransientError(f"{printable(host)} has no address") from None
    return frozenset(network(str(address[4][0])) for address in found)
