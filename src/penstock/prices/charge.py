"""What one call costs: token counts and prices → an amount in nanodollars, rounded once, half-even.

Every token is charged once, in the narrowest class that has a price (docs/prices.md#classes).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import msgspec

from penstock.core.money import nanos_settled
from penstock.core.usage import MOST, Usage
from penstock.prices.book import Price
from penstock.prices.formula import PRICE, evaluate
from penstock.prices.rates import (
    AUDIO_IN,
    AUDIO_OUT,
    CACHE_READ,
    CACHE_READ_AUDIO,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CONTEXTS,
    FOR_CALLS,
    IMAGE,
    IMAGE_IN,
    IMAGE_OUT,
    INPUT,
    OUTPUT,
    REASONING,
    REQUEST,
    UNIT,
    Rates,
)

_FALLBACK: Final = {
    CACHE_READ_AUDIO: CACHE_READ,
    CACHE_READ: INPUT,
    CACHE_WRITE_1H: CACHE_WRITE,
    CACHE_WRITE: INPUT,
    AUDIO_IN: INPUT,
    IMAGE_IN: INPUT,
    REASONING: OUTPUT,
    AUDIO_OUT: OUTPUT,
    IMAGE_OUT: OUTPUT,
}
"""The class whose price holds where a class has none: vendors bill such tokens as plain ones."""
_SEARCHES: Final = ("web_search", "search", "enterprise_web_search")
"""Units by which searches of the web are charged: the first that has a price."""


_PRICED_AS: Final[Mapping[str, tuple[tuple[str, int], ...]]] = {
    "seconds": (("input_audio_hours", 1), ("audio_hours", 1), ("request_audio_token", 60)),
    "characters": (("input_mchars", 1),),
    "pages": (("input_document_kpages", 1),),
}
"""Units that sources of prices call otherwise: the first that has a price, and how many of ours it is the price of.
genai-prices has prices of hours and millions, which are read as those of one; Portkey's files have one of a minute of
sound."""
_VIDEO: Final = "video_duration_seconds_"
"""The beginning of units of video, which its width and height follow."""
_AS_TOKENS: Final = frozenset({"characters", "search_units"})
"""Units whose price stands in the place of a token's, where a model's answers cost nothing: Portkey's files say so of
speech and of reranking."""


class Line(msgspec.Struct, frozen=True):
    """A class of a charge: how many units at how many picodollars."""

    name: str
    count: int
    picos: int


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What a call costs, in nanodollars, and by which price: the book's version, how the model's name was matched
    (exact, rule, overlay, custom)."""

    nanos: int
    price_version: str
    price_match: str


def charge(usage: Usage, price: Price, at: float) -> Charge:
    """The charge of a call that was made ``at``, in seconds since 1970."""
    return Charge(nanos_settled(picos(usage, price, at)), price.version, price.match)


def picos(usage: Usage, price: Price, at: float) -> int:
    """The amount in picodollars, of which a charge is the rounded form."""
    if price.of_tokens is not None and is_plain(usage):
        of_input, of_output = price.of_tokens
        return (usage.prompt or 0) * of_input + (usage.completion or 0) * of_output
    case = price.case(usage.prompt or 0, at)
    rates = case.rates
    if case.formula is None and is_plain(usage) and FOR_CALLS.isdisjoint(rates):
        return (usage.prompt or 0) * rates.get(INPUT, 0) + (usage.completion or 0) * rates.get(OUTPUT, 0)
    counts = token_counts(usage, rates)
    others = [*_units(usage, rates), *_pictures(usage, rates)]
    if case.formula is None:
        return sum(line.count * line.picos for line in (*token_lines(counts, rates), *others))
    drawn = sum(line.count for line in others if line.name.startswith(IMAGE))
    values = _values(counts, rates, others)
    amount = evaluate(case.formula, values) * (drawn or 1)
    rest = sum(line.count * line.picos for line in others if not line.name.startswith(IMAGE))
    return round(amount + Fraction(rest))


