"""The addresses that the gateway may connect to: the guard against server-side request forgery (SSRF).

A caller may name a host (``x-portkey-custom-host``, ``custom_host`` in a config, an option that holds a base URL). The
host name is checked when the request is parsed. Each address that the name resolves to is checked at connect time, on
the very socket that is used, so that a second DNS look-up can't change the address.

The tables are the gateway's own: ``ipaddress.is_global`` differs between patch releases of Python. Everything outside
IPv6's global unicast space (2000::/3) is refused, so a range that is assigned later needs no row. An IPv6 address that
carries an IPv4 address (IPv4-mapped, NAT64, 6to4, Teredo, ISATAP) is judged with the address that it carries.

Source: docs/portkey.md#custom-hosts, #trusted-hosts; https://www.iana.org/assignments/iana-ipv4-special-registry,
https://www.iana.org/assignments/iana-ipv6-special-registry, RFC 6890.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from penstock.core.http import Origin

Address = IPv4Address | IPv6Address

LOOPBACK_NAMES: Final = ("localhost", "*.localhost", "127.0.0.1", "::1", "host.docker.internal")
"""The default trusted hosts of a gateway that listens on loopback, as in Portkey."""

_METADATA_NAMES: Final = frozenset(
    """
    metadata metadata.google.internal metadata.goog metadata.azure.com metadata.azure.internal instance-data
    instance-data.ec2.internal metadata.tencentyun.com metadata.platformequinix.com api.metadata.cloud.ibm.com
    """.split()
)
_INTERNAL_SUFFIXES: Final = tuple(
    """
    .local .localdomain .localdomain4 .localdomain6 .internal .intranet .lan .home .corp .private .test .invalid .onion
    .localhost .arpa .svc
    """.split()
)
_OF_THIS_MACHINE: Final = frozenset("localhost localhost4 localhost6 ip6-localhost ip6-loopback".split())
"""Names of loopback in the usual hosts files."""


def _v4(text: str) -> tuple[IPv4Network, ...]:
    """The networks of a table, of which the first word of each line counts."""
    return tuple(IPv4Network(line.split()[0]) for line in text.strip().splitlines())


def _v6(text: str) -> tuple[IPv6Network, ...]:
    return tuple(IPv6Network(line.split()[0]) for line in text.strip().splitlines())


_SPECIAL_V4: Final = _v4("""
    0.0.0.0/8        this network (RFC 791)
    10.0.0.0/8       private use (RFC 1918)
    100.64.0.0/10    shared address space (RFC 6598)
    127.0.0.0/8      loopback (RFC 1122)
    169.254.0.0/16   link-local (RFC 3927)
    172.16.0.0/12    private use (RFC 1918)
    192.0.0.0/24     protocol assignments, with 192.0.0.8, .9, .10, .170 and .171 (RFC 6890)
    192.0.2.0/24     documentation (RFC 5737)
    192.31.196.0/24  AS112 (RFC 7535)
    192.52.193.0/24  automatic multicast tunnelling (RFC 7450)
    192.88.99.0/24   relays of 6to4, deprecated (RFC 7526)
    192.168.0.0/16   private use (RFC 1918)
    192.175.48.0/24  AS112 (RFC 7534)
    198.18.0.0/15    benchmarks (RFC 2544)
    198.51.100.0/24  documentation (RFC 5737)
    203.0.113.0/24   documentation (RFC 5737)
    224.0.0.0/4      multicast (RFC 1112)
    240.0.0.0/4      reserved, with the limited broadcast address (RFC 1112, RFC 8190)
""")
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_SPECIAL_V6: Final = _v6("""
    2001::/23          protocol assignments: Teredo, benchmarks, ORCHID, anycast services (RFC 2928)
    2001:db8::/32      documentation (RFC 3849)
    2002::/16          6to4 (RFC 3056)
    2620:4f:8000::/48  AS112 (RFC 7534)
    3ffe::/16          6bone, returned (RFC 3701)
    3fff::/20          documentation (RFC 9637)
