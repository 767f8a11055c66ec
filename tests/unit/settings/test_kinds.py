"""Kinds of values."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.settings import kinds


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (kinds.Port, 65535, 65536),
        (kinds.Number, 0, -1),
        (kinds.Some, 1, 0),
        (kinds.Seconds, 0.5, -0.5),
        (kinds.Milliseconds, 3_600_000, 3_600_001),
        (kinds.WebOrigin, "http://localhost:3000", "localhost"),
        (kinds.Network, "10.0.0.0/8", "a.example"),
    ],
)
def test_bounds(kind: Any, good: object, bad: object) -> None:
    assert msgspec.convert(good, kind) == good
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, kind)


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("9090", ("127.0.0.1", 9090)),
        (":9090", ("127.0.0.1", 9090)),
        ("10.0.0.1:80", ("10.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        ("", None),
    ],
)
def test_an_address_is_a_port_with_a_host_or_without(listen: str, address: tuple[str, int] | None) -> None:
    assert kinds.address_of(listen) == address
