"""What Ollama's ``images`` hold: base64 without a media type, which only the first bytes tell."""

from __future__ import annotations

import base64
from typing import Final

_SIGNS: Final = {"iVBOR": "image/png", "/9j/": "image/jpeg", "UklGR": "image/webp", "R0lGOD": "image/gif"}
"""How the base64 of an image begins."""
_RIFF: Final = "UklGR"
_HEAD: Final = 16
_USUAL: Final = "image/png"
SOUND: Final = "audio/wav"


def media_type_of(data: str) -> str:
    """The media type of base64 data: that of an image, or of a sound. PNG where nothing tells it."""
    if data.startswith(_RIFF) and _is_wave(data):
        return SOUND
    return next((mime for sign, mime in _SIGNS.items() if data.startswith(sign)), _USUAL)


def _is_wave(data: str) -> bool:
    try:
        return base64.b64decode(data[:_HEAD])[8:12] == b"WAVE"
    except ValueError:
        return False
