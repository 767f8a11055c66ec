"""What a gateway key demands of each request beside its permissions: docs/control-plane.md#what-a-key-demands."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Final

import msgspec

from penstock.core.forwarded import Address

Network = IPv4Network | IPv6Network


class Restrictions(msgspec.Struct, frozen=True):
    """The demands of one gateway key. A key without any has none of these values, so that nothing is checked.

    ``expires_at`` is the key's end in microseconds since 1970. ``scopes`` are what the key may do, for example
    ``virtual_keys.list``; None: all that the data plane has. ``networks`` are where its requests may come from; None:
    from anywhere. ``metadata`` replace the request's own metadata of the same names; ``user`` is the ``_user`` of a
    request whose metadata name none; ``required_metadata`` are names that a request's metadata must have.
    """

    expires_at: int | None = None
    scopes: frozenset[str] | None = None
    networks: tuple[Network, ...] | None = None
    metadata: Mapping[str, str] = {}
    required_metadata: tuple[str, ...] = ()
    user: str | None = None

    def admits(self, address: Address | None) -> bool:
        """Whether a request may come from an address; None is an address that isn't known."""
        if self.networks is None:
            return True
        return address is not None and any(address in network for network in self.networks)


USER: Final = "_user"
"""The member of metadata that says whose request it is."""
NONE: Final = Restrictions()
"""The demands of a key that has none."""
