"""The caller's address behind proxies: only what trusted peers say, read from the right."""

import pytest

from penstock.core.forwarded import TrustedProxies

PROXIES = TrustedProxies(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])


def source(*fields: tuple[str, str], peer: str | None = "10.0.0.1") -> str | None:
    return PROXIES.source(peer, [(name.encode(), value.encode("latin-1")) for name, value in fields])


def told(value: str) -> tuple[str, str]:
    return "x-forwarded-for", value


@pytest.mark.parametrize("peer", ["198.51.100.1", "2001:db9::1", None, "nonsense", ""])
def test_nobody_else_is_believed(peer: str | None) -> None:
    assert source(told("203.0.113.9"), ("forwarded", "for=203.0.113.9"), peer=peer) == peer


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.0.2.7", "2001:db8::1", "::ffff:10.0.0.1"])
def test_a_trusted_peer_is_believed(peer: str) -> None:
    assert source(told("203.0.113.9"), peer=peer) == "203.0.113.9"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.1.1.1, 192.0.2.7", "203.0.113.9"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db9::9]:443", "2001:db9::9"),
        ("2001:DB9::9", "2001:db9::9"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, unknown", "10.0.0.1"),
        ("203.0.113.9, unknown, 10.9.9.9", "10.9.9.9"),
        ("203.0.113.9,", "10.0.0.1"),
        ("", "10.0.0.1"),
        ('203.0.113.9\ud7ff"}'.encode("utf-8", "replace").decode("latin-1"), "10.0.0.1"),
    ],
)
def test_the_rightmost_address_that_is_no_trusted_proxys(value: str, address: str) -> None:
    assert source(told(value)) == address


def test_a_header_that_is_repeated_is_one_list() -> None:
    assert source(told("1.1.1.1"), told("203.0.113.9, 10.1.1.1")) == "203.0.113.9"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"),
        ('proto=https; for="203.0.113.9:80"', "203.0.113.9"),
        ('for="[2001:db9::9]:4711"', "2001:db9::9"),
        ("for=1.1.1.1, for=203.0.113.9, for=10.3.3.3", "203.0.113.9"),
        ('for=1.1.1.1;host="a,for=203.0.113.1", for=203.0.113.9', "203.0.113.9"),
        ('host="for=203.0.113.1"', "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
        ("for=1.1.1.1, proto=http", "10.0.0.1"),
    ],
)
def test_forwarded(value: str, address: str) -> None:
    assert source(("forwarded", value)) == address


def test_x_forwarded_for_wins() -> None:
    assert source(("forwarded", "for=1.1.1.1"), told("203.0.113.9")) == "203.0.113.9"


def test_a_long_list_is_read_from_its_end_only() -> None:
    assert source(told("1.1.1.1," * 10_000 + "203.0.113.9," + ",".join(["10.0.0.2"] * 40))) == "10.0.0.2"


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        TrustedProxies(["proxy.internal"])
