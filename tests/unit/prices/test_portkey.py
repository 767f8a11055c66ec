"""Price files in Portkey's format: cents a token, regions, modes, tiers, formulas."""

import json
from typing import Any

import pytest

from penstock.prices.classes import PriceError
from penstock.prices.portkey import read_file
from penstock.prices.rates import Case


def price(number: float) -> dict[str, float]:
    return {"price": number}


def tokens(request: float, response: float = 0) -> dict[str, Any]:
    return {"request_token": price(request), "response_token": price(response)}


def entry(**members: Any) -> dict[str, Any]:
    return {"pricing_config": {"pay_as_you_go": tokens(0.0001, 0.0004), **members}}


def cases(value: Any) -> tuple[Case, ...]:
    return read_file(json.dumps({"m": value}), "openai").prices.models["m"].cases


def test_a_plain_entry() -> None:
    assert cases(entry(currency="USD")) == (Case({"input": 1_000_000, "output": 4_000_000}),)


def test_a_batch_costs_what_the_file_says_and_else_half() -> None:
    value = entry(batch_config={"request_token": price(0.00003)})
    value["pricing_config"]["pay_as_you_go"]["cache_read_input_token"] = price(0.00001)
    assert cases(value)[1] == Case({"input": 300_000, "output": 2_000_000, "cache_read": 50_000}, "batch")


def test_fixed_costs_and_training() -> None:
    value = entry(
        fixed_cost={"request": price(0.5), "response": price(0.1)},
        finetune_config={"pay_per_token": price(0.0008), "pay_per_hour": price(200)},
    )
    assert cases(value)[0].rates == {
        "input": 1_000_000, "output": 4_000_000, "request": 6_000_000_000, "finetune.pay_per_token": 8_000_000,
        "finetune.pay_per_hour": 2_000_000_000_000,
    }  # fmt: skip


def test_regions_modes_and_tiers() -> None:
    value = entry(fixed_cost={"request": price(0.5)})
    value["custom_pricing"] = {
        "context_tier_map": {"0": "lte-200k", "200000": "gt-200k"},
        "regions": {
            "default": {
                "execution_modes": {
                    "standard": {
                        "context_tiers": {
                            "lte-200k": {"pricing_config": {"pay_as_you_go": tokens(0.0002)}},
                            "gt-200k": {"pricing_config": {"pay_as_you_go": tokens(0.0003)}},
                        }
                    }
                }
            },
            "us, eu": {"execution_modes": {"priority": {"pricing_config": {"pay_as_you_go": tokens(0.0004)}}}},
        },
    }
    fixed = {"request": 5_000_000_000}
    assert cases(value)[1:] == (
        Case({**fixed, "input": 2_000_000, "output": 0}),
        Case({**fixed, "input": 3_000_000, "output": 0}, above=200_000),
        Case({**fixed, "input": 4_000_000, "output": 0}, "priority", ("us", "eu")),
    )


def test_formulas_are_kept() -> None:
    tree = {"operation": "multiply", "operands": [{"value": "1"}, {"value": "rates.image"}]}
    assert cases(entry(calculate={"response": tree}))[0].formula == ["0", ["*", "1", "rates.image"]]


def test_entries_without_prices_and_for_models_that_nobody_knows_are_left_out() -> None:
    file = read_file(json.dumps({"default": entry(), "none": {"pricing_config": None}, "m": entry()}), "openai")
    assert [*file.prices.models] == ["m"]
    assert not file.warnings


def test_unknown_members_are_left_out_with_a_warning() -> None:
    file = read_file(json.dumps({"m": {**entry(discount=1), "gpt-x": entry()}}), "openai")
    assert file.warnings == (
        "openai.m.gpt-x: unknown member, left out",
        "openai.m.pricing_config.discount: unknown member, left out",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "openai: no JSON"),
        ("[]", "openai: expected an object"),
        ('{"m": 1}', "openai.m: expected an object"),
        ('{"m": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": "x"}}}}}', "pay_as_you_go.request_token.price: expected a number"),
        ('{"m": {"pricing_config": {"currency": "EUR"}}}', "openai.m.pricing_config.currency: expected USD"),
        ('{"m": {"pricing_config": {"pay_as_you_go": {}, "calculate": {"request": {"operation": "max", "operands": [{"value": "1"}]}}}}}', "openai.m.pricing_config.calculate: unknown operation 'max'"),
        ('{"m": {"pricing_config": {"pay_as_you_go": {}, "calculate": {"request": {"value": "moon_phase"}}}}}', "unknown value moon_phase"),
        ('{"m": {"custom_pricing": {"context_tier_map": {"x": "y"}}}}', "context_tier_map.x: expected a number of tokens and a name"),
        (f'{{"m": {{"custom_pricing": {{"context_tier_map": {{"{"9" * 5000}": "y"}}}}}}}}', "expected a number of tokens and a name"),
        ('{"m": {"pricing_config": {"pay_as_you_go": {}, "calculate": {"request": {"value": 1e-400}}}}}', "expected a number or a name, not '1E-400'"),
        ('{"m": {"custom_pricing": {"regions": {"default": {"execution_modes": {"batch": {"context_tiers": {"gt-1k": {}}}}}}}}}', "a size that context_tier_map doesn't name"),
    ],
)  # fmt: skip
def test_wrong_values_are_told_with_their_path(text: str, reason: str) -> None:
    with pytest.raises(PriceError, match=reason.replace("(", "\\(")):
        read_file(text, "openai")


def test_a_small_factor_of_a_formula_needs_no_exponent() -> None:
    tree = '{"operation": "multiply", "operands": [{"value": 0.00000025}, {"value": "rates.image"}]}'
    file = read_file(
        f'{{"m": {{"pricing_config": {{"pay_as_you_go": {{}}, "calculate": {{"request": {tree}}}}}}}}}', "x"
    )
    assert file.warnings == ()


def test_numbers_are_read_as_decimals() -> None:
    file = read_file('{"m": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.00000000025}}}}}', "x")
    assert file.prices.models["m"].cases[0].rates == {"input": 2}
