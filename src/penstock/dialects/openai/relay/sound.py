"""Recognises replies and chunks in which nothing deviates from OpenAI's schema, by one typed decode each.

A struct's fields are what clients rely on; unknown members are passed over. What these structs refuse is looked into
member by member (normalize.py, normalize_stream.py). An error is never sound.
"""

from __future__ import annotations

import enum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from penstock.core.json_text import UNREADABLE

Text = Annotated[str, msgspec.Meta(min_length=1)]
_Count = int | UnsetType
_Reason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: _Count = UNSET
    cache_write_tokens: _Count = UNSET
    audio_tokens: _Count = UNSET
    text_tokens: _Count = UNSET
    image_tokens: _Count = UNSET


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: _Count = UNSET
    accepted_prediction_tokens: _Count = UNSET
    rejected_prediction_tokens: _Count = UNSET
    audio_tokens: _Count = UNSET
    text_tokens: _Count = UNSET


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _PromptDetails | UnsetType = UNSET
    completion_tokens_details: _CompletionDetails | UnsetType = UNSET


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


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    tool_calls: tuple[Fragment, ...] = ()
    role: UnsetType = UNSET
    function_call: UnsetType = UNSET
    usage: None = None
    annotations: _Items = None
    images: _Items = None
    reasoning_details: _Items = None
    content_blocks: _Items = None


class _Choice(msgspec.Struct, gc=False):
    """A choice that goes on."""

    index: int
    delta: _Delta
    finish_reason: None
    logprobs: _Logprobs | None = None
    error: None = None
    native_finish_reason: None = None
    usage: None = None


class _TurningDelta(msgspec.Struct, gc=False):
    content: str | None = None
    role: Literal["assistant"] | UnsetType = UNSET
    tool_calls: UnsetType = UNSET
    function_call: UnsetType = UNSET
    usage: None = None
    annotations: _Items = None
    images: _Items = None
    reasoning_details: _Items = None
    content_blocks: _Items = None


class TurningChoice(msgspec.Struct, gc=False):
    """A choice that begins, with its role, or ends."""

    index: int
    delta: _TurningDelta
    finish_reason: _Reason | None
    logprobs: _Logprobs | None = None
    error: None = None
    native_finish_reason: None = None
    usage: None = None


class _Chunk(msgspec.Struct, gc=False):
    """A chunk without deviations of its own; whether it goes on with what came before, its stream knows."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: Text
    usage: _Usage | None = None
    service_tier: Text | None = None
    error: None = None
    base_resp: None = None
    x_groq: _Elsewhere | None = None


class ContinuingChunk(_Chunk, gc=False, kw_only=True):
    """A chunk with which choices go on, or without any."""

    choices: tuple[_Choice, ...]


class TurningChunk(_Chunk, gc=False, kw_only=True):
    """A chunk with which one choice begins or ends."""

    choices: tuple[TurningChoice]


CONTINUING: Final = msgspec.json.Decoder(ContinuingChunk)
TURNING: Final = msgspec.json.Decoder(TurningChunk)


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
    usage: None = None


class _Reply(msgspec.Struct, gc=False):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: tuple[_ReplyChoice, ...]
    usage: _Usage | UnsetType = UNSET
    service_tier: Text | None = None
    error: None = None
    base_resp: None = None
    x_groq: _Elsewhere | None = None


_REPLY: Final = msgspec.json.Decoder(_Reply)


class Soundness(enum.Enum):
    """How a plain reply stands to the schema."""

    WHOLE = enum.auto()
    """Nothing deviates."""
    WITHOUT_NULLS = enum.auto()
    """Nothing deviates, but members that may be null are absent."""
    UNSOUND = enum.auto()


def soundness(body: bytes) -> Soundness:
    """How a plain reply stands to the schema."""
    try:
        reply = _REPLY.decode(body)
    except UNREADABLE:
        return Soundness.UNSOUND
    for choice in reply.choices:
        if choice.logprobs is UNSET or choice.message.refusal is UNSET:
            return Soundness.WITHOUT_NULLS
    return Soundness.WHOLE
