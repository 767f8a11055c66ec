"""What all framings share: how large a frame may be, and what is raised when bytes are no frame."""

from __future__ import annotations

from typing import Final

MAX_FRAME: Final = 64 << 20
"""Bytes of one frame at most: an image in base64 fits, a stream that never ends a frame can't fill the memory."""


class FrameError(ValueError):
    """The bytes are no frame of this kind. The message says why, without quoting them."""
