"""What all framings share: how large a frame may be, and what is raised when bytes are no frame."""

from __future__ import annotations

from typing import Final

MAX_FRAME: Final = 64 << 20
"""Bytes of one frame at most: an image in base64 fits, a stream that never ends a frame can't fill the memory."""
MOST_PARTS: Final = 1 << 21
"""Values and lines of one frame at most. Each takes up to 100 bytes of memory, and a parser that lets nothing else run
0.1 µs: 60 MB of them are seconds. An image is one. The most that hosts send in one piece is the last event of a
response, which holds the whole: with the 20 likeliest of each token, some 130 for each token of a long answer."""
TOO_MANY_PARTS: Final = f"of more than {MOST_PARTS >> 20} million values or lines"
_MARKS: Final = (b",", b"\n", b"\r")


class FrameError(ValueError):
    """The bytes are no frame of this kind. The message says why, without quoting them."""


def parts(data: bytes | bytearray) -> int:
    """How many values and lines bytes may hold: one of the marks stands between each two of them."""
    return sum(map(data.count, _MARKS))
