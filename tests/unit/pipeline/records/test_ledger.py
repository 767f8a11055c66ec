"""Records on their way to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from limiting import FixedCharge, FixedPricing
from penstock.core.usage import Usage
from penstock.limits.pricing import PricedModel
from penstock.observe.record import AttemptRecord, Billed, Record, Records
from penstock.pipeline.records import ledger as module
from penstock.pipeline.records.ledger import Ledger, entries_of
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.ledger_entry import LedgerEntry

USAGE = Usage(3, 1, 4, searches=2)
PRICING = FixedPricing(1000, 2000, "unpriced")


def attempt(**more: Any) -> AttemptRecord:
    return AttemptRecord(
        **{"target": "config", "provider": "openai", "model": "m", "lane": 1, "status": 200, "began": 0.5, **more}
    )


def record(*attempts: AttemptRecord, **more: Any) -> Record:
    return Record(at=10.0, method="POST", path="/", status=200, latency=1.0, attempts=attempts, **more)


def entries(*attempts: AttemptRecord, **more: Any) -> list[LedgerEntry]:
    return list(entries_of(record(*attempts, **more), PRICING))


def test_what_a_limit_was_charged_is_what_the_ledger_says() -> None:
    billed = Billed(Usage(7, 2), 99, "v1", "rule", True)
    failed = attempt(status=500, failure="upstream_status")
    first, second = entries(failed, attempt(billed=billed, usage=USAGE), request_id="r", key="a", workspace="w")
    assert (first.request_id, first.attempt, first.nanos, first.error, first.at) == (
        "r",
        1,
        0,
        "upstream_status",
        10_500_000,
    )
    assert (second.attempt, second.nanos, second.usage, second.is_estimated) == (2, 99, Usage(7, 2), True)
    assert (second.price_version, second.price_match, second.key_name, second.workspace_id) == ("v1", "rule", "a", "w")


def test_a_request_without_limits_is_priced_here() -> None:
    (entry,) = entries(attempt(usage=USAGE))
    assert (entry.nanos, entry.price_version, entry.units) == (5, "fixed", {"web_search": 2})
    assert len(entry.request_id) == 36
    (entry,) = entries(attempt(usage=USAGE, model="unpriced"))
    assert (entry.nanos, entry.price_match, entry.usage) == (None, "none", USAGE)


def test_who_did_not_pay_took_nothing() -> None:
    (entry,) = entries(attempt(usage=USAGE, cache="HIT", is_charged=False))
    assert (entry.nanos, entry.usage, entry.is_cached) == (0, Usage(), True)


def test_an_answer_that_told_no_usage_has_an_unknown_cost() -> None:
    """As in the request log: it may be billed. What failed before it answered is free."""
    answered, session, denied, failed, refused = entries(
        attempt(),
        attempt(status=101),
        attempt(status=446, failure="hooks_failed"),
        attempt(status=500, failure="upstream_status"),
        attempt(status=446, failure="hooks_failed", lane=0),
    )
    assert [each.nanos for each in (answered, session, denied, failed, refused)] == [None, None, None, 0, 0]


@pytest.mark.parametrize(
    ("method", "operation", "nanos"),
    [
        ("GET", "models", 0),
        ("POST", "count_tokens", 0),
        ("GET", "proxy", 0),
        ("DELETE", "proxy", 0),
        ("POST", "proxy", None),
        ("POST", "chat.completions", None),
    ],
)
def test_what_no_provider_bills_is_free(method: str, operation: str, nanos: int | None) -> None:
    asked = msgspec.structs.replace(record(attempt()), method=method, operation=operation)
    (entry,) = entries_of(asked, PRICING)
    assert entry.nanos == nanos


def test_the_region_of_the_target_stays_with_its_charge() -> None:
    asked: list[tuple[PricedModel, float | None]] = []

    class Asked(FixedPricing):
        def charge(self, model: PricedModel, usage: Usage, at: float | None = None) -> FixedCharge | None:
            asked.append((model, at))
            return super().charge(model, usage, at)

    (entry,) = entries_of(record(attempt(usage=USAGE, region="eu")), Asked(1000, 2000))
    assert (entry.region, asked) == ("eu", [(PricedModel("openai", "m", None, "eu"), 10.5)])


def test_who_joined_a_call_and_pays_for_it_was_given_nothing() -> None:
    """The first caller has left: the cache saved nothing, and the price may change by repricing."""
    (entry,) = entries(attempt(usage=USAGE, cache="HIT"))
    assert (entry.nanos, entry.is_cached) == (5, False)


class Kept:
    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []
        self.is_down = False

    async def write(self, entries: Sequence[LedgerEntry]) -> None:
        if self.is_down:
            raise DatabaseError("it is down")
        if any(entry.model == "refused" for entry in entries):
            raise OverflowError("too large")
        self.entries += entries


async def test_what_waits_is_written_when_the_gateway_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    records, kept = Records(), Kept()
    ledger = Ledger(records, kept.write, lambda: PRICING)
    ledger.start()
    records.publish(record(attempt(), request_id="before"))
    ledger.begin()
    ledger.begin()
    for number in range(5):
        records.publish(record(attempt(), request_id=str(number)))
    await ledger.stop()
    assert [entry.request_id for entry in kept.entries] == list("01234")


async def test_a_database_that_is_down_keeps_the_entries_waiting(caplog: pytest.LogCaptureFixture) -> None:
    records, kept = Records(), Kept()
    ledger = Ledger(records, kept.write, lambda: PRICING)
    ledger.begin()
    kept.is_down = True
    for number in range(2):
        records.publish(record(attempt(), request_id=str(number)))
        await ledger.stop()
    assert caplog.text.count("the ledger waits in memory") == 1
    kept.is_down = False
    await ledger.stop()
    assert [entry.request_id for entry in kept.entries] == ["0", "1"]


async def test_an_entry_that_the_database_refuses_keeps_no_other_from_the_ledger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    records, kept = Records(), Kept()
    ledger = Ledger(records, kept.write, lambda: PRICING)
    ledger.begin()
    for model in ("a", "refused", "b"):
        records.publish(record(attempt(model=model), request_id=model))
    await ledger.stop()
    assert [entry.model for entry in kept.entries] == ["a", "b"]
    assert "attempt 1 of request refused is missing in the ledger" in caplog.text


async def test_a_record_waits_for_prices_that_are_still_read() -> None:
    records, kept, pricing = Records(), Kept(), FixedPricing(1000, 2000, "m")
    pricing.is_loading = True
    ledger = Ledger(records, kept.write, lambda: pricing)
    ledger.begin()
    ledger.start()
    records.publish(record(attempt(usage=USAGE)))
    records.publish(record(attempt(usage=USAGE, billed=Billed(USAGE, 7, "v1", "rule", False)), request_id="charged"))
    pricing.is_loading = False
    pricing.unpriced.clear()
    await ledger.stop()
    assert [entry.nanos for entry in kept.entries] == [7, 5]


async def test_a_record_without_entries_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    records, kept = Records(), Kept()
    ledger = Ledger(records, kept.write, lambda: PRICING)
    ledger.begin()
    for at in (10.0, float("nan"), 11.0):
        records.publish(msgspec.structs.replace(record(attempt(), request_id=str(at)), at=at))
    await ledger.stop()
    assert [entry.request_id for entry in kept.entries] == ["10.0", "11.0"]
    assert "request nan is missing in the ledger" in caplog.text
