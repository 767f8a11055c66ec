"""Normalizes a stream that deviates from OpenAI's schema, event by event as it passes, of every host.

The rule is that of normalize.py: only deviations are changed, and an event without deviations keeps its bytes, comments
and framing included. One typed decode (sound.py) recognises a chunk that begins, continues or ends a choice without any
deviation, and is no error; every other event is taken apart, its deltas in normalize_delta.py.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import msgspec
from msgspec import UNSET

from penstock.core.json_text import UNREADABLE
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.normalize_delta import Choice
from penstock.dialects.openai.relay.normalize_rules import (
    Members,
    integer,
    read,
    service_tier,
    whole_number,
    written,
)
from penstock.dialects.openai.relay.normalize_usage import usage
from penstock.dialects.openai.relay.sound import BOUNDARY, CONTINUING, BoundaryChoice, ContinuingChunk
from penstock.dialects.openai.relay.text_pattern import TextPattern, pattern_of

_NAME: Final = 256
"""Characters of an id or a model's name that every chunk repeats at most."""
_MOST_PATTERNS: Final = 32
"""Patterns that are made of one stream at most: where all chunks differ, patterns cost more than they save."""
_CHUNK: Final = "chat.completion.chunk"
_EMPTY: Final = b"data: \n\n"
_END: Final = b"data: " + sse.DONE + b"\n\n"
_DATA: Final = b"data: "
_EVENT_END: Final = b"\n\n"


class _Held(msgspec.Struct):
    """A chunk without choices that waits for what comes next, and whether it was normalized already."""

    event: bytes
    chunk: Members
    changed: bool


