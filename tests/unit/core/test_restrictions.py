"""Where the requests of a gateway key may come from."""

from ipaddress import ip_network

import pytest

from penstock.core.forwarded import parse_address
from penstock.core.restrictions import NONE, Restrictions

OFFICE = Restrictions(networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::1")))


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("192.0.2.7", True), ("192.0.3.7", False), ("::ffff:192.0.2.7", True), ("2001:db8::1", True),
        ("2001:db8::2", False), ("", False), ("unix:", False),
    ],
)  # fmt: skip
def test_addresses_of_both_families(address: str, admitted: bool) -> None:
    assert OFFICE.admits(parse_address(address)) is admitted
    assert NONE.admits(parse_address(address))


def test_an_empty_list_admits_nobody() -> None:
    assert not Restrictions(networks=()).admits(parse_address("127.0.0.1"))
