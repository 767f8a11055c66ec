"""Token counts of one call, in OpenAI's arithmetic: prompt tokens include cached ones, completion tokens reasoning."""

from __future__ import annotations

import msgspec

from penstock.core.unreadable import UNREADABLE


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Wire(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


_WIRE = msgspec.json.Decoder(_Wire, strict=False)


class Usage(msgspec.Struct, frozen=True):
    """What a provider reported. A count that it left out is None, never a guess."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    cached: int | None = None
    reasoning: int | None = None

    @classmethod
    def read(cls, raw: bytes) -> Usage | None:
        """From a ``usage`` member as JSON; None when it is null or unlike OpenAI's."""
        if raw == b"null":
            return None
        try:
            wire = _WIRE.decode(raw)
        except UNREADABLE:
            return None
        prompt, completion = wire.prompt_tokens_details, wire.completion_tokens_details
        return cls(
            wire.prompt_tokens,
            wire.completion_tokens,
            wire.total_tokens,
            prompt.cached_tokens if prompt else None,
            completion.reasoning_tokens if completion else None,
        )
