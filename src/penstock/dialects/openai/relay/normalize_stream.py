"""Normalizes a stream that deviates from OpenAI's schema, event by event as it passes.

The rule is that of normalize.py: only deviations are changed, and an event without deviations keeps its bytes, comments
and framing included. One typed decode recognises a chunk that only continues its text or arguments; every other chunk
is taken apart, its deltas in normalize_delta.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from penstock.core.failure import Failure
from penstock.core.json_text import UNREADABLE
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.normalize import (
    Members,
    integer,
    json_object,
    read,
    service_tier,
    usage,
    whole_number,
    written,
)
from penstock.dialects.openai.relay.normalize_delta import Choice
from penstock.dialects.openai.relay.stream import DONE

_HOLD: Final = 1 << 20
"""Bytes of one event at most: a longer one (an image) passes as it is."""

_NAME: Final = 256
"""Characters of an id or a model's name that every chunk repeats at most."""
_CHUNK: Final = "chat.completion.chunk"
_EMPTY: Final = b"data: \n\n"


# A sound chunk that just goes on with what has begun.


class _Function(msgspec.Struct, gc=False):
    name: Literal[""] = ""
    arguments: str = ""


class _Fragment(msgspec.Struct, gc=False):
    index: int
    function: _Function
    id: Literal[""] = ""
    type: Literal["function"] = "function"


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    tool_calls: tuple[_Fragment, ...] = ()
    role: Literal[""] = ""
    function_call: msgspec.UnsetType = msgspec.UNSET


class _Logprobs(msgspec.Struct, gc=False):
    content: msgspec.Raw
    refusal: msgspec.Raw


class _SoundChoice(msgspec.Struct, gc=False):
    index: int
    delta: _Delta
    finish_reason: None
    logprobs: _Logprobs | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: Annotated[str, msgspec.Meta(min_length=1)]
    choices: tuple[_SoundChoice, ...]
    usage: None = None
    service_tier: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    error: None = None


_SOUND: Final = msgspec.json.Decoder(_Chunk)


class _Held(msgspec.Struct):
    """A chunk without choices that waits for what comes next, and whether it was normalized already."""

    event: bytes
    chunk: Members
    changed: bool


