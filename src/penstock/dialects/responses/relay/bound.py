"""Ids of kept responses and conversations as they pass: the provider's own become others, every other byte stays.

A response tells its own id, that of the response before it and that of its conversation; it stands alone, or in the
events about it. Ids of items stay. Sources: OpenAI API reference, "The response object", "Streaming events".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.core.body import Body, BodyError
from penstock.core.bound_id import ChangeId, is_id
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json_or_none, write_json
from penstock.dialects.caller import KeptIds
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import MAX_FRAME

_ChangeJson = Callable[[bytes, ChangeId], bytes]
"""(a value's JSON, what becomes of an id) -> the same bytes, or others where an id has changed."""


def with_ids(reply: bytes, change: ChangeId) -> bytes:
    """A plain reply with its ids changed: a response, or what is told of one. Any other bytes stay."""
    return _changed(reply, change, _OF_RESPONSE)


class ChangedIds:
    """Changes the ids in a stream as it arrives: a ``StreamTransform``. An event is held until it is whole."""

    def __init__(self, change: ChangeId, provider: str) -> None:
        self.failure: Failure | None = None
        self.is_over = False
        self._change = change
        self._provider = provider
        self._relay = sse.EventRelay(MAX_FRAME)

    def feed(self, data: bytes) -> bytes:
        ready = self._relay.feed(data)
        if self._relay.mid_event:
            text = f"The provider {self._provider} sent an event of more than {MAX_FRAME >> 20} MiB or too many values."
            self.failure = Failure(Kind.INVALID_RESPONSE, text, sent=True)
            return b""
        return self._events(ready)

    def finish(self) -> bytes:
        return self._events(self._relay.finish())

    def _events(self, events: bytes) -> bytes:
        if not _may_hold_ids(events):
            return events
        return b"".join([self._event(block) if _may_hold_ids(block) else block for block in sse.blocks(events)])

    def _event(self, block: bytes) -> bytes:
        """One event. Its data may stand in several lines: a change adds no line, and one that takes lines out leaves
        them empty."""
        lines = block.splitlines(keepends=True)
        places = [place for place, line in enumerate(lines) if line.removeprefix(sse.BOM).startswith(_DATA)]
        values = [lines[place].partition(_DATA)[2].rstrip(b"\r\n") for place in places]
        data = b"\n".join(values)
        changed = _changed(data, self._change, _OF_EVENT)
        if changed is data:
            return block
        changed_lines = changed.split(b"\n")
        changed_lines += [b""] * (len(values) - len(changed_lines))
        for place, old, new in zip(places, values, changed_lines, strict=True):
            before, _, rest = lines[place].partition(_DATA)
            lines[place] = before + _DATA + new + rest[len(old) :]
        return b"".join(lines)


_DATA: Final = b"data:"
_MARKS: Final = (b'"response"', b'"response_id"')


def _may_hold_ids(events: bytes) -> bool:
    """Whether bytes hold the name of a member that may be a response or its id: most events are deltas, and don't."""
    return any(mark in events for mark in _MARKS)


def _changed(data: bytes, change: ChangeId, members: Mapping[str, _ChangeJson]) -> bytes:
    """An object of JSON with the named members changed in their places: the very same bytes if nothing changes."""
    try:
        body = Body.parse(data)
    except BodyError:
        return data
    new: dict[str, bytes] = {}
    for name, change_json in members.items():
        raw = body.raw(name)
        if raw is not None and (other := change_json(raw, change)) is not raw:
            new[name] = other
    if not new:
        return data
    parts, at = [], 0
    for name, place in body.places(data).items():
        if not isinstance(place, tuple):
            # A name that comes twice: clients read the last value, and so does the gateway.
            return body.replaced(new).encode()
        if name in new:
            parts += [data[at : place[0]], new[name]]
            at = place[1]
    return b"".join([*parts, data[at:]])


def _id(raw: bytes, change: ChangeId) -> bytes:
    value = read_json_or_none(raw)
    return write_json(change(value)) if isinstance(value, str) and is_id(value) else raw


def _conversation(raw: bytes, change: ChangeId) -> bytes:
    return _changed(raw, change, {"id": _id}) if raw.startswith(b"{") else _id(raw, change)


def _response(raw: bytes, change: ChangeId) -> bytes:
    return _changed(raw, change, _OF_RESPONSE)


_OF_RESPONSE: Final[Mapping[str, _ChangeJson]] = {
    "id": _id,
    "previous_response_id": _id,
    "conversation": _conversation,
}
_OF_EVENT: Final[Mapping[str, _ChangeJson]] = {"response": _response, "response_id": _id}


def event_with_ids(event: bytes, change: ChangeId) -> bytes:
    """The JSON of one event with its ids changed."""
    return _changed(event, change, _OF_EVENT) if _may_hold_ids(event) else event


KEPT_IDS: Final = KeptIds(with_ids, ChangedIds, event_with_ids)
"""Replies of Responses with the ids of what is kept changed."""
