"""The conversion of the library's objects, beside what the library itself computes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.prices.book import PriceBook
from penstock.prices.charge import picos
from penstock.prices.table import PriceTable
from penstock.stores.price_conversion import converted

NOW = 1_780_000_000.0


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return PriceTable(converted("0"))


def test_the_table_has_the_gateways_names_of_providers(table: PriceTable) -> None:
    assert {"openai", "anthropic", "bedrock", "vertex-ai", "google", "azure-openai", "mistral-ai", "x-ai"} <= {
        *table.providers
    }
    assert not {"aws", "azure", "mistral", "cursor"} & {*table.providers}
    assert table.source == "genai-prices-0"


def test_plain_charges_are_those_of_the_library(table: PriceTable) -> None:
    """Input, cached input and output of every model of four providers, at one moment, to the picodollar."""
    from genai_prices.data import providers

    book, at, compared = PriceBook([table]), datetime.fromtimestamp(NOW, UTC), 0
    slugs = {"openai": "openai", "anthropic": "anthropic", "google": "google", "deepseek": "deepseek"}
    for provider in providers:
        for model in provider.models if provider.id in slugs else ():
            price = book.look_up(slugs[provider.id], model.id)
            prices = model.get_prices(at)
            if price is None or price.name != model.id or not isinstance(prices.input_mtok, Decimal):
                continue
            rates = price.case(1000, NOW).rates
            expected = [(name, getattr(prices, key)) for name, key in KEYS.items()]
            got = [(name, Decimal(rates[name]) / 10**6 if name in rates else None) for name, _ in expected]
            assert got == [(name, value) for name, value in expected], model.id
            compared += 1
    assert compared > 100


KEYS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}


def test_a_charge_of_the_library_by_its_own_arithmetic(table: PriceTable) -> None:
    import genai_prices

    usage = genai_prices.Usage(input_tokens=1000, cache_read_tokens=100, output_tokens=200)
    theirs = genai_prices.calc_price(
        usage, "gpt-4o", provider_id="openai", genai_request_timestamp=datetime.fromtimestamp(NOW, UTC)
    )
    price = PriceBook([table]).look_up("openai", "gpt-4o")
    assert price is not None
    assert picos(Usage(1000, 200, cached=100), price, NOW) == theirs.total_price * 10**12


def test_names_are_matched_as_the_library_matches_them(table: PriceTable) -> None:
    from genai_prices.data import providers

    openai = next(provider for provider in providers if provider.id == "openai")
    for name in ("gpt-4o-2024-08-06", "gpt-4o-mini", "o3-mini-2025-01-31", "gpt-5-nano", "text-embedding-3-small"):
        theirs = openai.find_model(name)
        ours = table.find("openai", name)
        assert theirs is not None
        assert ours is not None
        assert ours.name == theirs.id


def test_prices_by_the_size_of_the_prompt_and_by_mode(table: PriceTable) -> None:
    price = PriceBook([table]).look_up("google", "gemini-2.5-pro")
    assert price is not None
    assert price.case(200_000, NOW).rates["input"] * 2 == price.case(200_001, NOW).rates["input"]
    modes = {case["mode"] for case in cases(table, "openai") if "mode" in case}
    assert modes == {"batch", "fast", "flex", "priority"}


def test_prices_by_the_time_of_day(table: PriceTable) -> None:
    price = PriceBook([table]).look_up("deepseek", "deepseek-chat")
    assert price is not None
    midnight = NOW // 86_400 * 86_400
    day, night = price.case(1, midnight + 12 * 3600).rates, price.case(1, midnight + 20 * 3600).rates
    assert day["input"] > night["input"]


def cases(table: PriceTable, provider: str) -> Iterator[dict[str, Any]]:
    for prices in json.loads(table.body)["providers"][provider]["models"].values():
        yield from prices["cases"]


def test_the_conversion_gives_the_same_bytes_again(table: PriceTable) -> None:
    assert converted("0") == table.body
