"""The address policy, judged on names and addresses alone: nothing here connects to anything."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.http import Origin

STRICT = AddressPolicy()
LAPTOP = AddressPolicy(LOOPBACK_NAMES)
OPERATOR = AddressPolicy(("10.1.0.0/16", "vllm.internal", "*.gpu.lan", "192.168.7.7"))

NEVER = [
    "169.254.169.254",
    "169.254.1.1",
    "fe80::1",
    "fd00:ec2::254",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "0.1.2.3",
]
PRIVATE = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "::1",
    "fd12::1", "198.18.0.1", "192.0.2.1", "240.0.0.1", "255.255.255.255",
    "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:0a00:0001::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "104.18.7.192", "2606:4700::6812:7c0"]


def origin(host: str, *, trusted: bool = False) -> Origin:
    return Origin("https", host, 443, trusted)


@pytest.mark.parametrize("policy", [STRICT, LAPTOP, OPERATOR])
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
