"""Messages of Gemini's Live API, as far as the gateway looks into them: usage, and the model of the session.

Live has no message for errors: a close frame's reason tells them. Source: Gemini API reference, "Live API - WebSockets
API reference" (BidiGenerateContentSetup, BidiGenerateContentServerMessage, UsageMetadata).
"""

from __future__ import annotations

from typing import Final

from penstock.core import json_text
from penstock.core.failure import Failure
from penstock.core.json_text import read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects import session_models
from penstock.dialects.gemini.usage import read_usage
from penstock.dialects.session_events import SessionEvents

_PARENT: Final = "models/"
_COUNTED: Final = b'"usageMetadata"'
_LONGEST: Final = 1 << 20
"""Bytes of a message in which counts are looked for: one with sound has none."""
_LONGEST_SETUP: Final = 16 << 20
"""Bytes of a message in which the model is looked for: instructions stand beside it."""


def used_by(message: bytes) -> Usage | None:
    """The usage that one message of the host's tells, of what it answered last; None for any other message."""
    if _COUNTED not in message or len(message) > _LONGEST:
        return None
    value = read_json_or_none(message)
    usage = json_text.mapping(value, "usageMetadata") if isinstance(value, dict) else {}
    if not usage:
        return None
    completion, details = usage.get("responseTokenCount"), usage.get("responseTokensDetails")
    return read_usage({**usage, "candidatesTokenCount": completion, "candidatesTokensDetails": details})


def model_of(message: bytes) -> str | None:
    """The model of the session, which the caller's first message names: its setup. Empty for a setup without one, None
    for any other message."""
    value = read_json_or_none(message) if len(message) <= _LONGEST_SETUP else None
    if not isinstance(value, dict) or "setup" not in value:
        return None
    return json_text.text(json_text.mapping(value, "setup"), "model").removeprefix(_PARENT)


def models_in(message: bytes) -> list[str] | None:
    """The models that a message of the caller's names, as callers name them elsewhere; None for one that can't be
    read."""
    found = session_models.models_in(message)
    return None if found is None else [name.removeprefix(_PARENT) for name in found]


def _no_error(_failure: Failure, _trace: str) -> bytes:
    return b""


SESSION: Final = SessionEvents(used_by, models_in, _no_error, model_of)
