"""How many connections callers have: in all, and from one address."""

from __future__ import annotations

import time
from ipaddress import IPv6Address, ip_address
from typing import Final

_LOG_SECONDS: Final = 60.0
_ANSWERED_OVER_LIMIT: Final = 256
_IPV6_SITE: Final = 64
"""Bits of an IPv6 address that name one caller: a household has all the addresses that begin so."""


class ConnectionCount:
    """Counts connections: ``total`` is how many there are. A limit of 0 is none.

    Behind a proxy every connection has the proxy's address: the limit for one address must allow for that.
    """

    def __init__(self, limit: int, limit_per_address: int) -> None:
        self._limit = limit
        self._limit_per_address = limit_per_address
        self.total = 0
        self._by_site: dict[str, int] = {}
        self._told = -_LOG_SECONDS

    def admit(self, address: str | None) -> str | None:
        """Count a new connection. Returns why it is one too many, or None. It counts in either case."""
        self.total += 1
        count = 0
        if address is not None:
            site = _site(address)
            count = self._by_site[site] = self._by_site.get(site, 0) + 1
        if self._limit and self.total > self._limit:
            return f"The gateway has {self._limit} connections, as many as it may (setting max_connections)"
        if self._limit_per_address and count > self._limit_per_address:
            return (
                f"There are {self._limit_per_address} connections from this address, as many as there may be (setting "
                "max_connections_per_address)"
            )
        return None

    def is_flooded(self, address: str | None) -> bool:
        """Whether there are so many connections over a limit, in all or from this address, that no more of them are
        answered."""
        if self._limit and self.total > self._limit + _ANSWERED_OVER_LIMIT:
            return True
        count = 0 if address is None else self._by_site.get(_site(address), 0)
        return bool(self._limit_per_address) and count > self._limit_per_address + _ANSWERED_OVER_LIMIT

    def leave(self, address: str | None) -> None:
        """A connection that was counted is closed."""
        self.total -= 1
        if address is not None:
            site = _site(address)
            left = self._by_site[site] = self._by_site[site] - 1
            if not left:
                del self._by_site[site]

    def is_due_for_log(self) -> bool:
        """Whether the log may tell of a refused connection: once a minute, so that a flood can't fill the log."""
        now = time.monotonic()
        if now - self._told < _LOG_SECONDS:
            return False
        self._told = now
        return True


def _site(address: str) -> str:
    """The address of IPv4; of IPv6, the network of its first 64 bits."""
    if ":" not in address:
        return address
    ip = ip_address(address.partition("%")[0])
    if not isinstance(ip, IPv6Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return f"{int(ip) >> (128 - _IPV6_SITE):x}/{_IPV6_SITE}"
