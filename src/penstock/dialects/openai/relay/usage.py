"""The ``usage`` member of OpenAI's replies, on lane 1. Source: OpenAI API reference, "The chat completion object"."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from penstock.core.json_text import UNREADABLE, read_json_or_none
from penstock.core.usage import Usage, with_reasoning
from penstock.dialects.openai.relay.sound import SoundUsage

_Members = TypeVar("_Members", bound=msgspec.Struct)


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class _Wire(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for cached tokens: https://api-docs.deepseek.com/guides/kv_cache."""
    cache_creation_input_tokens: int | None = None
    """Anthropic's name, which gateways and hosts of Claude add to OpenAI's members."""


_WIRE = msgspec.json.Decoder(_Wire, strict=False)
_NO_PROMPT_DETAILS = _PromptDetails()
_NO_COMPLETION_DETAILS = _CompletionDetails()


def read_usage(raw: bytes) -> Usage | None:
    """The counts of a ``usage`` member as JSON; None when it is null or tells neither what was asked nor what was
    answered: a total alone has no price, and would pass for an answer that costs nothing."""
    if raw == b"null":
        return None
    try:
        usage = usage_of(_WIRE.decode(raw))
    except UNREADABLE:
        usage = _read_leniently(raw)
    return None if usage.prompt is None and usage.completion is None else usage


def _read_leniently(raw: bytes) -> Usage:
    """The counts, where half a surrogate pair or a huge number stands beside them, or some are none."""
    return usage_of(readable(read_json_or_none(raw), _Wire))


def readable(value: Any, kind: type[_Members]) -> _Members:
    """The members of an object that are of their type in ``kind``, whose other members keep their defaults: one that is
    odd (``"prompt_tokens_details": []``) does not keep the counts beside it from being charged."""
    members = {}
    for name in kind.__struct_fields__ if isinstance(value, dict) else ():
        with suppress(msgspec.ValidationError, UnicodeEncodeError):  # the latter of half a pair in the place of a count
            members[name] = getattr(msgspec.convert({name: value.get(name)}, kind, strict=False), name)
    return kind(**members)


def usage_of(wire: _Wire | SoundUsage) -> Usage:
    """The counts as every wire has them. The caller gets those of the host."""
    prompt, completion = wire.prompt_tokens_details, wire.completion_tokens_details
    if prompt is None and completion is None:
        return Usage(
            wire.prompt_tokens,
            wire.completion_tokens,
            wire.total_tokens,
            wire.prompt_cache_hit_tokens,
            wire.cache_creation_input_tokens,
        )
    prompt, completion = prompt or _NO_PROMPT_DETAILS, completion or _NO_COMPLETION_DETAILS
    reasoning = completion.reasoning_tokens
    return Usage(
        wire.prompt_tokens,
        with_reasoning(wire.prompt_tokens, wire.completion_tokens, wire.total_tokens, reasoning),
        wire.total_tokens,
        wire.prompt_cache_hit_tokens if prompt.cached_tokens is None else prompt.cached_tokens,
        wire.cache_creation_input_tokens if prompt.cache_write_tokens is None else prompt.cache_write_tokens,
        reasoning,
        prompt.audio_tokens,
        completion.audio_tokens,
        image_in=prompt.image_tokens,
        image_out=completion.image_tokens,
        predicted_accepted=completion.accepted_prediction_tokens,
        predicted_rejected=completion.rejected_prediction_tokens,
    )
