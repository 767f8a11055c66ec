"""Messages of Gemini's Live API."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure, Kind
from penstock.dialects.gemini.relay.live import SESSION, model_of, used_by


def test_usage() -> None:
    used = used_by(b'{"usageMetadata": {"promptTokenCount": 4, "responseTokenCount": 2, "totalTokenCount": 6}}')
    assert used is not None
    assert (used.prompt, used.completion, used.total) == (4, 2, 6)


@pytest.mark.parametrize(
    "message",
    [b"{}", b"[]", b"\xff", b'{"usageMetadata"', b'{"usageMetadata": {}}', b'["usageMetadata"]', b"x" * (2 << 20)],
)
def test_messages_without_usage(message: bytes) -> None:
    assert used_by(message) is None


@pytest.mark.parametrize(
    ("message", "model"),
    [
        (b'{"setup": {"model": "models/gemini-x"}}', "gemini-x"),
        (b'{"setup": {"model": "models/gemini-x", "systemInstruction": "' + b"x" * (2 << 20) + b'"}}', "gemini-x"),
        (b'{"setup": {"model": 3}}', ""),
        (b'{"setup": []}', ""),
        (b"[", None),
    ],
)
def test_the_model_of_a_session(message: bytes, model: str | None) -> None:
    assert model_of(message) == model


def test_errors_have_no_message() -> None:
    assert SESSION.error(Failure(Kind.NOT_ALLOWED, "no"), "t") == b""
