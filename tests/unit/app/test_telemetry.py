"""Telemetry as the settings ask for it."""

from __future__ import annotations

import pytest

from penstock.app.telemetry import resource_of, telemetry_of
from penstock.observe.record import Records
from penstock.pipeline.tracing import Tracing
from penstock.settings import Settings, SettingsError
from penstock.settings.metrics import Metrics
from penstock.settings.telemetry import Telemetry
from penstock.transport.base import Transport
from penstock.transport.echo import EchoTransport


class NoCharges:
    is_loading = False

    def charge_of(self, *_: object) -> None:
        return None


def transport() -> Transport:
    return EchoTransport()


def test_without_an_endpoint_nothing_is_made() -> None:
    def never() -> Transport:
        raise AssertionError

    telemetry = telemetry_of(Settings(), never, {})
    assert (telemetry.tracing, telemetry.exporters, telemetry.is_failing, telemetry.lost) == (None, (), False, 0)
    assert telemetry.parts(Records(), NoCharges(), None) == []


def test_what_is_asked_for_is_made() -> None:
    asked = Telemetry(endpoint="http://localhost:4318", sample_ratio=0.5, baggage=("a",))
    telemetry = telemetry_of(Settings(telemetry=asked), transport, {})
    assert telemetry.tracing == Tracing(0.5, False, frozenset({"a"}))
    assert [each.signal for each in telemetry.exporters] == ["spans", "metrics"]
    telemetry.exporters[1].lost["refused"] += 3
    assert telemetry.lost == 3
    without = Settings(telemetry=Telemetry(endpoint="http://localhost", traces=False), metrics=Metrics(enabled=False))
    assert telemetry_of(without, transport, {}).exporters == ()


def test_an_address_that_can_not_be_called() -> None:
    with pytest.raises(SettingsError, match=r"telemetry\.endpoint"):
        telemetry_of(Settings(telemetry=Telemetry(endpoint="http://[::1")), transport, {})


def test_workers_are_one_instance() -> None:
    settings = Telemetry(resource=("service.name=mine", "a=b=c"))
    one, other = (resource_of(settings, "/a/penstock-metrics-x") for _ in range(2))
    assert one == other
    assert (one["service.name"], one["a"]) == ("mine", "b=c")
    assert resource_of(settings, "")["service.instance.id"] != resource_of(settings, "")["service.instance.id"]
