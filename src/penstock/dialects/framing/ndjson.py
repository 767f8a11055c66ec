"""Newline-delimited JSON: one value a line. Lines end with LF or CRLF; blank ones mean nothing.

What a line holds is the dialect's to read. Source: the NDJSON specification, version 1.0.
"""

from __future__ import annotations

from penstock.core.json_text import read_json_or_none
from penstock.dialects.framing.frame import MAX_FRAME, MOST_PARTS, TOO_MANY_PARTS, FrameError, parts


class LineSplitter:
    """Cuts a byte stream into whole lines, whatever pieces it comes in, in time linear to its length.

    Raises FrameError when one line grows beyond ``MAX_FRAME`` or ``MOST_PARTS``.
    """

    __slots__ = ("_held", "_parts")

    def __init__(self) -> None:
        self._held = bytearray()
        self._parts = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they came; the lines that are whole now, without their ends."""
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._held:
            self._held += lines[0]
            lines[0] = bytes(self._held)
            self._held.clear()
            self._parts = 0
        if rest:
            self._parts += parts(rest) if self._held else 0
            self._held += rest
        if len(self._held) > MAX_FRAME or any(len(line) > MAX_FRAME for line in lines):
            raise FrameError(f"a line of more than {MAX_FRAME >> 20} MiB")
        if self._parts > MOST_PARTS:
            raise FrameError(f"a line {TOO_MANY_PARTS}")
        return _without_blanks(lines)

    def finish(self) -> list[bytes]:
        """The last line, if it lacks only its end."""
        rest = bytes(self._held)
        self._held.clear()
        return _without_blanks([rest])


def _without_blanks(lines: list[bytes]) -> list[bytes]:
    """The lines that hold something, without the CR of a CRLF."""
    return [line for line in (line.removesuffix(b"\r") for line in lines) if line.strip()]


def is_several(data: bytes) -> bool:
    """Whether bytes are several lines, each a value by itself, as opposed to one value."""
    line, _, others = data.strip().partition(b"\n")
    return bool(others) and read_json_or_none(line) is not None


def begins(data: bytes) -> bool:
    """Whether bytes begin a stream of lines, as opposed to one value: the first line is a value by itself."""
    line, end, _ = data.lstrip().partition(b"\n")
    return bool(end) and read_json_or_none(line) is not None
