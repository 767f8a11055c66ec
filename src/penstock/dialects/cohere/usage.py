"""What Cohere counts, in its words and in OpenAI's. Source: Cohere API reference, "Chat"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from penstock.core import json_text
from penstock.core.usage import Usage


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """What the model saw and said; what was billed of it only where that is all there is."""
    counts = json_text.mapping(usage, "tokens") or json_text.mapping(usage, "billed_units")
    prompt, completion = number(counts, "input_tokens"), number(counts, "output_tokens")
    total = None if prompt is None or completion is None else prompt + completion
    cached, reasoning = number(usage, "cached_tokens"), number(counts, "reasoning_tokens")
    return Usage(prompt, completion, total, cached, reasoning=reasoning, native=usage)


def write_usage(usage: Usage | None) -> dict[str, Any]:
    """The counts, billed as they were seen; empty where none is known."""
    if usage is None:
        return {}
    tokens = {"input_tokens": usage.prompt, "output_tokens": usage.completion}
    counts = {name: count for name, count in tokens.items() if count is not None}
    cached = {} if usage.cached is None else {"cached_tokens": usage.cached}
    return {"billed_units": counts, "tokens": counts, **cached} if counts else {}


def number(value: Mapping[str, Any], name: str) -> int | None:
    """An integer; Cohere's schema calls its counts numbers, so 37.0 is one as well."""
    found = value.get(name)
    if found is None or type(found) is int:
        return found if found is None or abs(found) < _EXACT else None
    return int(found) if is_number(found) and found == int(found) else None


_EXACT: Final = 1 << 53
"""Below this size each integer is a number of its own in JSON."""


def is_number(value: Any) -> TypeGuard[float]:
    """A number of a size that JSON keeps exactly; the standard library also reads infinities."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT
