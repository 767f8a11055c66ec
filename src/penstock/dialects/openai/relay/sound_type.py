"""The media type of speech, by the format that was asked for. Source: OpenAI API reference, "Create speech"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.body import Body

_TYPES: Final[Mapping[bytes | None, bytes]] = {
    None: b"audio/mpeg",
    b'"mp3"': b"audio/mpeg",
    b'"opus"': b"audio/ogg",
    b'"aac"': b"audio/aac",
    b'"flac"': b"audio/flac",
    b'"wav"': b"audio/wav",
    b'"pcm"': b"audio/pcm",
}


def sound_type(body: Body) -> bytes | None:
    """The media type of the sound that a request asks for; None for a format of a host's own."""
    return _TYPES.get(body.raw("response_format"))
