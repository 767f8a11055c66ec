"""The price files of Portkey-AI/models, where they are at hand: all values load, and charges are what a hand computes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.prices.book import PriceBook
from penstock.prices.charge import charge
from penstock.prices.rates import Case
from penstock.prices.table import PriceTable
from penstock.stores.price_files import Files, merged, read_files
from running import SHARED

FILES = SHARED / "prices" / "pricing"
pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason="the price files are not at hand: they are not part of a clone"
)
NOW = 1_800_000_000.0
TOKEN_CLASSES = {
    "request_token": "input", "response_token": "output", "cache_read_input_token": "cache_read",
    "cache_write_input_token": "cache_write", "request_audio_token": "audio_in", "response_audio_token": "audio_out",
    "cache_read_audio_input_token": "cache_read_audio", "request_image_token": "image_in",
    "response_image_token": "image_out", "cache_read_image_input_token": "cache_read_image",
    "cached_image_input_token": "cache_read_image", "reasoning_token": "reasoning", "request_text_token": "input",
    "response_text_token": "output", "cache_read_text_input_token": "cache_read",
    "cached_text_input_token": "cache_read", "cache_write_1h": "cache_write_1h", "image_token": "image_out",
}  # fmt: skip


@cache
def loaded() -> tuple[Files, PriceTable]:
    files = read_files([FILES], {})
    return files, merged(files, None)


@cache
def book() -> PriceBook:
    return PriceBook([loaded()[1]])


class Golden(msgspec.Struct, frozen=True):
    """A charge worked out by hand from the files: ``dollars`` is the exact sum."""

    provider: str
    model: str
    usage: Usage
    dollars: str
    mode: str = "standard"
    region: str = ""


# What was added up, in cents, stands behind each line.
# fmt: off
GOLDEN = [
    Golden("openai", "gpt-4o", Usage(1000, 500, cached=400), "0.007"),  # cents: 600×0.00025 + 400×0.000125 + 500×0.001
    Golden("openai", "gpt-4o-mini", Usage(123_457, 7, cached=128), "0.01851315"),  # cents: 123329×0.000015 + 128×0.0000075 + 7×0.00006
    Golden("openai", "gpt-4.1", Usage(10_000, 2_000), "0.018", mode="batch"),  # cents: 10000×0.0001 + 2000×0.0004
    Golden("openai", "o3", Usage(200, 3_000, reasoning=2_800), "0.0244"),  # cents: 200×0.0002 + 3000×0.0008
    Golden("openai", "o1-pro", Usage(50, 50, reasoning=40), "0.0375"),  # cents: 50×0.015 + 50×0.06
    Golden("openai", "gpt-5", Usage(9_000, 100, cached=8_960, searches=3), "0.03217"),  # cents: 40×0.000125 + 8960×0.0000125 + 100×0.001 + 3×1
    Golden("openai", "gpt-5-nano", Usage(1, 1), "0.00000045"),  # cents: 1×0.000005 + 1×0.00004
    Golden("openai", "gpt-5-nano", Usage(1_000_001, 3, cached=1_000_000), "0.002500625", mode="batch"),  # cents: 1×0.0000025 + 1000000×0.00000025 + 3×0.00002
    Golden("openai", "gpt-5.4", Usage(272_000, 1_000), "0.695"),  # cents: 272000×0.00025 + 1000×0.0015
    Golden("openai", "gpt-5.4", Usage(272_001, 1_000), "1.382505"),  # cents: 272001×0.0005 + 1000×0.00225
    Golden("openai", "text-embedding-3-small", Usage(20), "0.0000004"),  # cents: 20×0.000002
    Golden("openai", "text-embedding-3-large", Usage(8_191), "0.00106483"),  # cents: 8191×0.000013
    Golden("openai", "gpt-4o-audio-preview", Usage(1_100, 600, audio_in=1_000, audio_out=500), "0.20125"),  # cents: 100×0.00025 + 1000×0.01 + 100×0.001 + 500×0.02
    Golden("openai", "gpt-realtime", Usage(1_000, 100, audio_in=300, audio_out=80), "0.01784"),  # cents: 700×0.0004 + 300×0.0032 + 20×0.0016 + 80×0.0064
    Golden("openai", "gpt-image-1", Usage(50, 4_160, image_out=4_160), "0.16665"),  # cents: 50×0.0005 + 4160×0.004
    Golden("openai", "dall-e-3", Usage(units={"image.hd.1024x1792": 2}), "0.24"),  # cents: 2×12
    Golden("openai", "dall-e-3", Usage(units={"image.default.default": 1}), "0.04"),  # cents: 1×4
    Golden("openai", "gpt-image-1", Usage(units={"image.high.1024x1024": 2}), "0.334"),  # cents: 2×16.7
    Golden("openai", "whisper-1", Usage(units={"seconds": 90}), "0.009"),  # cents: 1.5×0.6
    Golden("openai", "tts-1", Usage(units={"characters": 2_000}), "0.03"),  # cents: 2000×0.0015
    Golden("cohere", "rerank-v3.5", Usage(units={"search_units": 2}), "0.004"),  # cents: 2×0.2
    Golden("google", "imagen-4.0-generate-001", Usage(units={"image.default.default": 3}), "0.12"),  # cents: 3×4
    Golden("openai", "sora-2-pro", Usage(units={"video_duration_seconds_1280_720": 8}), "2.4"),  # cents: 8×30
    Golden("openai", "ft:gpt-4o-2024-08-06:acme:support:9abc", Usage(1_000, 100), "0.00525"),  # cents: 1000×0.000375 + 100×0.0015
    Golden("openai", "gpt-4o-search-preview", Usage(100, 200, searches=1), "0.01225"),  # cents: 100×0.00025 + 200×0.001 + 1×1
    Golden("openai", "gpt-4.1", Usage(100, 200, units={"file_search": 4}), "0.0118"),  # cents: 100×0.0002 + 200×0.0008 + 4×0.25
    Golden("anthropic", "claude-3-haiku-20240307", Usage(5_000, 100, cached=2_000, cache_written=2_500), "0.00106"),  # cents: 500×0.000025 + 2000×0.000003 + 2500×0.00003 + 100×0.000125
    Golden("anthropic", "claude-3-5-sonnet-20241022", Usage(3_000, 10, cache_written=3_000, cache_written_1h=1_000), "0.01365"),  # cents: 2000×0.000375 + 1000×0.0006 + 10×0.0015
    Golden("anthropic", "claude-opus-4-1-20250805", Usage(1_000, 1_000), "0.045", mode="batch"),  # cents: 1000×0.00075 + 1000×0.00375
    Golden("anthropic", "claude-haiku-4-5", Usage(777, 333, cached=111), "0.00117105", mode="batch"),  # cents: 666×0.00005 + 111×0.000005 + 333×0.00025
    Golden("google", "gemini-1.5-pro", Usage(128_000, 10), "0.16005"),  # cents: 128000×0.000125 + 10×0.0005
    Golden("google", "gemini-1.5-pro", Usage(128_001, 10), "0.3201025"),  # cents: 128001×0.00025 + 10×0.001
    Golden("google", "models/gemini-2.5-pro", Usage(150_000, 900, cached=100_000), "0.1635"),  # cents: 50000×0.00025 + 100000×0.000025 + 900×0.0015
    Golden("google", "gemini-2.5-flash", Usage(1_000, 1_000, searches=2), "0.0728"),  # cents: 1000×0.00003 + 1000×0.00025 + 2×3.5
    Golden("google", "gemini-3.1-pro-preview", Usage(190_000, 10), "0.38012"),  # cents: 190000×0.0002 + 10×0.0012
    Golden("google", "gemini-3.1-pro-preview", Usage(200_001, 10), "0.400092", mode="batch"),  # cents: 200001×0.0002 + 10×0.0009
    Golden("vertex-ai", "claude-3-5-haiku@20241022", Usage(900, 90, cached=800), "0.000504"),  # cents: 100×0.00008 + 800×0.000008 + 90×0.0004
    Golden("vertex-ai", "gemini-3.1-flash-image", Usage(100, 1_390, image_out=1_290), "0.07775"),  # cents: 100×0.00005 + 100×0.0003 + 1290×0.006
    Golden("vertex-ai", "gemini-2.5-pro", Usage(200_001, 5), "0.5000775"),  # cents: 200001×0.00025 + 5×0.0015
    Golden("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", Usage(1_000, 1_000), "0.018"),  # cents: 1000×0.0003 + 1000×0.0015
    Golden("bedrock", "apac.amazon.nova-pro-v1:0", Usage(1_000_000, 100), "0.80032"),  # cents: 1000000×0.00008 + 100×0.00032
    Golden("bedrock", "amazon.nova-pro-v1:0", Usage(1_000_000, 100), "0.840336", region="ap-southeast-2"),  # cents: 1000000×0.000084 + 100×0.000336
    Golden("bedrock", "meta.llama3-3-70b-instruct-v1:0", Usage(999, 1), "0.00072"),  # cents: 999×0.000072 + 1×0.000072
    Golden("azure-openai", "gpt-4o", Usage(1_000, 500, cached=1_000), "0.00625"),  # cents: 1000×0.000125 + 500×0.001
    Golden("mistral-ai", "mistral-large-latest", Usage(12_345, 678), "0.0071895"),  # cents: 12345×0.00005 + 678×0.00015
    Golden("groq", "llama-3.3-70b-versatile", Usage(17, 19), "0.00002504"),  # cents: 17×0.000059 + 19×0.000079
    Golden("deepseek", "deepseek-chat", Usage(1_000, 1, cached=999), "0.0000032172"),  # cents: 1×0.000014 + 999×0.00000028 + 1×0.000028
    Golden("x-ai", "grok-4.3", Usage(100, 100, cached=50, units={"x_search": 2}), "0.0103225"),  # cents: 50×0.000125 + 50×0.00002 + 100×0.00025 + 2×0.5
    Golden("perplexity-ai", "sonar-pro", Usage(100, 100, native={"search_context_size": "high"}), "0.0158"),  # cents: 100×0.0003 + 100×0.0015 + 1×1.4
    Golden("perplexity-ai", "sonar-pro", Usage(100, 100), "0.0078"),  # cents: 100×0.0003 + 100×0.0015 + 1×0.6
    Golden("perplexity-ai", "pplx-70b-online", Usage(100, 100), "0.00528"),  # cents: 100×0.00028 + 1×0.5
    Golden("together-ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", Usage(31, 37), "0.00005984"),  # cents: 68×0.000088
    Golden("fireworks-ai", "accounts/fireworks/models/llama-v3p1-8b-instruct", Usage(1_000, 1_000), "0.0004"),  # cents: 2000×0.00002
    Golden("dashscope", "qwen-plus", Usage(100, 1_000, reasoning=900), "0.00376"),  # cents: 100×0.00004 + 100×0.00012 + 900×0.0004
    Golden("openrouter", "google/gemini-3.1-flash-lite-preview", Usage(1_000, 10, cache_written=1_000), "0.0000983333333333333"),  # cents: 1000×0.00000833333333333333 + 10×0.00015
    Golden("z-ai", "glm-4.6", Usage(5_000, 70, cached=4_999), "0.00070449"),  # cents: 1×0.00006 + 4999×0.000011 + 70×0.00022
    Golden("moonshot", "kimi-k2-0905-preview", Usage(3, 3, cached=1), "0.00000885"),  # cents: 2×0.00006 + 1×0.000015 + 3×0.00025
    Golden("cerebras", "llama3.1-8b", Usage(1, 0), "0.0000001"),  # cents: 1×0.00001
]
# fmt: on


def test_enough_models_have_a_charge_worked_out_by_hand() -> None:
    assert len({(each.provider, each.model) for each in GOLDEN}) >= 40


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden.provider}/{golden.model}-{golden.dollars}")
def test_charges_are_what_a_hand_computes(golden: Golden) -> None:
    price = book().look_up(golden.provider, golden.model, golden.region, golden.mode)
    assert price is not None
    charged = charge(golden.usage, price, NOW)
    exact = Decimal(golden.dollars) * 10**9
    assert charged.nanos == int(exact.to_integral_value(ROUND_HALF_EVEN))
    assert charged.price_version == loaded()[1].version


class Value(msgspec.Struct, frozen=True):
    """A price of a file that is not 0: of which model, where in its entry, in cents."""

    provider: str
    model: str
    path: tuple[str, ...]
    cents: Decimal


@cache
def values() -> tuple[Value, ...]:
    found: list[Value] = []
    for file in sorted(FILES.glob("*.json")):
        entries = json.loads(file.read_text(), parse_float=Decimal)
        for model, entry in entries.items():
            found += [Value(file.stem, model, path, Decimal(cents)) for path, cents in leaves(entry, ()) if cents]
    return tuple(found)


def leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Decimal]]:
    if isinstance(value, dict):
        if "price" in value:
            yield path, value["price"]
        for name, each in value.items():
            yield from leaves(each, (*path, name))


def test_all_values_load() -> None:
    """Each of them is read, and found again by its model, region, mode and size of the prompt, as the nearest whole
    number of picodollars. Two kinds are read and then left out: ``default`` entries, whose models nobody knows, and an
    entry that stands inside another one, which is told."""
    assert len(values()) == 16_930
    lost = [value for value in values() if not is_found(value)]
    assert {(value.provider, value.model) for value in lost} == {
        ("azure-ai", "dall-e-2"), ("deepgram", "default"), ("reka-ai", "default"), ("x-ai", "default"),
    }  # fmt: skip
    assert len(lost) == 11
    assert loaded()[0].warnings == ["azure-ai.dall-e-2.gpt-image-1: unknown member, left out"]


def is_found(value: Value) -> bool:
    prices = loaded()[0].providers[value.provider].models.get(value.model)
    picos = round(Fraction(value.cents) * 10**10)
    return prices is not None and any(
        fits(case, value.path) and (case.rates.get(name) == picos or is_part(case, name, picos))
        for case in prices.cases
        for name in names(value.path)
    )


def is_part(case: Case, name: str, picos: int) -> bool:
    """A minute of sound, which is told under several names, counts once; a fixed cost is a sum of two."""
    return name in {"audio_in", "audio_out", "input"} and case.rates.get("unit.request_audio_token") == picos


def fits(case: Case, path: tuple[str, ...]) -> bool:
    if path[0] == "pricing_config":
        return (
            not case.regions and not case.above and case.mode == ("batch" if path[1] == "batch_config" else "standard")
        )
    if path[0] != "custom_pricing":
        return False
    regions, mode = path[2], path[4]
    tier = next((part for part in path if part.startswith(("lte-", "gt-"))), "")
    above = int(tier.removeprefix("gt-").removesuffix("k")) * 1000 if tier.startswith("gt-") else 0
    return case.regions == (() if regions == "default" else tuple(regions.split(","))) and (case.mode, case.above) == (
        mode,
        above,
    )


def names(path: tuple[str, ...]) -> Iterator[str]:
    """The classes that a path may stand for."""
    last = path[-1]
    if "fixed_cost" in path:
        yield "request"
    elif "finetune_config" in path:
        yield f"finetune.{last}"
    elif "image" in path:
        yield f"image.{path[-2]}.{last}"
    else:
        if last in TOKEN_CLASSES:
            yield TOKEN_CLASSES[last]
        yield f"unit.{last}"


def test_every_entry_of_regions_and_modes_is_reachable() -> None:
    entries = [
        (file.stem, model, entry["custom_pricing"]["regions"])
        for file in sorted(FILES.glob("*.json"))
        for model, entry in json.loads(file.read_text()).items()
        if "custom_pricing" in entry
    ]
    assert len(entries) == 260
    for provider, model, regions in entries:
        for names_, region in regions.items():
            for mode, prices in region["execution_modes"].items():
                for name in [""] if names_ == "default" else names_.split(","):
                    price = book().look_up(provider, model, name, mode)
                    assert price is not None, (provider, model, name, mode)
                    for tier, config in (prices.get("context_tiers") or {"": prices}).items():
                        prompt = 500_000 if tier.startswith("gt-") else 1
                        expected = config["pricing_config"]["pay_as_you_go"].get("request_token", {"price": 0})["price"]
                        got = price.case(prompt, NOW).rates.get("input", 0)
                        assert got == round(Fraction(str(expected)) * 10**10), (provider, model, name, mode, tier)


def test_entries_for_models_that_nobody_knows_are_no_prices() -> None:
    for file in FILES.glob("*.json"):
        assert book().look_up(file.stem, "default") is None or file.stem == "default"


def test_the_files_are_named_after_providers() -> None:
    from penstock.providers.registry import PROVIDERS

    known = {file.stem for file in Path(FILES).glob("*.json")} & PROVIDERS.keys()
    assert len(known) >= 30