class StreamNormalizer:
    """Mends one stream. Any way of cutting its bytes gives the same events. Never raises.

    ``has_unsaid_end``: ``[DONE]`` is all that the host says of an answer's end (docs/quirks.md#q96).
    """

    __slots__ = (
        "_choices", "_created", "_failed", "_held", "_id", "_is_done", "_is_finished", "_model", "_relay",
        "_unfinished", "_unsaid_end",
    )  # fmt: skip

    def __init__(self, *, has_unsaid_end: bool = False) -> None:
        self._unsaid_end = has_unsaid_end
        self._relay = sse.EventRelay(_HOLD, 0)
        self._id = self._model = ""
        self._created = 0
        self._choices: dict[int, Choice] = {}
        self._unfinished: dict[int, Choice] = {}
        """The choices that haven't said yet why they end."""
        self._held: _Held | None = None
        self._is_finished = self._is_done = self._failed = False

    failure: Failure | None = None
    """Never set: what can't be normalized passes as it is."""
    is_over = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; the events that are whole now."""
        return self._events(self._relay.feed(data))

    def finish(self) -> bytes:
        """The stream has ended in good order: what is held, and ``[DONE]`` if that is all it lacks
        (docs/quirks.md#q93, #q94, #q97)."""
        rest = self._events(self._relay.finish()) + self._let_go()
        if not self._is_finished and not self._is_done:
            return rest
        if rest and not rest.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):  # clients drop an event without its end
            rest = rest.rstrip(b"\r\n") + b"\n\n"
        return rest if self._is_done else rest + b"data: " + DONE + b"\n\n"

    def _events(self, ready: bytes) -> bytes:
        if b"\r" in ready:
            return b"".join([self._event(event) for event in sse.blocks(ready)])
        if ready.find(b"\n") == len(ready) - 2:  # one event: what a model's pace makes of nearly all
            return self._event(ready)
        *events, rest = ready.split(b"\n\n")
        normalized = [self._event(event + b"\n\n") for event in events]
        return b"".join([*normalized, self._event(rest)] if rest else normalized)

    def _event(self, event: bytes) -> bytes:
        if event[:6] == b"data: " and self._held is None and self._is_sound(event[6:]):
            return event
        found = next(sse.events(event), None)
        if found is None:
            return event
        name, data = found
        if data.strip() == DONE:
            return self._end() + event
        return self._chunk(event, name, read(data))

    def _is_sound(self, data: bytes) -> bool:
        """Whether a chunk surely needs nothing."""
        try:
            chunk = _SOUND.decode(data)
        except UNREADABLE:
            return False
        if chunk.id != self._id or chunk.created != self._created or not chunk.choices:
            return False
        for choice in chunk.choices:
            known = self._choices.get(choice.index)
            if known is None:
                return False
            for fragment in choice.delta.tool_calls:
                if not known.goes_on(fragment.index):
                    return False
        return True

    def _chunk(self, event: bytes, name: bytes, chunk: Any) -> bytes:
        if name == b"error" or not _is_chunk(chunk):
            self._failed |= isinstance(chunk, dict)
            return self._let_go() + event
        changed = self._normalize(chunk)
        before = self._let_go()
        if self._waits(chunk):
            self._held = _Held(event, chunk, changed)
            return before
        return before + (_with_data(event, chunk) if changed else event)

    # Chunks that wait.

    def _waits(self, chunk: Members) -> bool:
        """Whether a chunk without choices is in want of something that only the next event tells: Azure's first one of
        the reply's id (docs/quirks.md#q90), usage of the finish reasons if there were none (docs/quirks.md#q96)."""
        if chunk["choices"]:
            return False
        return not self._id or (bool(chunk.get("usage")) and bool(self._unfinished))

    def _let_go(self) -> bytes:
        """The chunk that waited, under the id that is known by now."""
        held, self._held = self._held, None
        if held is None:
            return b""
        changed = self._normalize_head(held.chunk)
        return _with_data(held.event, held.chunk) if changed or held.changed else held.event

    def _end(self) -> bytes:
        """What goes before ``[DONE]``: choices that never said why they ended have ended all the same
        (docs/quirks.md#q96)."""
        self._is_done = True
        if self._failed or not self._unsaid_end or not self._unfinished:
            return self._let_go()
        held, self._held = self._held or _Held(_EMPTY, {}, changed=True), None
        self._normalize_head(held.chunk)
        held.chunk["choices"] = [choice.ending(index) for index, choice in self._unfinished.items()]
        self._unfinished.clear()
        return _with_data(held.event, held.chunk)

    # Rules.

    def _normalize(self, chunk: Members) -> bool:
        """Normalize the chunk in place; whether anything deviated."""
        self._is_finished |= chunk.get("object") == "chat.completion.done"
        changed = self._normalize_head(chunk)
        changed |= usage(chunk)
        changed |= service_tier(chunk)
        if not isinstance(chunk.get("choices"), list):
            chunk["choices"] = []
            changed = True
        for position, choice in enumerate(chunk["choices"]):
            if isinstance(choice, dict):
                changed |= integer(choice, "index", position)
                changed |= json_object(choice, "delta")
                changed |= self._choice(choice["index"]).normalize(choice, chunk)
                if self._choices[choice["index"]].reason is not None:
                    self._is_finished = True
                    self._unfinished.pop(choice["index"], None)
        return changed

    def _choice(self, index: int) -> Choice:
        known = self._choices.get(index)
        if known is None:
            known = self._choices[index] = self._unfinished[index] = Choice()
        return known

    def _normalize_head(self, chunk: Members) -> bool:
        """Every chunk has the same id and time (docs/quirks.md#q85), none is of another kind
        (docs/quirks.md#q90, #q93, #q94)."""
        given = chunk.get("id")
        self._id = self._id or (given if isinstance(given, str) else str(given) if type(given) is int else "")[:_NAME]
        self._created = self._created or whole_number(chunk.get("created")) or 0
        model = chunk.get("model")
        self._model = model[:_NAME] if isinstance(model, str) and model else self._model
        wanted = {"id": self._id, "object": _CHUNK, "created": self._created, "model": self._model}
        changed = {name: value for name, value in wanted.items() if not _is_same(chunk.get(name), value)}
        chunk.update(changed)
        return bool(changed)


def _is_chunk(value: Any) -> bool:
    """Whether it is meant to be a chunk, as opposed to an error or an event of the provider's own."""
    if not isinstance(value, dict) or value.get("error"):
        return False
    if isinstance(value.get("choices"), list) or "usage" in value:
        return True
    return isinstance(value.get("object"), str) and value["object"].startswith("chat.")


def _is_same(value: Any, wanted: object) -> bool:
    return type(value) is type(wanted) and value == wanted


def _with_data(event: bytes, chunk: Members) -> bytes:
    """The event with that chunk as its data; its other lines and its line ends stay."""
    data = written(chunk)
    if data is None:
        return event
    lines, is_written = [], False
    for line in event.splitlines(keepends=True):
        text = line.rstrip(b"\r\n")
        if text.partition(b":")[0] != b"data":
            lines.append(line)
        elif not is_written:
            lines.append(b"data: " + data + line[len(text) :])
            is_written = True
    return b"".join(lines)


def transform(context: WriteContext) -> StreamNormalizer | None:
    """The transform of a host's streams; None where their bytes pass as they are."""
    if not context.quirks.normalizes_replies:
        return None
    return StreamNormalizer(has_unsaid_end=context.quirks.leaves_reason_out)
