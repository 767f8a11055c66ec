"""Alerts as the settings ask for them; tests/e2e/test_alerts.py runs them."""

from __future__ import annotations

import pytest

from penstock.app.alerts import StoredDeliveries, alerts_of, owner_name
from penstock.core.address import AddressPolicy
from penstock.limits.applied import Applied
from penstock.limits.in_force import LimitsInForce
from penstock.limits.limit import Limit
from penstock.observe.alerts.deliveries import DeliveriesLost
from penstock.observe.alerts.notice import Notice
from penstock.observe.record import Records
from penstock.routing.advice import CircuitOpened
from penstock.routing.health import Health
from penstock.settings import Settings, SettingsError
from penstock.settings.alerts import Alerts
from penstock.stores.catalogue import EMPTY, Catalogue, GatewayKey
from penstock.stores.memory import MemoryCatalogue
from penstock.stores.sql.database import Database
from penstock.stores.sql.database_error import DatabaseError
from penstock.transport.echo import EchoTransport


def test_without_a_channel_nothing_is_made() -> None:
    for alerts in (Alerts(), Alerts(on=(), webhook="http://localhost")):
        parts = alerts_of(Settings(alerts=alerts), EchoTransport, AddressPolicy())
        assert (list(parts.tellers), parts.parts(Records(), Health(), None, None, None, MemoryCatalogue(EMPTY))) == (
            [],
            [],
        )


def test_owners_have_names() -> None:
    def limit(level: str, owner: str) -> Limit:
        return Limit(f"limit of {owner}", level, owner, "cost", 1, None)  # type: ignore[arg-type]

    of_provider = limit("provider", "p-1")
    limits = LimitsInForce(virtual_keys={"prod": (Applied(of_provider),)})
    catalogue = Catalogue(keys=(GatewayKey("search-team", b"", id="k-1"),), limits=limits)
    assert owner_name(catalogue, limit("api_key", "k-1")) == "search-team"
    assert owner_name(catalogue, of_provider) == "@prod"
    assert owner_name(catalogue, limit("workspace", "w-1")) is None
    assert owner_name(catalogue, limit("api_key", "gone")) is None


def test_channels_and_circuits() -> None:
    alerts = Alerts(webhook="http://localhost/a", slack="http://localhost/b", smtp="smtp://localhost")
    parts = alerts_of(Settings(alerts=alerts), EchoTransport, AddressPolicy())
    assert [teller.channel.name for teller in parts.tellers] == ["webhook", "slack", "mail"]
    health, heard = Health(), list[str]()
    health.on_advice = lambda advice, _: heard.append(advice.tenant)
    assert len(parts.parts(Records(), health, None, None, None, MemoryCatalogue(EMPTY))) == 5
    health.on_advice(CircuitOpened("a tenant", True, "t", 1.0), 1.0)
    assert heard == ["a tenant"]


@pytest.mark.parametrize(
    ("alerts", "name"),
    [
        (Alerts(webhook="http://a", webhook_secret="whsec_!"), "alerts.webhook_secret"),
        (Alerts(slack="http://[::1"), "alerts.slack"),
        (Alerts(smtp="localhost"), "alerts.smtp"),
        (Alerts(email_to=("a@example.com",)), "alerts.email_to.*alerts.smtp"),
        (Alerts(email_to=("a@example.com",), webhook="http://localhost"), "alerts.email_to"),
    ],
)
def test_what_can_not_be_used(alerts: Alerts, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        alerts_of(Settings(alerts=alerts), EchoTransport, AddressPolicy())


async def test_a_database_that_is_lost_or_not_there() -> None:
    deliveries, notice = StoredDeliveries(), Notice("store_down", "k", 1.0, "Lost.", {}, "owner")
    with pytest.raises(DeliveriesLost):
        await deliveries.claim(notice, "webhook", 1.0, 2.0)

    async def lost() -> Database:
        raise DatabaseError("it is away")

    deliveries.open_database = lost
    with pytest.raises(DeliveriesLost):
        await deliveries.overdue("webhook", 1.0, 2.0)
    assert await deliveries.addresses(notice) == ()
