"""Counting connections in all and by address."""

from __future__ import annotations

import pytest

from penstock.server.http.connection_count import ConnectionCount


def test_in_all() -> None:
    count = ConnectionCount(2, 0)
    assert count.admit("10.0.0.1") is None
    assert count.admit(None) is None
    reason = count.admit("10.0.0.2")
    assert reason is not None
    assert "max_connections)" in reason
    count.leave("10.0.0.2")
    count.leave("10.0.0.1")
    assert count.admit("10.0.0.2") is None


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
    ],
)
def test_by_address(first: str, second: str, is_one: bool) -> None:
    count = ConnectionCount(0, 1)
    assert count.admit(first) is None
    reason = count.admit(second)
    assert (reason is not None) == is_one
    count.leave(first)
    count.leave(second)
    assert count.total == 0
    assert count.admit(first) is None


def test_a_unix_socket_has_no_address() -> None:
    count = ConnectionCount(0, 1)
    assert [count.admit(None) for _ in range(3)] == [None] * 3
    count.leave(None)


def test_a_flood_is_told_once_and_not_answered() -> None:
    count = ConnectionCount(1, 0)
    for _ in range(257):
        count.admit(None)
    before = count.is_flooded(None)
    count.admit(None)
    assert (before, count.is_flooded(None)) == (False, True)
    assert [count.is_due_for_log() for _ in range(3)] == [True, False, False]
    assert not ConnectionCount(0, 0).is_flooded(None)


def test_one_address_floods_nobody_else() -> None:
    count = ConnectionCount(0, 1)
    for _ in range(258):
        count.admit("2001:db8::1")
    assert count.is_flooded("2001:db8::2")
    assert not count.is_flooded("2001:db8:1::1")
    count.leave("2001:db8::1")
    assert not count.is_flooded("2001:db8::1")
