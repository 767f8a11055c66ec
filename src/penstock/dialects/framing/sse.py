"""Server-sent events, as a relay sees them: where one event ends and the next begins.

Source: WHATWG HTML, 9.2 "Server-sent events". Lines end with LF, CR or CRLF, an event with an empty line. Bytes are
passed on as they came; only an event that is not complete yet is held back, so that a stream which breaks can be ended
after a whole event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from penstock.dialects.framing.frame import MAX_FRAME, MOST_PARTS, TOO_MANY_PARTS, FrameError, parts

_EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
BOM: Final = b"\xef\xbb\xbf"
"""A byte order mark, which some hosts put before the first event and which many clients take for part of it."""
DONE: Final = b"[DONE]"
"""The data by which OpenAI's streams end, and those of some hosts in wires that have another end, or none."""
_FIELDS: Final = (b":", b"data:", b"event:", b"id:", b"retry:")
HOLD: Final = 256 << 10
"""Bytes of the longest event that waits for its end."""
_LONGEST_END: Final = 3
"""Bytes of an event's end that may be in an earlier piece."""


class EventRelay:
    """Cuts a byte stream after whole events, whatever pieces it comes in.

    An event longer than ``hold`` bytes (an image, say), or of too many parts to be read, is let through in pieces:
    ``mid_event`` is then true until its end has passed. A bounded ``tail`` of what went through is kept for reading the
    usage at the end.
    """

    __slots__ = ("_held", "_hold", "_most", "_parts", "_tail", "_tail_bytes", "_tail_limit", "mid_event")

    def __init__(self, hold: int = HOLD, tail: int = 32 << 10) -> None:
        self._held = bytearray()
        self._hold = hold
        self._parts = 0
        self._tail: list[bytes] = []  # a deque takes 0.6 KB, for each open stream
        self._tail_bytes = 0
        self._tail_limit = tail
        # It is cut once in a while, and not with every event.
        self._most = tail + tail // 8
        self.mid_event = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; give back those that may go on now (possibly none)."""
        if not self._held and data.endswith(b"\n\n"):
            self.mid_event = False
            self._remember(data)
            return data
        held = self._held
        before = len(held)
        # Only the place where a piece meets the last one is searched again: an event may come in any number of pieces.
        meets = bytes(held[-_LONGEST_END:])
        held += data
        end = _last_event_end(meets + data)
        end += before - len(meets) if end else 0
        if not end:
            self._parts += parts(data)
        if len(held) - end > self._hold or (not end and self._parts > MOST_PARTS):
            end, self.mid_event = len(held), True
        elif end:
            self.mid_event = False
        if not end:
            return b""
        self._parts = 0
        ready = bytes(held[:end])
        del held[:end]
        self._remember(ready)
        return ready

    def is_whole(self, data: bytes) -> bool:
        """Whether nothing is held and bytes are whole events, which needn't be remembered here."""
        return data[-2:] == b"\n\n" and not self._held and not self.mid_event

    def finish(self) -> bytes:
        """What is still held when the stream has ended properly: a last event without its empty line."""
        rest = bytes(self._held)
        self._held.clear()
        self._remember(rest)
        return rest

    def replace_last(self, data: bytes) -> None:
        """The last bytes that were given back go on as others: they are remembered in their place."""
        if self._tail:
            self._tail_bytes -= len(self._tail.pop())
        self._remember(data)

    def add(self, data: bytes) -> None:
        """Bytes go on that never came: they are remembered like the others."""
        self._remember(data)

    def hand_over(self) -> EventRelay:
        """A relay that goes on where this one is; this one forgets the bytes that it held."""
        other = EventRelay(self._hold)
        self._copy_to(other)
        self._held.clear()
        return other

    def _copy_to(self, other: EventRelay) -> None:
        """Bring another relay to the state of this one, for another reader of the same stream."""
        other._hold, other._held, other.mid_event = self._hold, self._held.copy(), self.mid_event
        other._tail, other._tail_bytes = self._tail.copy(), self._tail_bytes

    def held(self) -> bytes:
        """The bytes that were fed and have not been given back yet."""
        return bytes(self._held)

    def tail(self) -> bytes:
        """The last bytes that went through, at least the last piece."""
        return b"".join(self._tail)

    def _remember(self, data: bytes) -> None:
        if not data:
            return
        self._tail.append(data)
        self._tail_bytes += len(data)
        if self._tail_bytes > self._most:
            self._trim()

    def _trim(self) -> None:
        """Forget what went through before the tail."""
        tail, size = self._tail, self._tail_bytes
        while len(tail) > 1 and size - len(tail[0]) >= self._tail_limit:
            size -= len(tail.pop(0))
        self._tail_bytes = size