""")
"""The special ranges inside 2000::/3."""

_LOOPBACK: Final[tuple[IPv4Network | IPv6Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_METADATA: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    *_v4("""
    169.254.0.0/16     link-local: the metadata services of most clouds
    100.100.100.200/32 Alibaba Cloud: https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
    168.63.129.16/32   Azure: https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
    192.0.0.192/32     Oracle Cloud's first metadata address
    """),
    *_v6("""
    fe80::/10                link-local
    fd00:ec2::/32            AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
    fd20:ce::254/128         Google: https://cloud.google.com/compute/docs/metadata/querying-metadata
    fd00:c1::a9fe:a9fe/128   Oracle: https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm
    fd00:a9fe:a9fe::1/128    Akamai: https://techdocs.akamai.com/cloud-computing/docs/overview-of-the-metadata-service
    fd00:42::42/128          Scaleway: https://www.scaleway.com/en/docs/instances/how-to/use-instance-metadata
    """),
)
_NO_HOST: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    *_v4("""
    0.0.0.0/8           this network
    224.0.0.0/4         multicast
    255.255.255.255/32  limited broadcast
    """),
    *_v6("""
    ::/128    the unspecified address
    ff00::/8  multicast
    """),
)

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LAST_32_BITS: Final = (
    _MAPPED,
    _NAT64,
    IPv6Network("::/96"),  # IPv4-compatible (RFC 4291, 2.5.5.1)
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated (RFC 2765, 2.1)
)
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
_6TO4: Final = IPv6Network("2002::/16")
_TEREDO: Final = IPv6Network("2001::/32")
_ISATAP: Final = 0x5EFE


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
        literal = literal_address(host)
        if literal is not None:
            return self._refuse(host, literal)
        if self._trusts_name(host):
            return None
        if host.endswith(_INTERNAL_SUFFIXES) or host in _OF_THIS_MACHINE:
            return "the name belongs to a private network"
        return None

    def refuse_address(self, origin: Origin, address: str) -> str | None:
        """The reason why the gateway may not connect to this resolved address for this origin; None if it may."""
        parsed = ip_address(address.partition("%")[0])
        if origin.trusted:
            return _never(parsed)
        return AddressPolicy((*self.trusted_hosts, *origin.private_hosts))._refuse(origin.host, parsed)

    def _refuse(self, host: str, address: Address) -> str | None:
        never = _never(address)
        if never or is_public(address) or self._trusts_name(host) or self._trusts_address(address):
            return never
        return "it is a loopback address" if _in(_meant(address), _LOOPBACK) else "it is a private or reserved address"

    def _trusts_name(self, host: str) -> bool:
        return any(
            host == entry or (entry.startswith("*.") and host.endswith(entry[1:])) for entry in self.trusted_hosts
        )

    def _trusts_address(self, address: Address) -> bool:
        # Only networks: a host name that resolves to a trusted address must not become trusted (DNS rebinding).
        networks = [ip_network(entry, strict=False) for entry in self.trusted_hosts if "/" in entry]
        return _in(address, networks) or _in(_meant(address), networks)


def literal_address(host: str) -> Address | None:
    """The address that a host is; None for a name. An IPv6 address has no brackets."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def loopback_addresses(host: str) -> tuple[str, ...]:
    """The addresses of ``localhost`` and the names below it, which stand for loopback without a look-up (RFC 6761,
    6.3); none for any other host."""
    return ("127.0.0.1", "::1") if host == "localhost" or host.endswith(".localhost") else ()


def is_loopback(host: str) -> bool:
    """Whether a host name or an address stands for this machine itself, whatever a resolver says."""
    literal = literal_address(host)
    return bool(loopback_addresses(host)) if literal is None else _in(_meant(literal), _LOOPBACK)


def is_public(address: Address) -> bool:
    """Whether the address is globally reachable unicast: in no special range, and carrying no address that is."""
    if isinstance(address, IPv4Address):
        return not _in(address, _SPECIAL_V4)
    if address in _MAPPED or address in _NAT64:
        return is_public(_meant(address))
    return (
        address in _GLOBAL_V6 and not _in(address, _SPECIAL_V6) and all(is_public(inner) for inner in embedded(address))
    )


def embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Each IPv4 address that an IPv6 address may carry; packets to the IPv6 address may be sent to it.

    A local NAT64 prefix may be 48, 56, 64 or 96 bits long (RFC 6052, 2.2). Which of them a network uses can't be told
    from the address, so all readings are given.
    """
    if isinstance(address, IPv4Address):
        return ()
    bits = int(address)
    last = IPv4Address(bits & 0xFFFFFFFF)
    if _in(address, _LAST_32_BITS):
        return (last,)
    if address in _LOCAL_NAT64:
        # Bits 64 to 71 are zero and not part of the IPv4 address. A reading in 0.0.0.0/8 is not the right one.
        without_u = (bits >> 64 << 56) | (bits & ((1 << 56) - 1))
        readings = {last, *(IPv4Address((without_u >> (88 - length)) & 0xFFFFFFFF) for length in (48, 56, 64))}
        return tuple(sorted(reading for reading in readings if int(reading) >> 24))
    if address in _6TO4:
        return (IPv4Address(bits >> 80 & 0xFFFFFFFF),)
    if address in _TEREDO:
        return IPv4Address(bits >> 64 & 0xFFFFFFFF), IPv4Address(~bits & 0xFFFFFFFF)
    # The interface identifier of ISATAP, 0:5efe or 200:5efe (RFC 5214, 6.1), may follow any prefix.
    if bits >> 32 & 0xFFFF == _ISATAP and bits >> 48 & 0xFDFF == 0:
        return (last,)
    return ()


def _meant(address: Address) -> Address:
    """The IPv4 address of an IPv4-mapped or NAT64 address, to which every network sends its packets; else the address
    itself."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _never(address: Address) -> str | None:
    every = (address, *embedded(address))
    if any(_in(each, _METADATA) for each in every):
        return "it is a link-local or cloud metadata address"
    if _in(address, _NO_HOST) or _in(_meant(address), _NO_HOST):
        return "it is no address of a single host"
    return None


def _in(address: Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)
