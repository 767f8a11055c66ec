"""The members of Portkey's price objects (``pay_as_you_go``) and the classes that they are prices of.

Prices of two files and of the admin API have these members, in different units. Sources:
https://github.com/Portkey-AI/models, https://portkey.ai/docs/api-reference/admin-api (integrations, models).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.money import MOST_CHARGED, NANOS
from penstock.prices.rates import (
    AUDIO_IN,
    AUDIO_OUT,
    CACHE_READ,
    CACHE_READ_AUDIO,
    CACHE_READ_IMAGE,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    IMAGE,
    IMAGE_IN,
    IMAGE_OUT,
    INPUT,
    OUTPUT,
    REASONING,
    UNIT,
    Rates,
)

_MOST: Final = MOST_CHARGED * 1000
"""Picodollars of a price that one unit may have: a request is charged no more."""
TOKENS: Final[Mapping[str, str]] = {
    "request_token": INPUT,
    "response_token": OUTPUT,
    "cache_read_input_token": CACHE_READ,
    "cache_write_input_token": CACHE_WRITE,
    "request_audio_token": AUDIO_IN,
    "response_audio_token": AUDIO_OUT,
    "cache_read_audio_input_token": CACHE_READ_AUDIO,
    "request_image_token": IMAGE_IN,
    "response_image_token": IMAGE_OUT,
    "cache_read_image_input_token": CACHE_READ_IMAGE,
    "cached_image_input_token": CACHE_READ_IMAGE,
    "reasoning_token": REASONING,
    # Models of pictures name text apart; it is what other models' plain tokens are.
    "request_text_token": INPUT,
    "response_text_token": OUTPUT,
    "cache_read_text_input_token": CACHE_READ,
    "cached_text_input_token": CACHE_READ,
}
_AGAIN: Final = frozenset({"request_text_token", "response_text_token"})
"""Members that say the same as another one, which comes first where both are there."""
_UNIT_OF_TOKENS: Final = {"cache_write_1h": CACHE_WRITE_1H, "image_token": IMAGE_OUT}
"""Additional units that are tokens."""
_MINUTES: Final = "request_audio_token"
"""An additional unit of models that read sound: their prices of audio tokens are prices of a minute."""


class PriceError(ValueError):
    """A value that is no price. The message begins with its path."""


class Scale(msgspec.Struct, frozen=True):
    """How a number is read as picodollars: ``tokens`` for a token's price, ``units`` for any other. Both raise
    ValueError."""

    tokens: Callable[[Any], int]
    units: Callable[[Any], int]


def read_rates(value: Any, path: str, scale: Scale, warnings: list[str]) -> dict[str, int]:
    """The prices of a ``pay_as_you_go`` object. Unknown members become warnings. Raises PriceError."""
    members = members_of(value, path)
    units = members_of(members.get("additional_units", {}), f"{path}.additional_units")
    by_minute = _MINUTES in units
    rates: dict[str, int] = {}
    for name, price in members.items():
        where = f"{path}.{name}"
        if name in TOKENS:
            class_ = TOKENS[name]
            if by_minute and "audio" in class_:
                continue
            picos = read_price(price, where, scale.tokens)
            if name not in _AGAIN or class_ not in rates:
                rates[class_] = picos
        elif name == "image":
            rates |= _images(price, where, scale)
        elif name != "additional_units":
            warnings.append(f"{where}: unknown member, left out")
    if by_minute:
        rates = _minutes(rates, read_price(units[_MINUTES], f"{path}.additional_units.{_MINUTES}", scale.tokens))
    for name, price in units.items():
        class_ = _UNIT_OF_TOKENS.get(name, "")
        picos = read_price(price, f"{path}.additional_units.{name}", scale.tokens if class_ else scale.units)
        if class_:
            rates.setdefault(class_, picos)
        else:
            rates[UNIT + name] = picos
    return rates


def _minutes(rates: dict[str, int], minute: int) -> dict[str, int]:
    """Without the prices of minutes that stand in the place of tokens' prices."""
    return {name: picos for name, picos in rates.items() if name != INPUT or picos != minute}


def _images(value: Any, path: str, scale: Scale) -> Iterator[tuple[str, int]]:
    for quality, sizes in members_of(value, path).items():
        for size, price in members_of(sizes, f"{path}.{quality}").items():
            yield f"{IMAGE}{quality}.{size}", read_price(price, f"{path}.{quality}.{size}", scale.units)


def read_price(value: Any, path: str, read: Callable[[Any], int]) -> int:
    """The number of ``{"price": number}``. Raises PriceError."""
    members = members_of(value, path)
    if "price" not in members:
        raise PriceError(f"{path}.price: missing")
    return read_number(members["price"], f"{path}.price", read)


def read_number(value: Any, path: str, read: Callable[[Any], int]) -> int:
    """A number that is 0 or more, as picodollars. Raises PriceError."""
    if isinstance(value, str):
        raise PriceError(f"{path}: expected a number, not a text")
    try:
        picos = read(value)
    except ValueError as error:
        raise PriceError(f"{path}: {error}") from None
    if picos < 0:
        raise PriceError(f"{path}: expected 0 or more")
    if picos > _MOST:
        raise PriceError(f"{path}: expected at most {MOST_CHARGED // NANOS} dollars for one unit")
    return picos


def members_of(value: Any, path: str) -> Mapping[str, Any]:
    """The members of an object. Raises PriceError."""
    if not isinstance(value, dict):
        raise PriceError(f"{path}: expected an object")
    return value


def without_placeholders(rates: Rates) -> dict[str, int]:
    """Without zeros of special classes beside a plain class that has a price: the files write 0 for "not priced
    apart", and such tokens are billed as plain ones."""
    if not rates.get(INPUT) and not rates.get(OUTPUT):
        return dict(rates)
    return {name: picos for name, picos in rates.items() if picos or name in {INPUT, OUTPUT} or name not in _SPECIAL}


_SPECIAL: Final = frozenset(TOKENS.values()) | {CACHE_WRITE_1H}
