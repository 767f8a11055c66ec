"""The way to providers as the settings have it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from penstock.app.transports import Connections, http1_of, transports_of, upstream_limits
from penstock.core.address import AddressPolicy
from penstock.core.http import Limits
from penstock.settings import SettingsError
from penstock.settings.model import Settings, Upstream


def settings(proxy: str = "") -> Settings:
    return Settings(upstream=Upstream(proxy=proxy, connect_timeout=1.0, first_byte_timeout=2.0))


async def test_each_scheme_has_its_transport_and_all_are_closed() -> None:
    http1 = http1_of(settings(), AddressPolicy(), {})
    transports = transports_of(settings(), http1)
    assert transports["http"] is transports["https"] is http1
    assert set(transports) == {"http", "https", "echo"}
    connections = Connections(transports)
    connections.start()
    await connections.stop()


def test_limits() -> None:
    upstream = settings().upstream
    assert upstream_limits(upstream) == Limits(1.0, 2.0, upstream.idle_timeout, upstream.total_timeout)


@pytest.mark.parametrize(
    ("proxy", "environment", "named"),
    [
        ("nonsense://", {}, "upstream.proxy"),
        ("", {"HTTPS_PROXY": "nonsense://"}, "HTTPS_PROXY"),
        ("", {"all_proxy": "nonsense://"}, "ALL_PROXY"),
    ],
)
async def test_a_proxy_that_is_none(proxy: str, environment: Mapping[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        http1_of(settings(proxy), AddressPolicy(), environment)


@pytest.mark.parametrize(("proxy", "environment"), [("none", {"HTTPS_PROXY": "nonsense://"}), ("", {})])
async def test_no_proxy(proxy: str, environment: Mapping[str, str]) -> None:
    await http1_of(settings(proxy), AddressPolicy(), environment).close()
