"""The texts of OpenAI's wire: chat and legacy completions, embeddings, and operations that take one input.

Source: https://platform.openai.com/docs/api-reference/chat and its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec

from penstock.core.json_text import UNREADABLE
from penstock.core.operation import Operation
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind
from penstock.dialects.encoded_texts import encoded_segments
from penstock.dialects.framing import sse
from penstock.dialects.remaining_texts import (
    TEXTLESS,
    every_text,
    every_text_of_answer,
    members_with_texts,
)
from penstock.dialects.texts import (
    NamePiece,
    TextView,
    document_texts,
    inputs,
    leaves,
    listed,
    member,
    number_of_name,
    plain_messages,
)

_KINDS: Final = {
    "system": SegmentKind.SYSTEM,
    "developer": SegmentKind.SYSTEM,
    "tool": SegmentKind.TOOL_RESULT,
    "function": SegmentKind.TOOL_RESULT,
}
_TEXT: Final = SegmentKind.TEXT
_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
_DETAILS: Final = ("text", "summary")
"""What an item of ``reasoning_details`` says: https://openrouter.ai/docs/use-cases/reasoning-tokens."""
_MORE_TEXTS: Final = frozenset({*_REASONING, "reasoning_details", "refusal", "tool_calls", "function_call", "audio"})
"""The members of a message that hold texts beside its content."""
_PARTS: Final = (("refusal", SegmentKind.REFUSAL), ("thinking", SegmentKind.REASONING))
"""Members of parts with texts of another kind: of OpenAI's, of Mistral's (https://docs.mistral.ai/capabilities/reasoning)."""
_CALLS: Final = (("function", "arguments"), ("custom", "input"))
_DOCUMENTS: Final = "documents"
"""What some hosts put before the messages of a chat: https://docs.vllm.ai/en/latest/serving/openai_compatible_server/."""
_PREDICTION: Final = "prediction"
"""What the caller expects much of an answer to be, which the model reads."""
_INPUTS: Final = {
    "complete": ("prompt", "suffix"),
    "embed": ("input", "texts", "instruction"),
    "moderate": ("input",),
    "rerank": ("query", "documents"),
    "imageGenerate": ("prompt", "negative_prompt"),
    "createSpeech": ("input", "instructions"),
    "imageEdit": ("prompt",),
    "createTranscription": ("prompt",),
    "createTranslation": ("prompt",),
}
"""The members that hold the texts of operations without messages."""
_WITH_MESSAGES: Final = frozenset({"chatComplete", "embed"})
"""vLLM takes the messages of a chat for what is to be embedded, too."""


def _request(kind: str, body: Any) -> Iterable[Segment]:
    segments = [each for name in _INPUTS.get(kind, ()) for each in inputs(member(body, name), (name,))]
    if kind not in _WITH_MESSAGES:
        return segments
    for index, message in enumerate(listed(member(body, "messages"))):
        if not isinstance(message, dict):
            continue
        role, content = message.get("role"), message.get("content")
        if not isinstance(role, str):
            role = ""
        if isinstance(content, str) and _MORE_TEXTS.isdisjoint(message):
            segments.append(Segment(("messages", index, "content"), content, role, _KINDS.get(role, _TEXT), index))
        else:
            segments += _message(message, ("messages", index), role, _KINDS.get(role, _TEXT), index, 0)
    for place, text in leaves(member(body, _DOCUMENTS), (_DOCUMENTS,)):
        segments.append(Segment(place, text, "system", SegmentKind.SYSTEM, -1))
    prediction = (_PREDICTION, "content")
    for segment in inputs(member(member(body, _PREDICTION), "content"), prediction):
        segments.append(Segment(segment.pointer, segment.text, "assistant", _TEXT, -1))
    return segments


class _PlainMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A message of an answer that says one text and nothing else, as OpenAI's hosts write it."""

    role: str
    content: str
    refusal: None = None
    annotations: Annotated[list[None], msgspec.Meta(max_length=0)] = []
    audio: None = None
    function_call: None = None
    tool_calls: None = None


class _PlainChoice(msgspec.Struct, forbid_unknown_fields=True):
    message: _PlainMessage
    index: Literal[0]
    finish_reason: str | None = None
    logprobs: None = None