class StreamNormalizer:
    """Normalizes one stream: an ``EventNormalizer``. Never raises.

    ``has_unsaid_end``: ``[DONE]`` is all that the host says of an answer's end (docs/quirks.md#q96). ``moves_usage``:
    the caller asked for the usage in a chunk of its own, so the counts beside a choice are moved to such a chunk.
    """

    __slots__ = (
        "_choices",
        "_created",
        "_failed",
        "_held",
        "_id",
        "_is_done",
        "_is_finished",
        "_model",
        "_moved",
        "_moves_usage",
        "_patterns_left",
        "_unsaid_end",
        "pattern",
    )  # fmt: skip

    def __init__(self, *, has_unsaid_end: bool = False, moves_usage: bool = False) -> None:
        self._unsaid_end = has_unsaid_end
        self._moves_usage = moves_usage
        self._id = self._model = ""
        self._created = 0
        self._choices: dict[int, Choice] = {}
        self._held: _Held | None = None
        self.pattern: TextPattern | None = None
        """That of the last event that was found to be sound: nothing that decides so has changed since, and no chunk
        waits."""
        self._patterns_left = _MOST_PATTERNS
        self._moved: Members | None = None
        """The last counts that were told beside a choice, for a chunk of their own."""
        self._is_finished = self._is_done = self._failed = False

    def fork(self) -> StreamNormalizer:
        """A normalizer in the same state, for another reader of the same stream."""
        return copy.deepcopy(self)

    # Sound events.

    def sound(self, events: bytes) -> int:
        """The length of the events at the beginning that are a line of data each, need no change and are no errors;
        and of the comments among them."""
        if self._held is not None:
            return 0
        blocks, length = events.split(_EVENT_END)[:-1], 0
        if len(blocks) > 1 and self.pattern is not None and self.pattern.fits(events):
            return len(events)
        for block in blocks:
            event = block + _EVENT_END
            fits = self.pattern is not None and self.pattern.fits(event)
            if not (fits or (block.find(b"\n") < 0 and (sse.is_comment(block) or self._is_sound(event)))):
                break
            length += len(event)
        return length

    def knows(self, before: bytes, behind: bytes) -> bool:
        """Whether each event is sound that has these bytes around a string of JSON."""
        pattern = self.pattern
        return (
            pattern is not None
            and not pattern.middles
            and self._held is None
            and before == pattern.head + b'"'
            and behind == b'"' + pattern.tail
        )

    def _is_sound(self, event: bytes) -> bool:
        """Whether an event of one line is data that need no change and are no error."""
        if event[:6] != _DATA:
            return False
        data = event[6:-2]
        try:
            chunk = CONTINUING.decode(data)
        except UNREADABLE:
            self.pattern = None
            return self._is_sound_boundary(data)
        if not self._continues(chunk):
            return False
        if self._patterns_left and chunk.choices and chunk.usage is None:
            self._patterns_left -= 1
            self.pattern = pattern_of(event)
        return True

    def _continues(self, chunk: ContinuingChunk) -> bool:
        """Whether a chunk without deviations of its own goes on with what came before."""
        if chunk.id != self._id or chunk.created != self._created:
            return False
        if (chunk.usage is not None or not chunk.choices) and not self._is_well_placed(chunk):
            return False
        for choice in chunk.choices:
            known = self._choices.get(choice.index)
            if known is None:
                return False
            for fragment in choice.delta.tool_calls:
                if known.calls is None or fragment.index not in known.calls.open:
                    return False
        return True

    def _is_well_placed(self, chunk: ContinuingChunk) -> bool:
        """Whether counts, or a chunk without choices, stand where they should."""
        if chunk.choices:
            return not self._moves_usage
        if not self._id or self._lacks_ends():
            return False
        if chunk.usage is not None:
            self._moved = None
        return True

    def _is_sound_boundary(self, data: bytes) -> bool:
        """Whether data begins or ends a choice, or the stream, and needs no change."""
        if data == sse.DONE:
            return self._is_sound_end()
        try:
            chunk = BOUNDARY.decode(data)
        except UNREADABLE:
            return False
        is_first = not self._id and not self._choices and 0 < len(chunk.id) <= _NAME
        if not is_first and (chunk.id != self._id or chunk.created != self._created):
            return False
        if (chunk.usage is not None and self._moves_usage) or not self._is_sound_choice(chunk.choices[0]):
            return False
        if is_first:
            self._id, self._created, self._model = chunk.id, chunk.created, chunk.model[:_NAME]
        return True

    def _is_sound_end(self) -> bool:
        """Whether ``[DONE]`` ends the stream as it is."""
        if self._moved is not None or self._lacks_ends():
            return False
        self._is_done = True
        return True

    def _is_sound_choice(self, choice: BoundaryChoice) -> bool:
        """Whether a choice begins with its role, or ends once, with whole calls."""
        ends, has_role = choice.finish_reason is not None, choice.delta.role is not UNSET
        known = self._choices.get(choice.index)
        if known is None:
            if ends or not has_role:
                return False
            self._choices[choice.index] = Choice(has_begun=True, is_told_in_deltas=True)
            return True
        if not ends or has_role or known.reason is not None or (known.calls is not None and known.calls.silent):
            return False
        known.reason = choice.finish_reason
        return True

    # Other events.

    def normalize(self, event: bytes) -> bytes:
        """One event that isn't sound, changed where it deviates; nothing while a chunk waits."""
        self.pattern = None
        event = event.removeprefix(sse.BOM)
        found = next(sse.events(event), None)
        if found is None:
            return event
        name, data = found
        if data.strip() == sse.DONE:
            return self._end() + event
        return self._chunk(event, name, read(data))

    def finish(self) -> bytes:
        """The stream has ended in good order: the chunk that waited, and ``[DONE]`` if that is all the stream lacks
        (docs/quirks.md#q93, #q94, #q97). Of several choices each has to have ended: else the stream broke off, and
        only the counts that were told so far go after it."""
        if self._is_done:
            return self._release()
        has_ended = self._is_finished or (bool(self._choices) and not self._has_open_choices())
        return self._end() + _END if has_ended else self._release() + self._usage_chunk()

    def _chunk(self, event: bytes, name: bytes, chunk: Any) -> bytes:
        if name == b"error" or not _is_chunk(chunk):
            self._failed |= isinstance(chunk, dict)
            return self._release() + event
        changed = self._normalize(chunk)
        before = self._release()
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
        return not self._id or (bool(chunk.get("usage")) and self._lacks_ends())

    def _lacks_ends(self) -> bool:
        """Whether choices haven't said why they end, and never will."""
        return self._unsaid_end and self._has_open_choices()

    def _has_open_choices(self) -> bool:
        """Whether choices haven't said yet why they end."""
        return any(choice.reason is None for choice in self._choices.values())

    def _release(self) -> bytes:
        """The chunk that waited, under the id that is known by now."""
        held, self._held = self._held, None
        if held is None:
            return b""
        changed = self._normalize_head(held.chunk)
        return _with_data(held.event, held.chunk) if changed or held.changed else held.event

    def _end(self) -> bytes:
        """What goes before ``[DONE]``: choices that never said why they ended have ended all the same
        (docs/quirks.md#q96), and usage that was told beside them."""
        self._is_done = True
        if self._failed:
            return self._release()
        return self._end_of_choices() + self._usage_chunk()

    def _end_of_choices(self) -> bytes:
        if not self._lacks_ends():
            return self._release()
        held, self._held = self._held or _Held(_EMPTY, {}, changed=True), None
        self._normalize_head(held.chunk)
        held.chunk["choices"] = [
            choice.ending(index) for index, choice in self._choices.items() if choice.reason is None
        ]
        self._move_usage(held.chunk)
        return _with_data(held.event, held.chunk)

    def _usage_chunk(self) -> bytes:
        """The counts that were told beside a choice, as a chunk of their own."""
        counts, self._moved = self._moved, None
        if counts is None:
            return b""
        chunk: Members = {}
        self._normalize_head(chunk)
        return _with_data(_EMPTY, {**chunk, "choices": [], "usage": counts})

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
                changed |= self._choice(choice["index"]).normalize(choice, chunk)
        return changed | self._move_usage(chunk)

    def _move_usage(self, chunk: Members) -> bool:
        """Counts beside a choice, as Mistral, DeepSeek and Groq tell them, are put by for a chunk of their own
        (docs/quirks.md#q81)."""
        if not self._moves_usage or not chunk.get("usage"):
            return False
        if not chunk["choices"]:
            self._moved = None
            return False
        self._moved, chunk["usage"] = chunk["usage"], None
        return True

    def _choice(self, index: int) -> Choice:
        known = self._choices.get(index)
        if known is None:
            known = self._choices[index] = Choice()
        return known

    def _normalize_head(self, chunk: Members) -> bool:
        """Every chunk has the same id and time (docs/quirks.md#q85), none is of another kind
        (docs/quirks.md#q90, #q93, #q94)."""
        chunk_id = chunk.get("id")
        self._id = (
            self._id
            or (chunk_id if isinstance(chunk_id, str) else str(chunk_id) if type(chunk_id) is int else "")[:_NAME]
        )
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


def normalizer_of(context: WriteContext, moves_usage: bool) -> StreamNormalizer:
    """The normalizer of a host's stream."""
    return StreamNormalizer(has_unsaid_end=context.quirks.leaves_reason_out, moves_usage=moves_usage)
