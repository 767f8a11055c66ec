"""Prices of an integration's own: in dollars for a million tokens, and multipliers."""

from typing import Any

import pytest

from penstock.prices.adjust import own_prices, read_adjustments, read_pricing_config
from penstock.prices.classes import PriceError
from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import Found

STATIC = {"type": "static", "pay_as_you_go": {"request_token": {"price": 2.5}, "response_token": {"price": 10}}}


def test_custom_prices_are_in_dollars_for_a_million_tokens() -> None:
    """The files' cents a token and these dollars are the same prices: 0.00025 cents a token."""
    assert read_pricing_config(STATIC, "m", []).cases == (Case({"input": 2_500_000, "output": 10_000_000}),)


def test_units_are_in_dollars_a_call() -> None:
    value = {"type": "static", "pay_as_you_go": {"additional_units": {"web_search": {"price": 0.01}}}}
    assert read_pricing_config(value, "m", []).cases[0].rates == {"unit.web_search": 10_000_000_000}


def test_a_price_of_zero_is_free() -> None:
    value = {"pay_as_you_go": {"request_token": {"price": 1}, "cache_read_input_token": {"price": 0}}}
    assert read_pricing_config(value, "m", []).cases[0].rates == {"input": 1_000_000, "cache_read": 0}


def adjusted(rates: dict[str, int], multiplier: Any) -> dict[str, int]:
    own = own_prices({}, {}, {"multiplier": multiplier}, [])
    assert own is not None
    return own.adjusted(Found("m", "exact", ModelPrices((Case(rates),)))).prices.cases[0].rates


RATES = {
    "input": 100,
    "output": 1000,
    "cache_read": 3,
    "unit.web_search": 50,
    "unit.maps": 5,
    "image.hd.default": 7,
    "finetune.pay_per_hour": 9,
}


def test_multipliers() -> None:
    multiplier = {"default": 1.5, "request_token": 0.9, "image": {"default": 2}, "additional_units": {"web_search": 3}}
    assert adjusted(RATES, multiplier) == {
        "input": 90, "output": 1500, "cache_read": 4, "unit.web_search": 150, "unit.maps": 8, "image.hd.default": 14,
        "finetune.pay_per_hour": 9,
    }  # fmt: skip


def test_multipliers_in_their_flat_form() -> None:
    assert adjusted(RATES, {"image.default": 2, "additional_units": 0.5}) == {
        **RATES, "unit.web_search": 25, "unit.maps": 2, "image.hd.default": 14,
    }  # fmt: skip


def test_nothing_of_its_own() -> None:
    assert own_prices({}, {}, None, []) is None
    assert own_prices({}, {}, {}, []) is None


def test_the_version_tells_the_content() -> None:
    versions = [
        own.version
        for own in (
            own_prices({"m": STATIC}, {}, None, []), own_prices({"m": STATIC}, {}, None, []),
            own_prices({"n": STATIC}, {}, None, []), own_prices({}, {"m": "n"}, None, []),
        )
        if own is not None
    ]  # fmt: skip
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"multiplier": {"default": "x"}}, r"a.multiplier.default: expected a number"),
        ({"multiplier": {"default": True}}, r"a.multiplier.default: expected a number"),
        ({"multiplier": {"default": -1}}, r"expected a number from 0 to"),
        ({"multiplier": {"default": float("nan")}}, r"finite"),
        ({"multiplier": {"image": {}}}, r"a.multiplier.image.default: expected a number"),
        ({"multiplier": []}, r"a.multiplier: expected an object"),
        ([], "a: expected an object"),
    ],
)
def test_wrong_adjustments(value: Any, reason: str) -> None:
    with pytest.raises(PriceError, match=reason):
        read_adjustments(value, "a", [])


def test_unknown_members_are_told() -> None:
    warnings: list[str] = []
    read_adjustments({"multiplier": {"moon": 2}, "currency": "EUR"}, "a", warnings)
    assert warnings == ["a.currency: unknown member, left out", "a.multiplier.moon: unknown member, left out"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [({"type": "dynamic"}, "m.type: expected static"), ({}, "m.pay_as_you_go: missing"), (1, "m: expected an object")],
)
def test_wrong_custom_prices(value: Any, reason: str) -> None:
    with pytest.raises(PriceError, match=reason):
        read_pricing_config(value, "m", [])