class _PlainAnswer(msgspec.Struct):
    choices: tuple[_PlainChoice]


_decode_plain_answer: Final = msgspec.json.Decoder(_PlainAnswer).decode


def _read_plain_answer(body: bytes) -> str | None:
    try:
        return _decode_plain_answer(body).choices[0].message.content
    except UNREADABLE:
        return None


def _message(
    message: Any, at: tuple[str | int, ...], role: str, kind: SegmentKind, index: int, choice: int
) -> Iterator[Segment]:
    """The texts of a message of a request or an answer."""
    content = member(message, "content")
    if isinstance(content, str):
        yield Segment((*at, "content"), content, role, kind, index, choice)
    for number, part in enumerate(listed(content)):
        text = member(part, "text")
        if isinstance(text, str):
            yield Segment((*at, "content", number, "text"), text, role, kind, index, choice)
        elif isinstance(part, str):  # some hosts (vLLM) take it for a part of text
            yield Segment((*at, "content", number), part, role, kind, index, choice)
        elif isinstance(part, dict):
            yield from _beside(part, _PARTS, (*at, "content", number), role, index, choice)
            for place, document in document_texts(part, (*at, "content", number)):
                yield Segment(place, document, role, kind, index, choice)
        yield from encoded_segments(part, (*at, "content", number), role, kind, index)
    if isinstance(message, dict) and not _MORE_TEXTS.isdisjoint(message):
        yield from _more(message, at, role, index, choice)


def _more(message: dict[str, Any], at: Pointer, role: str, index: int, choice: int) -> Iterator[Segment]:
    """The texts of a message beside its content."""
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        yield Segment((*at, "refusal"), refusal, role, SegmentKind.REFUSAL, index, choice, is_plain=False)
    transcript = member(message.get("audio"), "transcript")
    if isinstance(transcript, str):
        yield Segment((*at, "audio", "transcript"), transcript, role, _TEXT, index, choice)
    for name in _REASONING:
        thought = message.get(name)
        if isinstance(thought, str):
            yield Segment((*at, name), thought, role, SegmentKind.REASONING, index, choice, is_plain=False)
    for number, detail in enumerate(listed(message.get("reasoning_details"))):
        names = [(name, SegmentKind.REASONING) for name in _DETAILS]
        yield from _beside(detail, names, (*at, "reasoning_details", number), role, index, choice)
    places: list[tuple[Pointer, Any]] = [
        (("tool_calls", number, holder, name), member(member(call, holder), name))
        for number, call in enumerate(listed(message.get("tool_calls")))
        for holder, name in _CALLS
    ]
    places.append((("function_call", "arguments"), member(message.get("function_call"), "arguments")))
    for place, value in places:
        # A text; some hosts take the value itself.
        for inner, text in leaves(value, (*at, *place)):
            yield Segment(inner, text, role, SegmentKind.TOOL_CALL, index, choice, is_plain=False)


def _beside(
    item: Any, names: Iterable[tuple[str, SegmentKind]], at: Pointer, role: str, index: int, choice: int
) -> Iterator[Segment]:
    """The texts of some members, of each its kind."""
    for name, kind in names:
        for place, text in leaves(member(item, name), (*at, name)):
            yield Segment(place, text, role, kind, index, choice, is_plain=False)


def _thread(_kind: str, body: Any) -> Iterator[Segment]:
    """Of assistants, threads, their messages and runs. Source: OpenAI API reference, "Assistants", "Threads"."""
    for name in ("instructions", "additional_instructions", "description"):
        text = member(body, name)
        if isinstance(text, str):
            yield Segment((name,), text, "system", SegmentKind.SYSTEM, -1)
    outputs = [(("tool_outputs", at), each) for at, each in enumerate(listed(member(body, "tool_outputs")))]
    for place, output in outputs:
        text = member(output, "output")
        if isinstance(text, str):
            yield Segment((*place, "output"), text, "tool", SegmentKind.TOOL_RESULT)
    if member(body, "content") is not None:
        yield from _said(body, (), 0)
    index = 0
    for above in (("messages",), ("additional_messages",), ("thread", "messages")):
        holder = member(body, "thread") if len(above) > 1 else body
        for number, message in enumerate(listed(member(holder, above[-1]))):
            yield from _said(message, (*above, number), index)
            index += 1


