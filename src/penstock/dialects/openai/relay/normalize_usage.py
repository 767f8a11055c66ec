"""Normalizes the ``usage`` of a reply or chunk: where it stands, what its counts are called, and that they are counts.

Source: OpenAI's OpenAPI document, ``CompletionUsage``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from penstock.dialects.openai.relay.normalize_rules import Members, integer, without_nulls

_COUNTS: Final = ("prompt_tokens", "completion_tokens")
_OTHER_NAMES: Final = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
"""The names of the counts in other wires."""
_DETAILS: Final = {
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens", "audio_tokens", "text_tokens", "image_tokens"),
    "completion_tokens_details": (
        "reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens", "audio_tokens", "text_tokens",
    ),
}  # fmt: skip


def usage(reply: Members) -> bool:
    """Counts stand at the top and are integers, the total is there, details are counts or absent."""
    changed = _lift(reply)
    counts = reply.get("usage")
    if counts is None:
        return changed
    if not isinstance(counts, dict) or not counts:
        reply["usage"] = None
        return True
    for name in _COUNTS:
        changed |= _rename(counts, name)
        changed |= integer(counts, name, 0)
    changed |= integer(counts, "total_tokens", sum(counts[name] for name in _COUNTS))
    for name, parts in _DETAILS.items():
        changed |= without_nulls(counts, (name,))
        details = counts.get(name)
        if isinstance(details, dict):
            changed |= _normalize_details(details, parts)
    return changed


def _lift(reply: Members) -> bool:
    """Copy the counts to the top from where some hosts tell them: Moonshot in a choice of a stream
    (docs/fidelity.md#usage), Groq in ``x_groq``."""
    if reply.get("usage"):
        return False
    found = next(_elsewhere(reply), None)
    if found is None:
        return False
    reply["usage"] = dict(found)
    return True


def _elsewhere(reply: Members) -> Iterator[Members]:
    choices = reply.get("choices")
    places: list[Any] = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    places += [choice.get(name) for choice in places for name in ("delta", "message")]
    for place in [*places, reply.get("x_groq")]:
        counts = place.get("usage") if isinstance(place, dict) else None
        if isinstance(counts, dict) and counts:
            yield counts


def _rename(counts: Members, name: str) -> bool:
    other = _OTHER_NAMES[name]
    if name in counts or type(counts.get(other)) is not int:
        return False
    counts[name] = counts[other]
    return True


def _normalize_details(details: Members, parts: Iterable[str]) -> bool:
    changed = without_nulls(details, parts)
    for part in parts:
        if part in details:
            changed |= integer(details, part, 0)
    return changed