def is_plain(usage: Usage) -> bool:
    """Whether a usage has tokens of the prompt and of the answer alone."""
    if usage.cached or usage.cache_written or usage.reasoning or usage.searches or usage.units:
        return False
    return not (usage.audio_in or usage.audio_out or usage.image_in or usage.image_out)


def most_plain_prompt(price: Price) -> int | None:
    """The tokens of the longest prompt for which a plain usage costs its tokens at the prices of a short prompt, and
    nothing else, at any time; None if there is no such prompt."""
    case = price.case(0, 0)
    if not price.is_steady or case.formula is not None or not FOR_CALLS.isdisjoint(case.rates):
        return None
    return min([each.above for each in price.cases if each.above], default=MOST)


def lines(usage: Usage, price: Price, at: float) -> list[Line]:
    """The classes that a charge adds up; not for prices with a formula, whose amount has no such parts."""
    rates = price.case(usage.prompt or 0, at).rates
    return [*token_lines(token_counts(usage, rates), rates), *_units(usage, rates), *_pictures(usage, rates)]


def token_counts(usage: Usage, rates: Rates) -> dict[str, int]:
    """Tokens by class, each token in one class. ``prompt`` holds all tokens of the prompt, ``completion`` all of the
    answer; parts that have no price of their own stay in the whole.

    Audio that was read from the cache is in both counts of the usage: what the parts have more than the whole is
    such audio, charged by its own price or as cached text.
    """
    prompt, completion = usage.prompt or 0, usage.completion or 0
    cached, written = usage.cached or 0, usage.cache_written or 0
    lasting = min(usage.cache_written_1h or 0, written)
    audio = usage.audio_in or 0 if AUDIO_IN in rates else 0
    image = usage.image_in or 0 if IMAGE_IN in rates else 0
    prompt = max(prompt, cached + written)
    twice = max(cached + written + audio + image - prompt, 0)
    cached_audio = min(twice, cached, audio)
    audio, twice = audio - cached_audio, twice - cached_audio
    image -= min(twice, image)
    audio_out = usage.audio_out or 0 if AUDIO_OUT in rates else 0
    image_out = usage.image_out or 0 if IMAGE_OUT in rates else 0
    reasoning = usage.reasoning or 0 if REASONING in rates else 0
    plain_out = max(completion - audio_out - image_out - reasoning, 0)
    counts = {
        INPUT: prompt - cached - written - audio - image,
        CACHE_READ: cached - cached_audio,
        CACHE_READ_AUDIO: cached_audio,
        CACHE_WRITE: written - lasting,
        CACHE_WRITE_1H: lasting,
        AUDIO_IN: audio,
        IMAGE_IN: image,
        OUTPUT: plain_out,
        REASONING: reasoning,
        AUDIO_OUT: audio_out,
        IMAGE_OUT: image_out,
    }
    return {name: count for name, count in counts.items() if count > 0}


def token_lines(counts: Mapping[str, int], rates: Rates) -> list[Line]:
    """The classes of tokens at their prices, or at the price of the class that stands in."""
    return [Line(name, count, rate(rates, name)) for name, count in counts.items()]


def rate(rates: Rates, name: str) -> int:
    """The price of a class of tokens; 0 where neither the class nor the one that stands in has any."""
    while name not in rates:
        if name not in _FALLBACK:
            return 0
        name = _FALLBACK[name]
    return rates[name]


def _units(usage: Usage, rates: Rates) -> list[Line]:
    found = [Line(REQUEST, 1, rates[REQUEST])] if REQUEST in rates else []
    counts = {name: count for name, count in usage.units.items() if UNIT + name in rates}
    found += [
        line for name, count in usage.units.items() if name not in counts for line in _unit(name, count, usage, rates)
    ]
    if usage.searches:
        name = next((each for each in _SEARCHES if UNIT + each in rates), None)
        if name is not None:
            counts.setdefault(name, usage.searches)
    context = usage.native.get("search_context_size")
    by_context = f"web_search_{context if context in CONTEXTS else 'low'}_context"
    if UNIT + by_context in rates:
        counts.setdefault(by_context, 1)
    found += [Line(UNIT + name, count, rates[UNIT + name]) for name, count in counts.items() if UNIT + name in rates]
    return found