def _conversation(_kind: str, body: Any) -> Iterator[Segment]:
    """Of the items of a conversation. Source: OpenAI API reference, "Conversations"."""
    for index, item in enumerate(listed(member(body, "items"))):
        yield from _said(item, ("items", index), index)
        for name in ("output", "arguments", "input", "summary"):
            for place, text in leaves(member(item, name), ("items", index, name)):
                yield Segment(place, text, "tool", SegmentKind.TOOL_RESULT, index)


def _video(_kind: str, body: Any) -> Iterator[Segment]:
    """Of a video that is asked for. Source: OpenAI API reference, "Videos"."""
    return inputs(member(body, "prompt"), ("prompt",))


def _said(message: Any, at: tuple[str | int, ...], index: int) -> Iterator[Segment]:
    role = member(message, "role")
    role = role if isinstance(role, str) else ""
    return _message(message, at, role, _KINDS.get(role, SegmentKind.TEXT), index, 0)


def _answer(kind: str, body: Any) -> Iterator[Segment]:
    for index, choice in enumerate(listed(member(body, "choices"))):
        text = member(choice, "text")
        if kind == "complete" and isinstance(text, str):
            yield Segment(("choices", index, "text"), text, "assistant", choice=index)
        else:
            at = ("choices", index, "message")
            yield from _message(member(choice, "message"), at, "assistant", SegmentKind.TEXT, 0, index)


def _deltas(kind: str, chunk: Any) -> Iterator[Delta]:
    for number, choice in enumerate(listed(member(chunk, "choices"))):
        index = member(choice, "index")
        slot = index if isinstance(index, int) else 0
        at: tuple[str | int, ...] = ("choices", number)
        if isinstance(choice, dict) and not _BESIDE_DELTA.isdisjoint(choice):
            yield from _beside_delta(kind, choice, at, slot)
        delta = member(choice, "delta")
        if not isinstance(delta, dict):
            continue
        at = (*at, "delta")
        for name, part, number in _ADDED:
            text = delta.get(name)
            if isinstance(text, str):
                yield Delta((part, slot, number), (*at, name), text, slot, is_plain=part is SegmentKind.TEXT)
        for position, call in enumerate(listed(delta.get("tool_calls"))):
            tool = member(call, "index")
            key = (SegmentKind.TOOL_CALL, slot, tool if isinstance(tool, int) else position)
            for holder, name in _CALLS:
                arguments = member(member(call, holder), name)
                if isinstance(arguments, str):
                    place = (*at, "tool_calls", position, holder, name)
                    yield Delta(key, place, arguments, slot, is_plain=False)
        if not _ADDED_OFTEN.issuperset(delta):
            yield from _seldom_added(delta, at, slot)


_ADDED: Final = (
    ("content", SegmentKind.TEXT, 0),
    ("refusal", SegmentKind.REFUSAL, 0),
    ("reasoning_content", SegmentKind.REASONING, 0),
    ("reasoning", SegmentKind.REASONING, 1),
    ("thinking", SegmentKind.REASONING, 2),
)
"""Members of a delta with a text, its kind, and which of the texts of this kind it is."""
_ADDED_OFTEN: Final = frozenset({"role", "tool_calls", "channel", "token_id", *[name for name, _, _ in _ADDED]})
_ADDED_SELDOM: Final = frozenset({"annotations", "audio", "function_call", "reasoning_details"})
_BESIDE_DELTA: Final = frozenset({"text", "message", *_REASONING})
"""Members of a streamed choice beside its delta: the text of legacy completions, and what their models thought. In
chats Together has the delta's text there once more, Perplexity the message so far (docs/quirks.md#q93)."""


def _beside_delta(kind: str, choice: dict[str, Any], at: Pointer, slot: int) -> Iterator[Delta]:
    text = choice.get("text")
    if isinstance(text, str):
        yield Delta((_TEXT, slot, 0 if kind == "complete" else 2), (*at, "text"), text, slot)
    for number, name in enumerate(_REASONING):
        thought = choice.get(name)
        if isinstance(thought, str):
            yield Delta((SegmentKind.REASONING, slot, number), (*at, name), thought, slot, is_plain=False)
    is_growing = not choice.get("finish_reason")
    for each in _message(choice.get("message"), (*at, "message"), "assistant", _TEXT, 0, slot):
        key = (each.kind, slot, -1)
        yield Delta(key, each.pointer, each.text, slot, each.is_plain, is_whole=True, is_growing=is_growing)


