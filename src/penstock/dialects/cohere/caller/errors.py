"""Errors for callers of Cohere: ``{"id": …, "message": …}`` with a status, and the end of a stream that failed.

Source: Cohere API reference, "Errors"; "Chat with Streaming" (``message-end``).
"""

from __future__ import annotations

from typing import Final

from penstock.core.json_text import read_json_or_none, write_json
from penstock.dialects.cohere.caller.members import ERROR
from penstock.dialects.flat_errors import FlatForm, flat_errors
from penstock.dialects.prompt_length import told_length


def _event(body: bytes) -> bytes:
    """An error as the last event: an answer that ended by a failure, with the failure's text."""
    value = read_json_or_none(body)
    message = value.get("message", "") if isinstance(value, dict) else ""
    end = {"type": "message-end", "delta": {"finish_reason": ERROR, "error": message}}
    return b"event: message-end\ndata: " + write_json(end) + b"\n\n"


def _too_long(text: str) -> str:
    """Cohere's words for a prompt that is too long, with both lengths where they are told."""
    length = told_length(text)
    if length is None:
        return text if "too many tokens" in text else f"too many tokens: {text}".rstrip(": ")
    return (
        f"too many tokens: size limit exceeded by {length.tokens - length.limit} tokens. Try using shorter or fewer "
        f"inputs. The limit for this model is {length.limit} tokens."
    )


FORM: Final = FlatForm("message", _event, _too_long, names_trace=True)
ERRORS: Final = flat_errors(FORM)
"""How errors are told to callers of Cohere."""
