"""Recognises replies and chunks in which nothing deviates from OpenAI's schema, by one typed decode each.

A struct's fields are what clients rely on; unknown members are passed over. What these structs refuse is looked into
member by member (normalize.py, normalize_stream.py). An error is never sound.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from penstock.core.json_text import UNREADABLE

Text = Annotated[str, msgspec.Meta(min_length=1)]
_ABSENT: Final[Any] = None
"""The default of a member that may be absent and not null."""
_Reason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int = _ABSENT
    cache_write_tokens: int = _ABSENT
    audio_tokens: int = _ABSENT
    text_tokens: int = _ABSENT
    image_tokens: int = _ABSENT


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int = _ABSENT
    accepted_prediction_tokens: int = _ABSENT
    rejected_prediction_tokens: int = _ABSENT
    audio_tokens: int = _ABSENT
    text_tokens: int = _ABSENT
    image_tokens: int | None = None


class SoundUsage(msgspec.Struct, gc=False):
    """The counts of a reply. The last two are other makers' (usage.py)."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _PromptDetails = _ABSENT
    completion_tokens_details: _CompletionDetails = _ABSENT
    prompt_cache_hit_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Elsewhere(msgspec.Struct, gc=False):
    """An object that holds no usage, as it does at some hosts."""

    usage: None = None


class _Logprobs(msgspec.Struct, gc=False):
    content: msgspec.Raw
    refusal: msgspec.Raw


# Chunks.


class _Arguments(msgspec.Struct, gc=False):
    name: Literal[""] = ""
    arguments: str = ""


class Fragment(msgspec.Struct, gc=False):
    """More arguments of a call."""

    index: int
    function: _Arguments
    id: Literal[""] = ""
    type: Literal["function"] = "function"


class _Item(msgspec.Struct, gc=False):
    """An item of a list that clients merge by index."""

    index: int


_Items = tuple[_Item, ...] | None


class _AnyDelta(msgspec.Struct, gc=False):
    content: str | None = None
    function_call: UnsetType = UNSET
    usage: None = None
    annotations: _Items = None
    images: _Items = None
    reasoning_details: _Items = None
    content_blocks: _Items = None


class _Delta(_AnyDelta, gc=False):
    tool_calls: tuple[Fragment, ...] = ()
    role: UnsetType = UNSET


class _BoundaryDelta(_AnyDelta, gc=False):
    role: Literal["assistant"] | UnsetType = UNSET
    tool_calls: UnsetType = UNSET


class _AnyChoice(msgspec.Struct, gc=False):
    index: int
    logprobs: _Logprobs | None = None
    error: None = None
    native_finish_reason: None = None
    usage: None = None


class _Choice(_AnyChoice, gc=False, kw_only=True):
    """A choice that goes on."""

    delta: _Delta
    finish_reason: None


class BoundaryChoice(_AnyChoice, gc=False, kw_only=True):
    """A choice that begins, with its role, or ends."""

    delta: _BoundaryDelta
    finish_reason: _Reason | None


class _Chunk(msgspec.Struct, gc=False):
    """A chunk without deviations of its own; whether it goes on with what came before, its stream knows."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: Text
    usage: SoundUsage | None = None
    service_tier: Text | None = None
    error: None = None
    base_resp: None = None
    x_groq: _Elsewhere | None = None


class ContinuingChunk(_Chunk, gc=False, kw_only=True):
    """A chunk with which choices go on, or without any."""

    choices: tuple[_Choice, ...]


class BoundaryChunk(_Chunk, gc=False, kw_only=True):
    """A chunk with which one choice begins or ends."""

    choices: tuple[BoundaryChoice]


CONTINUING: Final = msgspec.json.Decoder(ContinuingChunk)
BOUNDARY: Final = msgspec.json.Decoder(BoundaryChunk)


# Plain replies.


class _Function(msgspec.Struct, gc=False):
    arguments: Text


class _Call(msgspec.Struct, gc=False):
    id: Text
    type: Literal["function"]
    function: _Function


class _Message(msgspec.Struct, gc=False):
    role: Literal["assistant"]
    content: str | None
    refusal: str | UnsetType | None = UNSET
    tool_calls: tuple[_Call, ...] | UnsetType = UNSET
    function_call: UnsetType = UNSET
    annotations: list[msgspec.Raw] | UnsetType = UNSET
    audio: UnsetType = UNSET
    usage: None = None


class _ReplyChoice(msgspec.Struct, gc=False):
    index: int
    message: _Message
    finish_reason: _Reason
    logprobs: _Logprobs | UnsetType | None = UNSET
    error: None = None
    native_finish_reason: str | None = None
    usage: None = None


class SoundReply(msgspec.Struct, gc=False):
    """A plain reply in which nothing deviates from the schema, but that members may be absent that may be null."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: tuple[_ReplyChoice, ...]
    usage: SoundUsage | UnsetType = UNSET
    service_tier: Text | None = None
    error: None = None
    base_resp: None = None
    x_groq: _Elsewhere | None = None


_REPLY: Final = msgspec.json.Decoder(SoundReply)


def read_sound(body: bytes) -> SoundReply | None:
    """A plain reply in which nothing deviates from the schema; None for any other."""
    try:
        return _REPLY.decode(body)
    except UNREADABLE:
        return None


def lacks_nulls(reply: SoundReply) -> bool:
    """Whether members are absent that the schema demands, and that may be null."""
    return any(choice.logprobs is UNSET or choice.message.refusal is UNSET for choice in reply.choices)
