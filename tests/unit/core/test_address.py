"""The address policy, judged on names and addresses alone: nothing here connects to anything."""

import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.address import (
    LOOPBACK_NAMES,
    AddressPolicy,
    embedded,
    is_loopback,
    literal_address,
    loopback_addresses,
)
from penstock.core.http import Origin

STRICT = AddressPolicy()
LAPTOP = AddressPolicy(LOOPBACK_NAMES)
OPERATOR = AddressPolicy(("10.1.0.0/16", "vllm.internal", "*.gpu.lan", "192.168.7.7"))

EVERYTHING = AddressPolicy(("0.0.0.0/0", "::/0", "models.example.com"))

METADATA = [
    "169.254.169.254", "169.254.170.2", "169.254.1.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fe80::1",
    "fe80::a9fe:a9fe", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42",
    "fd00:a9fe:a9fe::1",
]  # fmt: skip
NEVER = [*METADATA, "0.0.0.0", "::", "224.0.0.1", "ff02::1", "0.1.2.3", "255.255.255.255"]
PRIVATE = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "::1",
    "fd12::1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "192.0.2.1", "192.0.0.8", "192.0.0.9", "192.88.99.1",
    "192.31.196.1", "192.52.193.1", "192.175.48.1", "240.0.0.1", "255.255.255.254",
    "fec0::1", "5f00::1", "3fff::1", "3ffe::1", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1", "2001:20::1", "2001:db8::1",
    "2620:4f:8000::1", "200::1", "4000::1", "e000::1",
    "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:0a00:0001::1",
    # Forms that no network sends to a public host, whatever IPv4 address they carry.
    "::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b:1::8.8.8.8", "2002:808:808::1", "2001:0:808:808::f7f7:f7f7",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "104.18.7.192", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "198.17.255.255",
    "223.255.255.255", "2606:4700::6812:7c0", "2001:200::1", "2a00:1450:4001::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
    "2a00:1::200:5efe:808:808",
]  # fmt: skip


def origin(host: str, *, trusted: bool = False) -> Origin:
    return Origin("https", host, 443, trusted)


@pytest.mark.parametrize("policy", [STRICT, LAPTOP, OPERATOR, EVERYTHING])
@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("trusted", [False, True])
def test_metadata_and_non_host_addresses_are_never_reached(policy: AddressPolicy, address: str, trusted: bool) -> None:
    assert policy.refuse_address(origin("models.example.com", trusted=trusted), address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_callers_host_never_leads_into_the_private_network(address: str) -> None:
    assert STRICT.refuse_address(origin("models.example.com"), address)
    assert LAPTOP.refuse_address(origin("rebound.example.com"), address)


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "fd12::1"])
def test_the_providers_own_address_may_be_private(address: str) -> None:
    assert STRICT.refuse_address(origin("resource.openai.azure.com", trusted=True), address) is None


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("trusted", [False, True])
def test_public_addresses_are_allowed(address: str, trusted: bool) -> None:
    assert STRICT.refuse_address(origin("api.example.com", trusted=trusted), address) is None


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1", "::1"])
def test_loopback_is_named_only_where_the_gateway_is_bound_to_it(host: str) -> None:
    address = "::1" if host == "::1" else "127.0.0.1"
    assert LAPTOP.refuse_host(host) is None
    assert LAPTOP.refuse_address(origin(host), address) is None
    assert STRICT.refuse_host(host)
    assert STRICT.refuse_address(origin(host), address)


@pytest.mark.parametrize(
    "host", ["metadata", "metadata.google.internal", "169.254.169.254", "169.254.169.254.nip.io", "instance-data"]
)
def test_metadata_names_are_refused_before_any_look_up(host: str) -> None:
    assert AddressPolicy(("*.internal", host)).refuse_host(host)


@pytest.mark.parametrize("host", ["db.internal", "nas.local", "x.lan", "10.0.0.8", "192.168.0.1", "127.0.0.2"])
def test_private_names_are_refused(host: str) -> None:
    assert LAPTOP.refuse_host(host)


def test_the_operator_may_trust_names_suffixes_networks_and_addresses() -> None:
    assert OPERATOR.refuse_host("vllm.internal") is None
    assert OPERATOR.refuse_host("a.gpu.lan") is None
    assert OPERATOR.refuse_address(origin("a.gpu.lan"), "192.168.3.4") is None
    assert OPERATOR.refuse_address(origin("models.example.com"), "10.1.2.3") is None
    assert OPERATOR.refuse_host("192.168.7.7") is None
    assert OPERATOR.refuse_host("other.internal")
    assert OPERATOR.refuse_address(origin("models.example.com"), "10.2.0.1")


def test_a_name_does_not_inherit_the_trust_of_a_literal_that_it_resolves_to() -> None:
    assert OPERATOR.refuse_address(origin("evil.example.com"), "192.168.7.7")


