"""Events of Responses over WebSocket, as far as the gateway looks into them: usage, models that are named, errors.

The caller sends ``response.create`` with the members of a request, the host the events of a stream, as messages of
JSON. Source: OpenAI API reference, "Responses", "WebSocket events".
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.usage import Usage
from penstock.dialects.responses.caller.errors import ERRORS
from penstock.dialects.responses.usage import usage_of
from penstock.dialects.session_events import SessionEvents
from penstock.dialects.session_models import models_in

_ENDED: Final = re.compile(rb'"response\.(?:completed|incomplete|failed)"')
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_CREATE: Final = "response.create"


def used_by(message: bytes) -> Usage | None:
    """The usage that one message of the host's tells; None for any other."""
    if _ENDED.search(message) is None:
        return None
    value = read_json_or_none(message)
    if not isinstance(value, dict) or json_text.text(value, "type") not in _ENDS:
        return None
    return usage_of(json_text.mapping(value, "response"))


def model_of(message: bytes) -> str | None:
    """The model that a message of the caller's asks; empty where it names none, None for a message that asks none."""
    try:
        body = Body.parse(message)
    except BodyError:
        return None
    return (body.text("model") or "") if body.text("type") == _CREATE else None


def error_message(failure: Failure, trace: str) -> bytes:
    """A failure as the host itself would tell it."""
    reply = ERRORS.failure(failure, trace)
    value = read_json_or_none(reply.body)
    return write_json({"type": "error", "status": reply.status, "error": json_text.mapping(value, "error")})


SESSION: Final = SessionEvents(used_by, models_in, error_message, model_of, asks_again=True)
