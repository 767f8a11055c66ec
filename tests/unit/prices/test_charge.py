"""Charges: each token once, in the narrowest class with a price, rounded once."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.money import nanos_settled
from penstock.core.usage import Usage
from penstock.prices.book import Price
from penstock.prices.charge import Charge, Line, charge, lines, picos, token_counts
from penstock.prices.formula import read_formula
from penstock.prices.rates import OF_INPUT, OF_OUTPUT, Case

PLAIN = {"input": 1000, "output": 3000}
ALL = {
    "input": 2, "cache_read": 3, "cache_write": 5, "cache_write_1h": 7, "audio_in": 11, "cache_read_audio": 13,
    "image_in": 17, "output": 19, "reasoning": 23, "audio_out": 29, "image_out": 31,
}  # fmt: skip


def price(rates: dict[str, int], *more: Case) -> Price:
    return Price("openai", "m", "v1", "exact", "standard", (*more, Case(rates)), is_steady=True)


def counted(usage: Usage, rates: dict[str, int]) -> dict[str, int]:
    return {line.name: line.count for line in lines(usage, price(rates), 0)}


def test_a_charge_says_what_it_rests_on() -> None:
    assert charge(Usage(1, 1), price(PLAIN), 0) == Charge(4, "v1", "exact")


def test_prompt_tokens_include_cached_and_written_ones() -> None:
    usage = Usage(100, 10, cached=40, cache_written=30, cache_written_1h=20)
    assert counted(usage, ALL) == {"input": 30, "cache_read": 40, "cache_write": 10, "cache_write_1h": 20, "output": 10}


def test_what_has_no_price_of_its_own_costs_what_plain_tokens_cost() -> None:
    usage = Usage(100, 10, cached=40, cache_written=30, reasoning=5, audio_in=3, audio_out=2, image_in=1, image_out=1)
    assert picos(usage, price(PLAIN), 0) == 100 * 1000 + 10 * 3000


def test_an_hour_in_the_cache_costs_what_writing_costs_where_it_has_no_price() -> None:
    usage = Usage(10, 0, cache_written=10, cache_written_1h=4)
    assert picos(usage, price({"input": 1, "cache_write": 10}), 0) == 100


def test_parts_of_the_answer() -> None:
    usage = Usage(0, 100, reasoning=60, audio_out=10, image_out=5)
    assert counted(usage, ALL) == {"output": 25, "reasoning": 60, "audio_out": 10, "image_out": 5}


def test_audio_that_was_read_from_the_cache_is_counted_once() -> None:
    usage = Usage(100, 0, cached=80, audio_in=50)
    assert counted(usage, ALL) == {"cache_read": 50, "cache_read_audio": 30, "audio_in": 20}
    assert picos(usage, price({"input": 2, "cache_read": 3, "audio_in": 11}), 0) == 80 * 3 + 20 * 11


def test_counts_that_contradict_each_other_are_never_negative() -> None:
    assert counted(Usage(0, 0, cached=10, cache_written=5, cache_written_1h=99, reasoning=7), ALL) == {
        "cache_read": 10, "cache_write_1h": 5, "reasoning": 7,
    }  # fmt: skip
    assert counted(Usage(), ALL) == {}


def test_a_large_prompt_has_the_prices_of_large_prompts() -> None:
    tiered = price(PLAIN, Case({"input": 7}, above=100))
    assert picos(Usage(100), tiered, 0) == 100_000
    assert picos(Usage(101), tiered, 0) == 707


def test_searches_and_units() -> None:
    rates = {"unit.search": 50, "unit.web_search": 70, "unit.file_search": 2, "request": 9}
    assert counted(Usage(searches=3, units={"file_search": 4, "free": 1}), rates) == {
        "request": 1, "unit.web_search": 3, "unit.file_search": 4,
    }  # fmt: skip
    assert counted(Usage(searches=3), {"unit.search": 50}) == {"unit.search": 3}
    assert counted(Usage(searches=3), {"input": 50}) == {}


@pytest.mark.parametrize(
    ("native", "unit"), [({}, "low"), ({"search_context_size": "high"}, "high"), ({"search_context_size": 1}, "low")]
)
def test_a_request_that_searches_costs_by_how_much_it_reads(native: dict[str, object], unit: str) -> None:
    rates = {f"unit.web_search_{size}_context": 1 for size in ("low", "medium", "high")}
    assert counted(Usage(native=native), rates) == {f"unit.web_search_{unit}_context": 1}


@pytest.mark.parametrize(
    ("quality", "size", "class_"),
    [("high", "1024x1024", "high.1024x1024"), ("high", "9x9", "high.default"), ("low", "9x9", "default.default"), ("default", "default", "default.default")],
)  # fmt: skip
def test_pictures(quality: str, size: str, class_: str) -> None:
    rates = {f"image.{name}": 5 for name in ("high.1024x1024", "high.default", "default.default")}
    assert counted(Usage(units={f"image.{quality}.{size}": 2}), rates) == {f"image.{class_}": 2}
    assert counted(Usage(units={f"image.{quality}.{size}": 2}), PLAIN) == {}


def test_pictures_whose_tokens_are_told_are_charged_by_tokens() -> None:
    usage = Usage(10, 50, image_out=50, units={"image.high.1024x1024": 1})
    rates = {"image.high.1024x1024": 9, "output": 3}
    assert counted(usage, rates) == {"input": 10, "output": 50}
    assert counted(usage, {"image.high.1024x1024": 9}) == {"input": 10, "output": 50, "image.high.1024x1024": 1}


@pytest.mark.parametrize(
    ("units", "rates", "picos_of_all"),
    [
        ({"seconds": 9}, {"unit.audio_hours": 5, "unit.input_audio_hours": 5}, 45),
        ({"seconds": 9}, {"unit.request_audio_token": 600}, 90),
        ({"characters": 7}, {"unit.input_mchars": 3}, 21),
        ({"characters": 7}, {"input": 3}, 21),
        ({"characters": 7}, {"input": 3, "output": 12}, 0),
        ({"search_units": 2}, {"input": 4}, 8),
        ({"search_units": 2}, {"input": 4, "request": 1}, 1),
        ({"search_units": 2}, {"unit.search_units": 6, "input": 4}, 12),
    ],
)
def test_units_are_found_by_the_names_of_the_prices(
    units: dict[str, int], rates: dict[str, int], picos_of_all: int
) -> None:
    assert picos(Usage(units=units), price(rates), 0) == picos_of_all


def test_what_is_told_in_tokens_is_not_charged_twice() -> None:
    usage = Usage(10, 0, units={"seconds": 9, "characters": 5})
    assert picos(usage, price({"input": 2, "unit.audio_hours": 5}), 0) == 20


def test_a_formula_says_how_pictures_are_charged() -> None:
    value = {
        "request": {"operation": "multiply", "operands": [{"value": "0"}, {"value": "input_tokens"}]},
        "response": {"operation": "multiply", "operands": [{"value": "1"}, {"value": "rates.image"}]},
    }
    case = Case({"image.default.default": 4000, "image.hd.default": 8000, "unit.x": 1}, formula=read_formula(value))
    by_formula = Price("openai", "m", "v1", "exact", "standard", (case,), is_steady=True)
    assert picos(Usage(77), by_formula, 0) == 4000
    assert picos(Usage(77, units={"x": 2, "image.hd.default": 3}), by_formula, 0) == 24_002


def test_a_formula_names_classes_of_tokens() -> None:
    def product(*names: str) -> dict[str, object]:
        return {"operation": "multiply", "operands": [{"value": name} for name in names]}

    value = {
        "request": {
            "operation": "sum",
            "operands": [
                product("input_tokens", "rates.request_token"),
                product("cache_read_tokens", "rates.cache_read_input_token"),
                product("cache_write_tokens", "rates.cache_write_token"),
            ],
        },
        "response": product("output_tokens", "rates.response_token"),
    }
    case = Case({"input": 10, "output": 100, "cache_read": 1}, formula=read_formula(value))
    by_formula = Price("openai", "m", "v1", "exact", "standard", (case,), is_steady=True)
    assert picos(Usage(30, 2, cached=10, cache_written=5), by_formula, 0) == 15 * 10 + 10 * 1 + 5 * 10 + 2 * 100


def test_lines_add_up() -> None:
    usage = Usage(100, 50, cached=10, searches=1, units={"file_search": 1})
    rates = {**PLAIN, "unit.web_search": 5, "unit.file_search": 6}
    parts = lines(usage, price(rates), 0)
    assert Line("cache_read", 10, 1000) in parts
    assert sum(part.count * part.picos for part in parts) == picos(usage, price(rates), 0)


_COUNT = st.one_of(st.none(), st.integers(0, 10**7))
_USAGES = st.builds(Usage, _COUNT, _COUNT, st.none(), _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT)
_RATES = st.dictionaries(st.sampled_from((*OF_INPUT, *OF_OUTPUT)), st.integers(0, 10**9))


@given(_USAGES, _RATES)
def test_no_token_is_charged_twice_and_none_is_left_out(usage: Usage, rates: dict[str, int]) -> None:
    counts = token_counts(usage, rates)
    assert all(count > 0 for count in counts.values())
    prompt = sum(counts.get(name, 0) for name in OF_INPUT)
    told = max(usage.prompt or 0, (usage.cached or 0) + (usage.cache_written or 0))
    assert told <= prompt <= max(told, (usage.audio_in or 0) + (usage.image_in or 0) + (usage.cache_written or 0))
    answer = sum(counts.get(name, 0) for name in OF_OUTPUT)
    assert answer >= (usage.completion or 0)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 10**6)), min_size=1, max_size=50))
def test_a_charge_is_the_exact_sum_rounded_once(parts: list[tuple[int, int]]) -> None:
    rates = {f"unit.u{number}": picos for number, (_, picos) in enumerate(parts)}
    units = {f"u{number}": count for number, (count, _) in enumerate(parts)}
    exact = sum((Decimal(count) * each for count, each in parts), Decimal(0)) / 1000
    charged = charge(Usage(units=units), price(rates), 0)
    assert charged.nanos == int(exact.to_integral_value(ROUND_HALF_EVEN))


def test_a_million_small_charges_are_the_exact_sum() -> None:
    """Each of a million embeddings of 20 tokens costs 400 nanodollars, and their sum 40 cents, to the nanodollar."""
    one = charge(Usage(20), price({"input": 20_000}), 0).nanos
    assert one == 400
    assert one * 10**6 == int(Decimal("0.4") * 10**9)
    odd = price({"input": 1})
    total = sum(picos(Usage(number % 1000), odd, 0) for number in range(10**5))
    assert nanos_settled(total) == int((Decimal(total) / 1000).to_integral_value(ROUND_HALF_EVEN))


COUNT = st.none() | st.integers(0, 50)
RATES = st.dictionaries(
    st.sampled_from(("input", "output", "cache_read", "reasoning", "request", "unit.web_search_low_context")),
    st.integers(0, 10_000),
)


@given(
    COUNT, COUNT, st.fixed_dictionaries({}, optional={"cached": COUNT, "reasoning": COUNT, "searches": COUNT}), RATES
)
def test_a_plain_usage_costs_what_its_lines_add_up_to(
    prompt: int | None, completion: int | None, parts: dict[str, Any], rates: dict[str, int]
) -> None:
    usage, of = Usage(prompt, completion, **parts), price(rates)
    amount = sum(line.count * line.picos for line in lines(usage, of, 0))
    assert picos(usage, of, 0) == amount
    assert charge(usage, of, 0).nanos == nanos_settled(amount)
