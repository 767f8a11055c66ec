"""The operator's own prices."""

import re
import tomllib
from typing import Any

import pytest

from paths import ROOT
from penstock.prices.book import NO_OVERLAY, Overlay
from penstock.prices.overlay import read_overlay
from penstock.prices.rates import Case


def read(value: Any) -> Overlay:
    overlay, problems = read_overlay({"vllm/llama": value}, "prices")
    assert not problems
    return overlay


def test_prices_are_in_dollars_for_a_million_tokens() -> None:
    overlay = read(
        {
            "input": 0.1,
            "output": 0.4,
            "request": 0.002,
            "units": {"web_search": 0.01},
            "images": {"hd": {"default": 0.08}},
        }
    )
    (case,) = overlay.entries["vllm", "llama"].prices.cases
    assert case == Case(
        {
            "input": 100_000, "output": 400_000, "request": 2_000_000_000, "unit.web_search": 10_000_000_000,
            "image.hd.default": 80_000_000_000,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dollars", "picos"), [(0.1, 100_000), (0.0000005, 0), (0.0000015, 2), (2.5, 2_500_000), (0, 0)]
)
def test_decimals_are_exact_and_rounded_half_even(dollars: float, picos: int) -> None:
    assert read({"input": dollars}).entries["vllm", "llama"].prices.cases[0].rates == {"input": picos}


def test_modes_and_large_prompts() -> None:
    overlay = read(
        {"input": 1, "output": 2, "above": [{"prompt": 200_000, "input": 3}], "batch": {"input": 0.5}, "replaces": True}
    )
    entry = overlay.entries["vllm", "llama"]
    assert entry.replaces
    assert entry.prices.cases == (
        Case({"input": 1_000_000, "output": 2_000_000}),
        Case({"input": 3_000_000, "output": 2_000_000}, above=200_000),
        Case({"input": 500_000}, "batch"),
    )


def test_names() -> None:
    overlay, problems = read_overlay({"azure/my/model": {"input": 1}}, "prices", {"azure": "azure-openai"})
    assert not problems
    assert [*overlay.entries] == [("azure-openai", "my/model")]


def test_the_version_tells_the_content() -> None:
    assert read({"input": 1}).version == read({"input": 1.0}).version != read({"input": 2}).version
    assert read_overlay({}, "prices") == (NO_OVERLAY, [])


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ([], 'prices: expected sections, [prices."PROVIDER/MODEL"]'),
        ({"llama": {"input": 1}}, 'prices.llama: expected the name of a provider and a model, "openai/gpt-5"'),
        ({"v/m": 1}, "prices.v/m: expected an object"),
        ({"v/m": {}}, "prices.v/m: holds no price"),
        ({"v/m": {"inptu": 1}}, "prices.v/m.inptu: unknown member: did you mean input?"),
        ({"v/m": {"input": "1"}}, "prices.v/m.input: expected a number, not a text"),
        ({"v/m": {"input": -1}}, "prices.v/m.input: expected 0 or more"),
        ({"v/m": {"input": 1, "replaces": 1}}, "prices.v/m.replaces: expected true or false"),
        ({"v/m": {"input": 1, "above": {}}}, "prices.v/m.above: expected a list"),
        ({"v/m": {"input": 1, "above": [{"input": 2}]}}, "prices.v/m.above[0].prompt: expected a number of tokens"),
    ],
)
def test_problems_are_told_with_their_path(sections: Any, problem: str) -> None:
    assert read_overlay(sections, "prices")[1] == [problem]


def test_all_problems_are_told() -> None:
    assert len(read_overlay({"a/b": {}, "c": {}, "d/e": {"input": 1}}, "prices")[1]) == 2


def test_the_example_of_the_page() -> None:
    """docs/prices.md#overlay"""
    text = re.findall(r"```toml\n(.+?)```", (ROOT / "docs" / "prices.md").read_text("utf-8"), re.DOTALL)[0]
    overlay, problems = read_overlay(tomllib.loads(text)["prices"], "prices")
    assert not problems
    assert overlay.entries["vllm", "llama-3.3-70b"].prices.cases == (
        Case({"input": 120_000, "output": 300_000, "cache_read": 60_000}),
    )
    assert overlay.entries["openai", "gpt-4o"].replaces