def _unit(name: str, count: int, usage: Usage, rates: Rates) -> list[Line]:
    """The line of a unit that has no price under its own name; none where it has none at all, or where what it measures
    is told in tokens and charged so."""
    if usage.prompt is not None or usage.completion is not None:
        return []
    for other, of in _other_names(name):
        if UNIT + other in rates:
            return [Line(UNIT + other, count, rates[UNIT + other] // of)]
    if name not in _AS_TOKENS or REQUEST in rates or INPUT not in rates or rates.get(OUTPUT):
        return []
    return [Line(INPUT, count, rates[INPUT])]


def _other_names(name: str) -> tuple[tuple[str, int], ...]:
    """The names under which a unit may have a price, and how many of it that is the price of. A second of a video costs
    the same upright, and may have one price for all sizes."""
    if not name.startswith(_VIDEO):
        return _PRICED_AS.get(name, ())
    sides = name.removeprefix(_VIDEO).split("_")
    return (_VIDEO + "_".join(reversed(sides)), 1), ("video_seconds", 1)


def _pictures(usage: Usage, rates: Rates) -> list[Line]:
    """The lines of pictures. Where a reply tells tokens, and these have prices, its pictures are charged by them."""
    drawn = {name: count for name, count in usage.units.items() if name.startswith(IMAGE)}
    by_tokens = bool(usage.completion) and not rates.keys().isdisjoint((OUTPUT, IMAGE_OUT))
    if not drawn or by_tokens:
        return []
    found = []
    for kind, count in drawn.items():
        quality, _, size = kind.removeprefix(IMAGE).partition(".")
        names = (f"{IMAGE}{first}.{second}" for first, second in _wider(quality, size))
        name = next((each for each in names if each in rates), None)
        if name is not None:
            found.append(Line(name, count, rates[name]))
    return found


_ANY: Final = "default"
"""The quality or size that isn't said."""


def _wider(quality: str, size: str) -> tuple[tuple[str, str], ...]:
    return (quality, size), (quality, _ANY), (_ANY, size), (_ANY, _ANY)


_VALUE_NAMES: Final = {
    "input_tokens": (INPUT,),
    "output_tokens": (OUTPUT,),
    "cache_read_tokens": (CACHE_READ,),
    "cache_write_tokens": (CACHE_WRITE, CACHE_WRITE_1H),
    "audio_input_tokens": (AUDIO_IN,),
    "request_audio_tokens": (AUDIO_IN,),
    "cache_read_audio_tokens": (CACHE_READ_AUDIO,),
    "audio_output_tokens": (AUDIO_OUT,),
    "response_audio_tokens": (AUDIO_OUT,),
    "rates.request_token": INPUT,
    "rates.response_token": OUTPUT,
    "rates.cache_read_token": CACHE_READ,
    "rates.cache_read_input_token": CACHE_READ,
    "rates.cache_write_token": CACHE_WRITE,
    "rates.cache_write_input_token": CACHE_WRITE,
    "rates.request_audio_token": AUDIO_IN,
    "rates.cache_read_audio_input_token": CACHE_READ_AUDIO,
    "rates.response_audio_token": AUDIO_OUT,
}
"""The counts and prices that formulas name."""
FORMULA_NAMES: Final = frozenset((*_VALUE_NAMES, PRICE + "image"))


def _values(counts: Mapping[str, int], rates: Rates, others: list[Line]) -> dict[str, int]:
    values = {}
    for name, of in _VALUE_NAMES.items():
        values[name] = rate(rates, of) if isinstance(of, str) else sum(counts.get(each, 0) for each in of)
    pictures = [line for line in others if line.name.startswith(IMAGE)]
    default = rates.get(IMAGE + "default.default", 0)
    values[PRICE + "image"] = pictures[0].picos if pictures else default
    return values
