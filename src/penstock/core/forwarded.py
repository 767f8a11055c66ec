"""The caller's address behind proxies: ``X-Forwarded-For`` and ``Forwarded`` (RFC 7239), read from trusted peers only.

Each proxy adds the address that it was called from at the right end of the list; everything further left was sent by
the caller and may be invented. So the list is read from the right, and the first address that is no trusted proxy's is
the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from penstock.core.http import Headers

_FOR: Final = re.compile(r'(?:^|[;,])\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)', re.IGNORECASE)
_QUOTED_OR_COMMA: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|,')
_MOST_HOPS: Final = 32
"""Addresses that are read of a list, from the right."""
_LONGEST: Final = 8 << 10
"""Characters of ``Forwarded`` that are read, from the right."""

Address = IPv4Address | IPv6Address


class TrustedProxies:
    """The networks of the proxies before the gateway: addresses (``10.0.0.1``) and networks (``10.0.0.0/8``).

    Raises ValueError for anything else.
    """

    __slots__ = ("_networks",)

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(
            [ip_network(network, strict=False) for network in networks]
        )

    def __bool__(self) -> bool:
        return bool(self._networks)

    def source(self, peer: str | None, headers: Headers) -> str | None:
        """The caller's address: that of the connection unless a trusted proxy made the connection.

        If every address of the list is a trusted proxy's, the leftmost is the caller's. A proxy that does not tell an
        address (``unknown``, ``_hidden``) is itself the furthest that is known. ``X-Forwarded-For`` wins over
        ``Forwarded``.
        """
        nearest = parse_address(peer or "")
        if nearest is None or not self._trusts(nearest):
            return peer
        for hop in reversed(_hops(headers)[-_MOST_HOPS:]):
            address = parse_address(hop)
            if address is None:
                break
            nearest = address
            if not self._trusts(address):
                break
        return str(nearest)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


NOBODY: Final = TrustedProxies(())


def _hops(headers: Headers) -> list[str]:
    """The addresses of the list, the nearest last, each perhaps with a port."""
    forwarded_for = [value for name, value in headers if name == b"x-forwarded-for"]
    if forwarded_for:
        return [hop.strip() for hop in b",".join(forwarded_for).decode("latin-1").split(",")]
    forwarded = b",".join([value for name, value in headers if name == b"forwarded"]).decode("latin-1")
    return [_for(element) for element in _elements(forwarded[-_LONGEST:])] if forwarded else []


def _elements(forwarded: str) -> list[str]:
    """The elements of a ``Forwarded`` header, which are separated by commas outside quotes."""
    starts = [0]
    ends = []
    for match in _QUOTED_OR_COMMA.finditer(forwarded):
        if match[0] == ",":
            ends.append(match.start())
            starts.append(match.end())
    return [forwarded[start:end] for start, end in zip(starts, [*ends, len(forwarded)], strict=True)]


def _for(element: str) -> str:
    """The value of ``for`` in one element; empty without one."""
    match = _FOR.search(element)
    return match[1].strip('"') if match else ""


def parse_address(text: str) -> Address | None:
    """An address with or without a port: ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1``, ``[2001:db8::1]:80``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
