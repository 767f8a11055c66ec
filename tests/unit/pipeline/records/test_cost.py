"""What requests cost: which attempts are charged, by which prices."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.core.prices import Prices
from penstock.core.usage import Usage
from penstock.limits.pricing import PricedModel
from penstock.observe.record import AttemptRecord, Billed, Record
from penstock.pipeline.records.cost import Costs, CurrentPrices, SharedCosts, mode_of
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import Overlay, OverlayEntry, PriceBook
from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import PriceTable, ProviderPrices, encode
from penstock.stores.catalogue import Catalogue
from penstock.stores.memory import MemoryCatalogue

NOW = 1_800_000_000.0
GOOD = AttemptRecord("config", "openai", "m", 1, 200, 0.0, usage=Usage(10, 1))


def prices(picos: int, *more: Case) -> ModelPrices:
    return ModelPrices((Case({"input": picos}), *more))


class Default:
    """A default price table that is there."""

    def __init__(self, **models: ModelPrices) -> None:
        self.table: PriceTable | None = PriceTable(encode("test", {"openai": ProviderPrices(models)}))
        self.is_loading = False

    async def ready(self) -> None: ...


def costs(catalogue: Catalogue = Catalogue(), **models: ModelPrices) -> Costs:  # noqa: B008 (a frozen value)
    return Costs(Default(**models or {"m": prices(1000)}), lambda: catalogue)


def attempt(**changes: Any) -> AttemptRecord:
    return msgspec.structs.replace(GOOD, **changes)


def total(*attempts: AttemptRecord, by: Costs | None = None) -> int | None:
    return (by or costs()).nanos_of(Record(NOW, "POST", "/", 200, 0.1, attempts=attempts))


def test_several_attempts_cost_what_was_billed_for_each() -> None:
    assert total(attempt(), attempt(usage=Usage(5))) == 15


def test_failures_without_a_usage_are_free() -> None:
    assert total(attempt(status=500, usage=None, failure="upstream_status"), attempt()) == 10
    assert total(attempt(status=0, usage=None)) == 0


def test_a_failure_that_told_a_usage_is_not() -> None:
    assert total(attempt(status=502, failure="stream_broken"), attempt()) == 20


def test_an_answer_that_broke_off_or_was_denied_without_a_usage_has_no_known_cost() -> None:
    assert total(attempt(usage=None, failure="stream_broken"), attempt()) is None
    assert total(attempt(status=446, usage=None, failure="hooks_failed", first_content=0.1)) is None
    assert total(attempt(status=446, usage=None, failure="hooks_failed", first_content=0.1, lane=0)) == 0


def test_what_limits_were_charged_is_what_it_cost() -> None:
    estimated = Billed(Usage(3), 30, is_estimated=True)
    assert total(attempt(usage=None, billed=estimated)) == 30
    assert total(attempt(usage=None, billed=estimated), attempt()) == 40
    assert total(attempt(billed=Billed(Usage(10, 1), None))) is None


def test_answers_from_the_cache_and_shared_answers_are_free() -> None:
    assert total(attempt(is_charged=False, cache="HIT")) == 0
    assert total(attempt(is_charged=False, is_shared=True)) == 0


@pytest.mark.parametrize("unknown", [{"model": "nobody"}, {"model": None}, {"provider": "x"}, {"usage": None}])
def test_what_is_unknown_makes_the_sum_unknown(unknown: dict[str, Any]) -> None:
    assert total(attempt(), attempt(**unknown)) is None


def test_a_request_without_an_attempt_has_no_cost() -> None:
    assert total() is None


def test_the_region_and_the_service_tier_have_prices_of_their_own() -> None:
    by = costs(m=prices(1000, Case({"input": 2000}, regions=("eu-west-1",)), Case({"input": 3000}, "priority")))
    assert total(attempt(), by=by) == 10
    assert total(attempt(region="eu-west-1"), by=by) == 20
    assert total(attempt(usage=Usage(10, native={"service_tier": "priority"})), by=by) == 30


@pytest.mark.parametrize(
    ("native", "mode"),
    [
        ({}, "standard"), ({"service_tier": "default"}, "standard"), ({"service_tier": 1}, "standard"),
        ({"service_tier": "flex"}, "flex"), ({"service_tier": "batch"}, "batch"), ({"speed": "fast"}, "fast"),
    ],
)  # fmt: skip
def test_modes(native: dict[str, Any], mode: str) -> None:
    assert mode_of(Usage(native=native)) == mode


def test_prices_of_the_virtual_key_come_first() -> None:
    own = {"mine": OwnPrices("own@1", {"m": prices(7000)})}
    by = costs(Catalogue(own_prices=own))
    assert total(attempt(virtual_key="mine"), by=by) == 70
    assert total(attempt(virtual_key="other"), by=by) == 10


def test_a_charge_tells_its_price() -> None:
    by = costs()
    charged = by.charge_of(GOOD, NOW)
    assert charged is not None
    assert (charged.nanos, charged.price_match, charged.price_version) == (10, "exact", by.book.version)


def test_a_price_that_is_added_while_requests_run_counts_from_then_on() -> None:
    catalogues = [Catalogue()]
    by = Costs(Default(m=prices(1000)), lambda: catalogues[-1])
    unknown = attempt(model="new")
    assert total(unknown, by=by) is None
    before = by.book
    catalogues.append(Catalogue(overlay=Overlay("overlay@1", {("openai", "new"): OverlayEntry(prices(5000))})))
    assert total(unknown, by=by) == 50
    assert by.book is not before
    assert by.book is by.book


def test_a_loaded_table_comes_before_the_default_table() -> None:
    loaded = PriceTable(encode("loaded", {"openai": ProviderPrices({"m": prices(9000)})}))
    assert total(attempt(), by=costs(Catalogue(price_table=loaded))) == 90
    assert total(attempt(), by=costs(Catalogue(price_table=PriceTable(encode("loaded", {}))))) == 10


async def test_prices_that_are_still_read() -> None:
    default = Default()
    default.is_loading = True
    by = Costs(default, Catalogue)
    assert by.is_loading
    await by.ready()


def current(source: MemoryCatalogue, default: Default) -> CurrentPrices:
    return CurrentPrices(Costs(default, lambda: source.current), lambda: NOW, source)


def nanos(by: CurrentPrices, model: str = "m", virtual_key: str | None = None, region: str = "") -> int | None:
    charged = by.charge(PricedModel("openai", model, virtual_key, region), Usage(10, 0))
    return None if charged is None else charged.nanos


def test_a_price_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def look_up(book: PriceBook, provider: str, model: str, *more: Any) -> Any:
        looked_up.append(model)
        return found(book, provider, model, *more)

    found = PriceBook.look_up
    monkeypatch.setattr(PriceBook, "look_up", look_up)
    by = current(MemoryCatalogue(), Default(m=prices(1000)))
    assert [nanos(by), nanos(by), nanos(by, "unknown"), nanos(by, "unknown")] == [10, 10, None, None]
    assert by.prices(PricedModel("openai", "m"), strict=False) == Prices(1000, 0, 0)
    assert looked_up == ["m", "unknown"]


@pytest.mark.parametrize(("operation", "nanos"), [("models", 0), ("count_tokens", 0), ("chat.completions", None)])
def test_what_no_provider_bills_is_free(operation: str, nanos: int | None) -> None:
    asked = Record(NOW, "POST", "/", 200, 0.1, operation=operation, attempts=(attempt(usage=None),))
    assert costs().nanos_of(asked) == nanos
    asked = msgspec.structs.replace(asked, attempts=(attempt(usage=None), attempt()))
    assert costs().nanos_of(asked) == (None if nanos is None else 10)


def test_limits_are_charged_by_the_region_of_their_target_and_the_time_of_the_call() -> None:
    """As records are: what budgets take is what the request cost."""
    daily = Case({"input": 4000}, regions=("eu",), daily=(0, 3600))
    by = current(MemoryCatalogue(), Default(m=prices(1000, Case({"input": 2000}, regions=("eu",)), daily)))
    midnight, model = NOW - NOW % 86_400, PricedModel("openai", "m", None, "eu")
    assert (nanos(by), nanos(by, region="us"), nanos(by, region="eu")) == (10, 10, 20)
    early, late = (by.charge(model, Usage(10, 0), midnight + second) for second in (0.0, 3601.0))
    assert early is not None
    assert late is not None
    assert (early.nanos, late.nanos) == (40, 20)
    assert by.prices(model, strict=False) == Prices(2000, 0, 0)
    assert by.steady(model) is None


def test_other_prices_are_in_force_at_once() -> None:
    source, default = MemoryCatalogue(), Default(m=prices(1000))
    by = current(source, default)
    assert (nanos(by), nanos(by, virtual_key="v")) == (10, 10)
    source.replace(Catalogue(own_prices={"v": OwnPrices("own", {"m": prices(5000)})}))
    assert (nanos(by), nanos(by, virtual_key="v")) == (10, 50)
    default.table = Default(m=prices(2000)).table
    assert (nanos(by), nanos(by, virtual_key="v")) == (20, 50)
    default.table = None
    assert nanos(by) is None


def test_the_prices_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.pipeline.records.cost._REMEMBERED", 2)
    by = current(MemoryCatalogue(), Default(m=prices(1000)))
    assert [nanos(by, model) for model in ("a", "b", "c", "m", "m")] == [None, None, None, 10, 10]
    assert len(by._known) <= 2


def test_readers_of_the_same_records_share_what_is_computed() -> None:
    shared, each = SharedCosts(Default(m=prices(1000)), Catalogue), attempt()
    first = shared.charge_of(each, NOW)
    assert first is not None
    assert shared.charge_of(each, NOW) is first
    assert shared.charge_of(attempt(), NOW) == first
    assert shared.charge_of(attempt(usage=Usage(5)), NOW) != first


def test_an_unknown_price_is_looked_for_once() -> None:
    shared, each = SharedCosts(Default(m=prices(1000)), Catalogue), attempt(model="nobody")
    assert [shared.charge_of(each, NOW) for _ in range(2)] == [None, None]
    assert each.charge == (None,)


def test_a_price_that_is_still_read_is_no_unknown_one() -> None:
    default = Default(m=prices(1000))
    table, default.table, default.is_loading = default.table, None, True
    shared, each = SharedCosts(default, Catalogue), attempt()
    assert shared.charge_of(each, NOW) is None
    default.table, default.is_loading = table, False
    assert shared.charge_of(each, NOW) is not None


def test_what_is_computed_outlives_a_spool() -> None:
    shared, known, unknown = SharedCosts(Default(m=prices(1000)), Catalogue), attempt(), attempt(model="nobody")
    charges = [shared.charge_of(each, NOW) for each in (known, unknown)]
    again = [
        msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=AttemptRecord).charge for each in (known, unknown)
    ]
    assert again == [(charges[0],), (None,)]
