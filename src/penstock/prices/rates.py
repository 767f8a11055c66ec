"""Prices of one model: what a unit of each class costs, and when these prices hold.

All prices are whole picodollars (1e-12 US dollar) a unit. A class without a price is absent; a price of 0 is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.prices.formula import Formula

INPUT: Final = "input"
OUTPUT: Final = "output"
CACHE_READ: Final = "cache_read"
CACHE_WRITE: Final = "cache_write"
CACHE_WRITE_1H: Final = "cache_write_1h"
REASONING: Final = "reasoning"
AUDIO_IN: Final = "audio_in"
AUDIO_OUT: Final = "audio_out"
CACHE_READ_AUDIO: Final = "cache_read_audio"
IMAGE_IN: Final = "image_in"
IMAGE_OUT: Final = "image_out"
CACHE_READ_IMAGE: Final = "cache_read_image"
REQUEST: Final = "request"
"""A fixed price of one request."""
UNIT: Final = "unit."
"""The beginning of a class that is counted in calls, seconds and the like: ``unit.web_search``."""
CONTEXTS: Final = ("low", "medium", "high")
"""How much a search reads. Perplexity charges each request by it; ``low`` unless the reply says otherwise:
https://docs.perplexity.ai/docs/getting-started/pricing."""
FOR_CALLS: Final = frozenset({REQUEST, *[f"{UNIT}web_search_{context}_context" for context in CONTEXTS]})
"""What is charged for a call beside its tokens, whatever its usage."""
IMAGE: Final = "image."
"""The beginning of a class of pictures: ``image.QUALITY.SIZE``, ``default`` for what isn't said."""
TUNING: Final = "finetune."
"""The beginning of a price of training a model. No call is charged by it."""

OF_INPUT: Final = (
    INPUT, CACHE_READ, CACHE_WRITE, CACHE_WRITE_1H, AUDIO_IN, CACHE_READ_AUDIO, IMAGE_IN, CACHE_READ_IMAGE,
)  # fmt: skip
"""Classes of tokens of the prompt."""
OF_OUTPUT: Final = (OUTPUT, REASONING, AUDIO_OUT, IMAGE_OUT)
"""Classes of tokens of the answer."""
OF_TOKENS: Final = frozenset((*OF_INPUT, *OF_OUTPUT))

STANDARD: Final = "standard"
BATCH: Final = "batch"

Rates = Mapping[str, int]
"""Picodollars of a unit, by class."""


class Case(msgspec.Struct, frozen=True, omit_defaults=True):
    """Prices, and when they hold: for prompts of more than ``above`` tokens, in a ``mode`` (standard, batch, priority,
    flex), in ``regions`` (none: in all that no other case names), from ``since`` (seconds since 1970) on, ``daily``
    between two times (seconds since midnight, UTC; the first can be the later).

    ``formula`` says how counts and prices become an amount, where their products aren't just added up.
    """

    rates: dict[str, int]
    mode: str = STANDARD
    regions: tuple[str, ...] = ()
    above: int = 0
    since: int = 0
    daily: tuple[int, int] | None = None
    formula: Formula | None = None

    def holds(self, prompt: int, at: float) -> bool:
        """Whether these prices hold for a prompt of so many tokens at a time, in seconds since 1970."""
        if prompt <= self.above and self.above:
            return False
        if at < self.since:
            return False
        if self.daily is None:
            return True
        first, last = self.daily
        second = int(at) % 86_400
        return first <= second < last if first <= last else second >= first or second < last


class ModelPrices(msgspec.Struct, frozen=True):
    """All prices of one model. Of several cases that hold at once the newest has the say (``since``), then the case of
    a time of day, then the case of the largest prompt, then the last one."""

    cases: tuple[Case, ...]


def scaled(rates: Rates, numerator: int, denominator: int) -> dict[str, int]:
    """Prices of tokens times a fraction, rounded half-even; other prices as they are."""
    return {name: times(picos, numerator, denominator) if name in OF_TOKENS else picos for name, picos in rates.items()}


def times(picos: int, numerator: int, denominator: int) -> int:
    """A price times a fraction, rounded half-even to a picodollar."""
    whole, rest = divmod(picos * numerator, denominator)
    return whole + (rest * 2 > denominator or (rest * 2 == denominator and whole % 2 == 1))
