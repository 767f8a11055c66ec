"""Corrections of a ledger by another price book."""

from typing import Any

import msgspec

from penstock.core.usage import Usage
from penstock.prices.book import PriceBook
from penstock.prices.rates import Case, ModelPrices
from penstock.prices.reprice import Charged, corrections
from penstock.prices.table import PriceTable, ProviderPrices, encode


def table(picos: int) -> PriceTable:
    return PriceTable(encode("test", {"openai": ProviderPrices({"m": ModelPrices((Case({"input": picos}),))})}))


ROW = Charged("r1", 0, 1.0, "openai", "m", Usage(10), 10)


def row(**changes: Any) -> Charged:
    return msgspec.structs.replace(ROW, **changes)


def test_the_difference_is_a_row_of_its_own() -> None:
    newer = table(3000)
    found = [*corrections([row(), row(request_id="r2", nanos=100)], PriceBook([newer]))]
    assert [(each.request_id, each.nanos, each.charge.nanos) for each in found] == [("r1", 20, 30), ("r2", -70, 30)]
    assert found[0].charge.price_version == newer.version


def test_a_row_that_stays_the_same_has_no_correction() -> None:
    same = table(1000)
    assert not [*corrections([row(price_version=same.version)], PriceBook([same]))]


def test_another_version_with_the_same_amount_is_told() -> None:
    found = [*corrections([row(price_version="old")], PriceBook([table(1000)]))]
    assert [each.nanos for each in found] == [0]


def test_a_model_that_the_book_does_not_know_keeps_its_charge() -> None:
    assert not [*corrections([row(model="nobody")], PriceBook([table(1)]))]


def test_corrections_twice_change_nothing_the_second_time() -> None:
    book = PriceBook([table(3000)])
    (first,) = corrections([row()], book)
    again = row(nanos=10 + first.nanos, price_version=first.charge.price_version)
    assert not [*corrections([again], book)]
