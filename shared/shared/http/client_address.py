"""Where a request comes from: the client's address, as far as our own proxies vouch for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Host names of this machine."""


def trusted_networks(text: str) -> tuple[Network, ...]:
    """TRUSTED_PROXIES, a list of addresses or CIDR ranges parted by commas."""
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"TRUSTED_PROXIES: {error}; give ranges like 10.0.0.0/8,fd00::/8") from None


def client_address(request: Request, trusted_proxies: Sequence[Network]) -> str:
    """The client's address: the rightmost hop that is not one of our proxies, whatever else is claimed."""
    peer = _address(request.client.host) if request.client else None
    if peer is None:
        return request.client.host if request.client else ""
    claimed = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed(claimed):
        address = _address(hop)
        if not _trusted(peer, trusted_proxies) or address is None:
            break
        peer = address
    return str(peer)


def rate_limit_key(address: str) -> str:
    """What limits count: the address; of IPv6 the /64 network, since one line has 2**64 addresses of its own."""
    parsed = _address(address)
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _trusted(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """An address as proxies write it: with a port or without, IPv6 in brackets or bare, IPv4 mapped."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