def _seldom_added(delta: dict[str, Any], at: Pointer, slot: int) -> Iterator[Delta]:
    transcript = member(delta.get("audio"), "transcript")
    if isinstance(transcript, str):
        yield Delta((_TEXT, slot, 1), (*at, "audio", "transcript"), transcript, slot)
    for name in delta.keys() - _ADDED_OFTEN - _ADDED_SELDOM:
        text = delta[name]
        if isinstance(text, str) and name not in TEXTLESS:
            key = (SegmentKind.OTHER, slot, number_of_name(name))
            yield Delta(key, (*at, name), text, slot, is_plain=False)
    arguments = member(delta.get("function_call"), "arguments")
    if isinstance(arguments, str):
        key = (SegmentKind.TOOL_CALL, slot, -1)
        yield Delta(key, (*at, "function_call", "arguments"), arguments, slot, is_plain=False)
    for position, detail in enumerate(listed(delta.get("reasoning_details"))):
        index = member(detail, "index")
        first = len(_REASONING) + len(_DETAILS) * (index if isinstance(index, int) else position)
        for number, name in enumerate(_DETAILS, first):
            text = member(detail, name)
            if isinstance(text, str):
                place = (*at, "reasoning_details", position, name)
                yield Delta((SegmentKind.REASONING, slot, number), place, text, slot, is_plain=False)


def _name_pieces(chunk: Any) -> Iterator[NamePiece]:
    for number, choice in enumerate(listed(member(chunk, "choices"))):
        index, delta = member(choice, "index"), member(choice, "delta")
        slot, at = index if isinstance(index, int) else 0, ("choices", number, "delta")
        for position, call in enumerate(listed(member(delta, "tool_calls"))):
            tool, call_id = member(call, "index"), member(call, "id")
            key = (SegmentKind.TOOL_CALL, slot, tool if isinstance(tool, int) else position)
            for holder, _ in _CALLS:
                name = member(member(call, holder), "name")
                if isinstance(name, str) and name:
                    place = (*at, "tool_calls", position, holder, "name")
                    yield NamePiece(key, place, name, call_id if isinstance(call_id, str) else "")
        name = member(member(delta, "function_call"), "name")
        if isinstance(name, str) and name:
            yield NamePiece((SegmentKind.TOOL_CALL, slot, -1), (*at, "function_call", "name"), name)


def _closes(_name: bytes, chunk: Any) -> int | None:
    ended = [member(each, "index") for each in listed(member(chunk, "choices")) if member(each, "finish_reason")]
    if len(ended) > 1:
        return ALL_SLOTS
    return None if not ended else ended[0] if isinstance(ended[0], int) else 0


def _is_end(_name: bytes, data: bytes) -> bool:
    return data == sse.DONE


def _results_event(results: bytes) -> bytes:
    return b'data: {"hook_results":' + results + b"}\n\n"


_OPERATIONS: Final = (
    Operation.CHAT,
    Operation.COMPLETIONS,
    Operation.EMBEDDINGS,
    Operation.MODERATIONS,
    Operation.RERANK,
    Operation.IMAGES,
    Operation.SPEECH,
    Operation.IMAGE_EDITS,
    Operation.TRANSCRIPTIONS,
    Operation.TRANSLATIONS,
)
"""What has texts in its requests."""
TEXTS: Final = TextView(
    {operation: operation.request_type for operation in _OPERATIONS},
    frozenset({"chatComplete", "complete"}),
    every_text(_request, "messages"),
    every_text_of_answer(_answer),
    _deltas,
    _closes,
    _is_end,
    _results_event,
    end_mark=sse.DONE,
    calls_are_texts=True,
    name_pieces=_name_pieces,
    kept={
        "assistants": every_text(_thread),
        "threads": every_text(_thread),
        "conversations": _conversation,
        "videos": _video,
    },
    text_members=dict.fromkeys(("chatComplete", *_INPUTS), members_with_texts),
    read_plain_chat=partial(plain_messages, TEXTLESS | {"messages"}, _KINDS),
    read_plain_answer=_read_plain_answer,
)
