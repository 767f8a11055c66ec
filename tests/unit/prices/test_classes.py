"""Members of Portkey's price objects."""

from typing import Any

import pytest

from penstock.core.money import picos_from_cents
from penstock.prices.classes import PriceError, Scale, read_rates, without_placeholders

CENTS = Scale(picos_from_cents, picos_from_cents)


def read(value: Any) -> tuple[dict[str, int], list[str]]:
    warnings: list[str] = []
    return read_rates(value, "m", CENTS, warnings), warnings


def cents(number: Any) -> dict[str, Any]:
    return {"price": number}


def test_classes_and_units() -> None:
    value = {
        "request_token": cents(0.00025), "response_token": cents(0.001), "cache_read_input_token": cents(0.000125),
        "additional_units": {"cache_write_1h": cents(0.0006), "web_search": cents(1), "image_token": cents(0.003)},
        "image": {"high": {"1024x1024": cents(16.7)}},
    }  # fmt: skip
    assert read(value) == (
        {
            "input": 2_500_000, "output": 10_000_000, "cache_read": 1_250_000, "cache_write_1h": 6_000_000,
            "image_out": 30_000_000, "unit.web_search": 10_000_000_000, "image.high.1024x1024": 167_000_000_000,
        },
        [],
    )  # fmt: skip


def test_noise_of_floats_is_rounded_half_even() -> None:
    assert read({"request_token": cents(0.00005999999999999999)})[0] == {"input": 600_000}
    assert read({"request_token": cents(0.00000000005)})[0] == {"input": 0}
    assert read({"request_token": cents(0.00000000015)})[0] == {"input": 2}


def test_text_of_models_of_pictures_is_what_plain_tokens_are() -> None:
    assert read({"request_text_token": cents(0.0005)})[0] == {"input": 5_000_000}
    assert read({"request_text_token": cents(1), "request_token": cents(0.0005)})[0] == {"input": 5_000_000}


def test_prices_of_minutes_are_no_prices_of_tokens() -> None:
    minute = cents(0.6)
    value = {
        "request_token": minute,
        "request_audio_token": minute,
        "response_token": cents(0),
        "additional_units": {"request_audio_token": minute},
    }
    assert read(value)[0] == {"output": 0, "unit.request_audio_token": 6_000_000_000}


def test_unknown_members_are_left_out_with_a_warning() -> None:
    assert read({"hologram_token": cents(1)}) == ({}, ["m.hologram_token: unknown member, left out"])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "m: expected an object"),
        ({"request_token": 1}, "m.request_token: expected an object"),
        ({"request_token": {}}, "m.request_token.price: missing"),
        ({"request_token": cents("1")}, "m.request_token.price: expected a number, not a text"),
        ({"request_token": cents(None)}, "m.request_token.price: expected a number"),
        ({"request_token": cents(True)}, "m.request_token.price: expected a number"),
        ({"request_token": cents(-1)}, "m.request_token.price: expected 0 or more"),
        ({"request_token": cents(1e300)}, "m.request_token.price: expected at most 1000000 dollars for one unit"),
        ({"request_token": cents(float("nan"))}, "m.request_token.price: expected a finite number"),
        ({"additional_units": []}, "m.additional_units: expected an object"),
        ({"image": {"high": []}}, "m.image.high: expected an object"),
    ],
)
def test_wrong_types_are_told_with_their_path(value: Any, reason: str) -> None:
    with pytest.raises(PriceError) as told:
        read(value)
    assert str(told.value) == reason


def test_zeros_of_special_classes_mean_not_priced_apart() -> None:
    assert without_placeholders({"input": 5, "output": 0, "cache_write": 0, "unit.web_search": 0}) == {
        "input": 5, "output": 0, "unit.web_search": 0,
    }  # fmt: skip
    assert without_placeholders({"input": 0, "cache_write": 0}) == {"input": 0, "cache_write": 0}