def test_an_interface_scope_does_not_hide_an_address() -> None:
    assert STRICT.refuse_address(origin("models.example.com"), "fe80::1%eth0")


@given(st.ip_addresses())
def test_every_address_gets_a_verdict_and_none_that_is_not_global_is_reached(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not address.is_global:
        assert STRICT.refuse_address(origin("models.example.com"), str(address))


def carried(inner: str) -> dict[str, str]:
    """Every spelling of an IPv6 address that carries this IPv4 address, by the form."""
    bits = int(ipaddress.IPv4Address(inner))
    high, low = bits >> 16, bits & 0xFFFF
    local = {length: local_nat64(bits, length) for length in (48, 56, 64, 96)}
    forms = {
        "IPv4-mapped": f"::ffff:{inner}",
        "IPv4-compatible": f"::{inner}",
        "IPv4-translated": f"::ffff:0:{inner}",
        "NAT64": f"64:ff9b::{inner}",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "Teredo server": f"2001:0:{high:x}:{low:x}::",
        "Teredo client": f"2001:0:808:808:0:ffff:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
        "ISATAP": f"2a00:1:2:3:0:5efe:{high:x}:{low:x}",
        "ISATAP, global": f"2a00:1:2:3:200:5efe:{high:x}:{low:x}",
    }
    return forms | {f"local NAT64/{length}": str(address) for length, address in local.items()}


def local_nat64(bits: int, length: int) -> ipaddress.IPv6Address:
    """RFC 6052, 2.2: the IPv4 address follows the prefix, around the zero bits 64 to 71."""
    prefix = int(ipaddress.IPv6Address("64:ff9b:1::"))
    if length == 96:
        return ipaddress.IPv6Address(prefix | bits)
    text = ("0" * (length - 48) + f"{bits:032b}").ljust(72, "0")
    first, rest = text[:16], text[16:]
    return ipaddress.IPv6Address(prefix | int(first + "0" * 8 + rest, 2))


INNER = ["10.0.0.1", "127.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "198.18.0.1"]
FORMS = list(carried("10.0.0.1"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("inner", INNER)
def test_a_private_address_is_refused_inside_every_form(form: str, inner: str) -> None:
    address = carried(inner)[form]
    assert ipaddress.IPv4Address(inner) in embedded(ipaddress.ip_address(address))
    assert STRICT.refuse_address(origin("models.example.com"), address)
    assert STRICT.refuse_host(address)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("inner", ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16"])
@pytest.mark.parametrize("trusted", [False, True])
def test_metadata_is_never_reached_inside_any_form(form: str, inner: str, trusted: bool) -> None:
    for policy in (STRICT, LAPTOP, EVERYTHING):
        assert policy.refuse_address(origin("models.example.com", trusted=trusted), carried(inner)[form])


def generated(number: int) -> list[str]:
    """Special addresses of both families, plain and carried, in spellings that a resolver or a caller may use."""
    draw = random.Random(12)
    networks = [
        ipaddress.ip_network(text)
        for text in """
        10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 198.18.0.0/15 240.0.0.0/4
        fc00::/7 fe80::/10 fec0::/10 2001::/23 2001:db8::/32 3fff::/20 5f00::/16 100::/64 64:ff9b:1::/48 ::/96
        ::ffff:0:0:0/96 2002::/16
        """.split()
    ]
    spellings = []
    for _ in range(number):
        network = draw.choice(networks)
        address = network[draw.randrange(min(network.num_addresses, 1 << 64))]
        text = draw.choice([str(address), address.exploded])
        if address.version == 4:
            text = draw.choice([text, *carried(str(address)).values()])
        elif address.is_link_local:
            text += draw.choice(["", "%eth0", "%1"])
        spellings.append(draw.choice([text, text.upper()]))
    return spellings


@pytest.mark.parametrize("address", generated(200))
def test_generated_special_addresses_are_refused(address: str) -> None:
    assert STRICT.refuse_address(origin("models.example.com"), address)


@pytest.mark.parametrize("form", ["IPv4-mapped", "NAT64"])
def test_a_trusted_network_is_trusted_in_the_forms_that_lead_there(form: str) -> None:
    assert OPERATOR.refuse_address(origin("models.example.com"), carried("10.1.2.3")[form]) is None


@pytest.mark.parametrize(("host", "addresses"), [("localhost", 2), ("a.localhost", 2), ("localhost.example.com", 0)])
def test_names_of_loopback_need_no_look_up(host: str, addresses: int) -> None:
    found = loopback_addresses(host)
    assert len(found) == addresses
    assert all(ipaddress.ip_address(address).is_loopback for address in found)


def test_what_is_no_address_is_a_name() -> None:
    assert literal_address("models.example.com") is None
    assert literal_address("2001:db8::1") == ipaddress.ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
        ("::ffff:127.0.0.1", True), ("10.0.0.1", False), ("models.example.com", False),
    ],
)  # fmt: skip
def test_which_hosts_are_this_machine_itself(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
