"""The addresses that the gateway may connect to: the guard against server-side request forgery (SSRF).

A caller may name a host (``x-portkey-custom-host``, ``custom_host`` in a config). The host name is checked when the
request is parsed. Each address that the name resolves to is checked at connect time, on the very socket that is used,
so that a second DNS look-up can't change the address. Source: docs/portkey.md#custom-hosts, #trusted-hosts;
IANA special-purpose address registries (RFC 6890).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from penstock.core.http import Origin

Address = IPv4Address | IPv6Address

LOOPBACK_NAMES: Final = ("localhost", "*.localhost", "127.0.0.1", "::1", "host.docker.internal")
"""The default trusted hosts of a gateway that listens on loopback, as in Portkey."""

_METADATA_NAMES: Final = frozenset({"metadata", "metadata.google.internal", "metadata.azure.com", "instance-data"})
_METADATA_V6: Final = IPv6Address("fd00:ec2::254")
_INTERNAL_SUFFIXES: Final = tuple(
    ".local .localdomain .internal .intranet .lan .home .corp .test .invalid .onion .localhost .arpa".split()
)
_THIS_NETWORK: Final = IPv4Network("0.0.0.0/8")
_NAT64: Final = IPv6Network("64:ff9b::/96")


class AddressPolicy(msgspec.Struct, frozen=True):
    """Decides which hosts and addresses are allowed.

    ``trusted_hosts`` are host names, ``*.suffix`` patterns, addresses or networks (CIDR) that callers may name although
    they are private. Link-local and metadata addresses are never allowed, even if they are trusted.
    """

    trusted_hosts: tuple[str, ...] = ()

    def refuse_host(self, host: str) -> str | None:
        """The reason why a caller may not name this host (lower case, no brackets); None if the host is allowed."""
        if host in _METADATA_NAMES or host.startswith("169.254."):
            return "it is a cloud metadata address"
        literal = _literal(host)
        if literal is not None:
            return self._refuse(host, literal)
        if self._trusts_name(host):
            return None
        if host.endswith(_INTERNAL_SUFFIXES) or host in {"localhost", "host.docker.internal"}:
            return "the name belongs to a private network"
        return None

    def refuse_address(self, origin: Origin, address: str) -> str | None:
        """The reason why the gateway may not connect to this resolved address for this origin; None if it may."""
        parsed = ip_address(address.partition("%")[0])
        if origin.trusted:
            return _never(_unwrapped(parsed))
        return AddressPolicy((*self.trusted_hosts, *origin.private_hosts))._refuse(origin.host, parsed)

    def _refuse(self, host: str, address: Address) -> str | None:
        address = _unwrapped(address)
        never = _never(address)
        if never or address.is_global or self._trusts_name(host) or self._trusts_address(address):
            return never
        return "it is a loopback address" if address.is_loopback else "it is a private or reserved address"

    def _trusts_name(self, host: str) -> bool:
        return any(
            host == entry or (entry.startswith("*.") and host.endswith(entry[1:])) for entry in self.trusted_hosts
        )

    def _trusts_address(self, address: Address) -> bool:
        # Only networks: a host name that resolves to a trusted address must not become trusted (DNS rebinding).
        return any(address in ip_network(entry, strict=False) for entry in self.trusted_hosts if "/" in entry)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 address (mapped, 6to4, Teredo, NAT64), to which packets would be sent."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _never(address: Address) -> str | None:
    if address.is_link_local or address == _METADATA_V6:
        return "it is a link-local or cloud metadata address"
    if address.is_unspecified or address.is_multicast or address in _THIS_NETWORK:
        return "it is no address of a single host"
    return None