class EventSplitter:
    """Cuts a byte stream into whole events for a reader, whatever pieces it comes in.

    Raises FrameError when one event grows beyond ``MAX_FRAME`` or ``MOST_PARTS``.
    """

    __slots__ = ("_held", "_parts")

    def __init__(self) -> None:
        self._held = bytearray()
        self._parts = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Take bytes as they came; the (event name, data) of each event that is whole now."""
        held = self._held
        if held:
            # A long event in many pieces: only where a piece meets the last one can its end be new.
            ends = _last_event_end(bytes(held[-_LONGEST_END:]) + data) > 0
            held += data
            if not ends:
                self._parts += parts(data)
                self._check(held)
                return iter(())
            self._parts = 0
            data = bytes(held)
        end = _last_event_end(data)
        self._held = bytearray(data[end:])
        self._check(self._held)
        return events(data[:end])

    def _check(self, held: bytearray) -> None:
        if len(held) > MAX_FRAME:
            raise FrameError(f"an event of more than {MAX_FRAME >> 20} MiB")
        if self._parts > MOST_PARTS:
            raise FrameError(f"an event {TOO_MANY_PARTS}")

    def finish(self) -> Iterator[tuple[bytes, bytes]]:
        """The last event, if it lacks only its empty line."""
        rest, self._held = bytes(self._held), bytearray()
        return events(rest)


def _last_event_end(data: bytes) -> int:
    """The position just after the last empty line, or 0."""
    end = data.rfind(b"\n\n") + 2
    crlf = data.rfind(b"\n\r\n") + 3
    bare = data.rfind(b"\r\r") + 2
    return max(end if end > 1 else 0, crlf if crlf > 2 else 0, bare if bare > 1 else 0)


def begins(data: bytes) -> bool:
    """Whether bytes begin a stream of events, as opposed to JSON or a page: judged by the first field's name."""
    return data.removeprefix(BOM).lstrip().startswith(_FIELDS)


def is_comment(line: bytes) -> bool:
    """Whether one line, or what LF alone holds for one, is a comment."""
    return line[:1] == b":" and b"\r" not in line


def completed(event: bytes) -> bytes:
    """A last event with the empty line that it lacks, without which clients drop it."""
    if not event.strip() or event.endswith(_ENDS):
        return event
    return event + (b"\n" if event.endswith(b"\n") else b"\n\n")


_ENDS: Final = (b"\n\n", b"\n\r\n", b"\r\r")


def blocks(data: bytes) -> Iterator[bytes]:
    """The pieces of a stream that end with an empty line, and what follows the last of them; nothing is lost."""
    start = 0
    if b"\r" not in data:
        while end := data.find(b"\n\n", start) + 1:
            yield data[start : end + 1]
            start = end + 1
    else:
        for found in _EVENT_END.finditer(data):
            yield data[start : found.end()]
            start = found.end()
    if start < len(data):
        yield data[start:]


def events(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The (event name, data) of each event in a piece of a stream; comments are passed over."""
    data = data.removeprefix(BOM)
    has_returns = data.find(b"\r") >= 0
    if has_returns:
        # Nearly always every line ends with both: then it reads as if they all ended with one.
        joined = data.replace(b"\r\n", b"\n")
        has_returns = b"\r" in joined
        data = data if has_returns else joined
    for block in _EVENT_END.split(data) if has_returns else data.split(b"\n\n"):
        name, lines = b"", []
        for line in _LINE_END.split(block) if has_returns else block.split(b"\n"):
            if line[:6] == b"data: ":
                lines.append(line[6:])
                continue
            field, _, value = line.partition(b":")
            if field == b"data":
                lines.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        if lines:
            yield name, lines[0] if len(lines) == 1 else b"\n".join(lines)
