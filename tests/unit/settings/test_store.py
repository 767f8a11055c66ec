"""Where the admin API listens."""

from __future__ import annotations

import pytest

from penstock.settings.store import Admin


@pytest.mark.parametrize(
    ("listen", "address"),
    [("", None), ("9000", ("127.0.0.1", 9000)), ("0.0.0.0:9000", ("0.0.0.0", 9000)), ("[::1]:9000", ("::1", 9000))],
)
def test_the_port_of_its_own(listen: str, address: tuple[str, int] | None) -> None:
    assert Admin(listen=listen).address == address
