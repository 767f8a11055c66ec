"""A model's prices as an entry of Portkey's price files."""

import json
from typing import Any

import pytest

from penstock.prices.book import Overlay, OverlayEntry, PriceBook
from penstock.prices.portkey import read_file
from penstock.prices.portkey_entry import pricing_config
from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import PriceTable, encode

ENTRIES: dict[str, Any] = {
    "plain": {
        "pay_as_you_go": {"request_token": {"price": 0.00025}, "response_token": {"price": 0.001}},
        "currency": "USD",
    },
    "rich": {
        "pay_as_you_go": {
            "request_token": {"price": 0.0003},
            "response_token": {"price": 0.0015},
            "cache_read_input_token": {"price": 0.00003},
            "cache_write_input_token": {"price": 0.000375},
            "additional_units": {"web_search": {"price": 1.0}, "cache_write_1h": {"price": 0.0006}},
            "image": {"high": {"default": {"price": 4.0}}},
        },
        "batch_config": {"request_token": {"price": 0.0001}, "response_token": {"price": 0.0007}},
        "fixed_cost": {"request": {"price": 0.5}},
        "finetune_config": {"pay_per_token": {"price": 0.003}},
        "currency": "USD",
    },
    "formula": {
        "pay_as_you_go": {"request_token": {"price": 0.1}},
        "calculate": {
            "request": {"operation": "multiply", "operands": [{"value": "input_tokens"}, {"value": "rates.request_token"}]},
            "response": {"value": 0.5},
        },
        "currency": "USD",
    },
}  # fmt: skip


def book(entries: dict[str, Any]) -> PriceBook:
    file = read_file(json.dumps({name: {"pricing_config": entry} for name, entry in entries.items()}), "openai")
    assert not file.warnings
    return PriceBook([PriceTable(encode("test", {"openai": file.prices}))])


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_written_is_read_as_the_same_prices(name: str) -> None:
    first = book(ENTRIES)
    config = pricing_config(first, "openai", name, 1.0)
    assert config is not None
    again = book({name: config})
    for mode in ("standard", "batch"):
        one, other = first.look_up("openai", name, mode=mode), again.look_up("openai", name, mode=mode)
        assert one is not None
        assert other is not None
        assert [(case.rates, case.formula) for case in one.cases] == [
            (case.rates, case.formula) for case in other.cases
        ]


def test_an_entry_has_the_members_of_the_files() -> None:
    config = pricing_config(book(ENTRIES), "openai", "rich", 1.0)
    assert config is not None
    pay = ENTRIES["rich"]["pay_as_you_go"]
    assert config["pay_as_you_go"] == pay
    assert {name: config[name] for name in ("fixed_cost", "finetune_config", "currency")} == {
        name: ENTRIES["rich"][name] for name in ("fixed_cost", "finetune_config", "currency")
    }


def test_an_overlay_is_told_and_an_unknown_model_is_none() -> None:
    prices = ModelPrices((Case({"input": 3, "output": 10**10}),))
    own = PriceBook((), Overlay("overlay@1", {("echo", "m"): OverlayEntry(prices)}))
    config = pricing_config(own, "echo", "m", 1.0)
    assert config is not None
    assert config["pay_as_you_go"] == {"request_token": {"price": 3e-10}, "response_token": {"price": 1.0}}
    assert pricing_config(own, "echo", "other", 1.0) is None
