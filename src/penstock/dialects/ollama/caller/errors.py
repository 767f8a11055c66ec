"""Errors for callers of Ollama: ``{"error": "…"}``, with a status or as a line of a stream.

A line with an error is the last one, so that a stream that failed never looks finished. Source: Ollama API
documentation, "Errors"; github.com/ollama/ollama, server/routes.go.
"""

from __future__ import annotations

from typing import Final

from penstock.dialects.flat_errors import FlatForm, flat_errors

_TOO_LONG: Final = "the input length exceeds the context length"


def _event(body: bytes) -> bytes:
    return b"data: " + body + b"\n\n"


def _too_long(text: str) -> str:
    """Ollama's words, and the provider's with the lengths."""
    return _TOO_LONG if not text or _TOO_LONG in text else f"{_TOO_LONG}: {text}"


FORM: Final = FlatForm("error", _event, _too_long)
ERRORS: Final = flat_errors(FORM)
"""How errors are told to callers of Ollama."""
