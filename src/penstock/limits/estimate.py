"""What a request will take, estimated before it is sent: tokens of the prompt and of the answer, and their cost.

A strict estimate is an upper bound, so that a strict budget is never overspent; it can be impossible, and then says
what is missing. A normal estimate is what such requests took before (docs/limits.md#estimates).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.money import nanos_reserved
from penstock.core.prices import Prices
from penstock.limits.limit import Amounts

TOKENS_PER_MESSAGE: Final = 16
"""Tokens that a chat template may put around one message, and more than any known template does."""
LEAST_OUTPUT: Final = 256
"""Tokens of an answer that are reserved at least, while little is known of the model."""
FIRST_BYTES_PER_TOKEN: Final = 3.0
"""UTF-8 bytes of a prompt's token, before any prompt of the model was measured."""
_PICTURE: Final = 1000
"""Tokens of a picture or of a piece of sound in a normal estimate, where the vendor states no maximum."""


class NotBounded(Exception):
    """No upper bound is known. The message says of what, and what to do: a sentence for the caller."""


class RequestSize(msgspec.Struct, frozen=True):
    """What of a request decides its size. ``text_bytes`` are the UTF-8 bytes of all text, tools and schemas; ``media``
    is the number of pictures, sounds and files by kind: ``{"image": 2}``. ``max_tokens`` is the caller's limit of one
    answer, ``choices`` the number of answers. ``paid_tools`` are calls of tools that the provider bills, by tool: the
    most that the caller allows, or None without such a limit. ``has_output`` is False for embeddings and the like.
    ``held_by_provider`` is a member that adds text which the provider keeps: ``previous_response_id``."""

    text_bytes: int
    messages: int = 0
    media: Mapping[str, int] = {}
    max_tokens: int | None = None
    choices: int = 1
    paid_tools: Mapping[str, int | None] = {}
    has_output: bool = True
    held_by_provider: str | None = None


class ModelBounds(msgspec.Struct, frozen=True):
    """What one model takes and gives at most: tokens of an answer, tokens of one piece of media by kind."""

    max_output: int | None = None
    media: Mapping[str, int] = {}


class TypicalUsage(msgspec.Struct, frozen=True):
    """What was measured of earlier requests (usage_statistics.py): bytes of a prompt's token for the model, and the
    tokens that 99 of 100 answers of this key and model did not exceed."""

    bytes_per_token: float = FIRST_BYTES_PER_TOKEN
    output: int | None = None


UNKNOWN: Final = ModelBounds()
UNMEASURED: Final = TypicalUsage()


def strict_estimate(size: RequestSize, prices: Prices | None, bounds: ModelBounds = UNKNOWN) -> Amounts:
    """An upper bound. The cost is None without prices. Raises NotBounded.

    Byte-level tokenisers make no more tokens than there are bytes. An answer is bounded by the caller's limit or the
    model's, whichever is less.
    """
    if size.held_by_provider is not None:
        raise NotBounded(f"A strict limit needs the whole text: send it in place of {size.held_by_provider}.")
    tokens = size.text_bytes + TOKENS_PER_MESSAGE * size.messages
    for kind, number in size.media.items():
        most = bounds.media.get(kind)
        if most is None:
            raise NotBounded(f"A strict limit needs to know how many tokens a part of kind {kind} may take: send text.")
        tokens += number * most
    for tool, most_calls in size.paid_tools.items():
        if most_calls is None:
            raise NotBounded(f"A strict limit needs to know how often the tool {tool} may be called: set max_uses.")
        if prices is not None and tool not in prices.calls:
            raise NotBounded(f"A strict limit needs the price of a call of the tool {tool}: leave the tool out.")
    output = 0
    if size.has_output:
        most_output = _limited(size.max_tokens, bounds.max_output)
        if most_output is None:
            raise NotBounded("A strict limit needs to know how long the answer may become: set max_tokens.")
        output = most_output * size.choices
    return Amounts(_cost(size, prices, tokens, output), tokens, output)


def normal_estimate(
    size: RequestSize, prices: Prices | None, bounds: ModelBounds = UNKNOWN, typical: TypicalUsage = UNMEASURED
) -> Amounts:
    """What the request will probably take. The cost is None without prices. Always possible."""
    tokens = round(size.text_bytes / typical.bytes_per_token)
    if size.media:
        tokens += sum(number * bounds.media.get(kind, _PICTURE) for kind, number in size.media.items())
    output = 0
    if size.has_output:
        # Plain comparisons: this runs once for each request.
        most_output = size.max_tokens if bounds is UNKNOWN else _limited(size.max_tokens, bounds.max_output)
        usual = typical.output
        if usual is None or usual < LEAST_OUTPUT:
            usual = LEAST_OUTPUT
        output = (most_output if most_output and most_output < usual else usual) * size.choices
    return Amounts(_cost(size, prices, tokens, output), tokens, output)


def read_count(value: object) -> int | None:
    """A number of tokens or of answers as callers write it; None for what is no whole number above 0, such as a text:
    then the model's own limit holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if value > 0 else None


def _limited(asked: int | None, most: int | None) -> int | None:
    if asked is None or most is None:
        return most if asked is None else asked
    return min(asked, most)


def _cost(size: RequestSize, prices: Prices | None, tokens: int, output: int) -> int | None:
    if prices is None:
        return None
    picos = tokens * prices.input + output * prices.output + prices.request
    if size.paid_tools:
        for tool, calls in size.paid_tools.items():
            picos += (1 if calls is None else calls) * prices.calls.get(tool, 0)
    return nanos_reserved(picos)
