"""Streams as a relay sees them: content, errors, ends, usage, and errors that follow what has passed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.events import Stop, Text
from penstock.core.outcome import ErrorClass
from penstock.core.usage import Usage
from penstock.dialects.framing import sse
from penstock.dialects.responses.caller.errors import as_event
from penstock.dialects.responses.caller.stream import ResponseWriter
from penstock.dialects.responses.relay.stream import (
    GRAMMAR,
    ending,
    error_form,
    error_in,
    fit_error,
    has_content,
    is_complete,
)
from penstock.dialects.stream_grammar import ErrorForm
from responses_wire import CAPTION

WRITER = ResponseWriter(CAPTION)
BEGUN = WRITER.write([Text("Hello")])
STREAM = BEGUN + WRITER.write([Stop("stop"), Usage(1, 2, 3)]) + WRITER.finish()
NAMELESS = b"".join(line + b"\n" for line in STREAM.split(b"\n") if not line.startswith(b"event:"))
FAILED = b'{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"x"}}}'


@pytest.mark.parametrize("stream", [STREAM, NAMELESS, STREAM.replace(b"\n", b"\r\n"), STREAM + b"data: [DONE]\n\n"])
def test_an_end_and_its_usage(stream: bytes) -> None:
    finished, usage = ending(stream)
    assert finished
    assert usage is not None
    assert usage.total == 3
    assert is_complete(stream)


@pytest.mark.parametrize("cut", [0, 10, len(BEGUN), len(STREAM) - 40])
def test_a_stream_that_was_cut(cut: int) -> None:
    assert ending(STREAM[:cut]) == (False, None)
    assert not is_complete(STREAM[:cut])


def test_an_end_that_is_longer_than_what_is_remembered() -> None:
    tail = STREAM[-900:]
    assert not tail.startswith(b"event:")
    finished, usage = ending(tail)
    assert finished
    assert usage is not None
    assert usage.completion == 2
    assert ending(tail[:-30]) == (False, None)
    assert ending(b"nothing}\n\n") == (False, None)


def test_content() -> None:
    told = [(name, has_content(name, data)) for name, data in sse.events(STREAM)]
    assert [name for name, has in told if not has] == [b"response.created", b"response.in_progress"]
    assert [has_content(b"", data) for _, data in sse.events(NAMELESS)] == [has for _, has in told]
    assert not has_content(b"", b"[DONE]")
    assert not has_content(b"error", b"{}")
    assert not has_content(b"response.failed", FAILED)


def test_errors() -> None:
    assert all(error_in(name, data) is None for name, data in sse.events(STREAM))
    assert error_in(b"", b"") is None
    assert error_in(b"", b"[DONE]") is None
    failed = error_in(b"response.failed", FAILED)
    assert failed is not None
    assert failed.status == 500
    quota = error_in(b"error", b'{"type":"error","code":"insufficient_quota","message":"x"}')
    assert quota is not None
    assert (quota.status, quota.error) == (429, ErrorClass.QUOTA)
    assert error_in(b"error", b"5") is not None
    assert error_in(b"", b'{"error":{"message":"x"}}') is not None
    assert error_in(b"", b"[1]") is None
    with pytest.raises(ValueError, match="quotes"):
        error_in(b"response.output_text.delta", b"{no")


def test_how_an_error_is_told() -> None:
    assert error_form(b"response.failed", FAILED) is ErrorForm.OWN
    assert error_form(b"", b'{"type":"error","message":"x"}') is ErrorForm.OWN
    assert error_form(b"", b'{"error":{"message":"x"}}') is ErrorForm.FOREIGN
    assert error_form(b"other", b"5") is ErrorForm.FOREIGN


def test_an_error_follows_what_has_passed() -> None:
    event = as_event(b'{"error":{"message":"Cut.","code":"upstream_truncated"}}')
    ((name, data),) = sse.events(fit_error(BEGUN, event))
    told: dict[str, Any] = json.loads(data)
    assert name == b"response.failed"
    assert told["sequence_number"] == 5
    assert (told["response"]["id"], told["response"]["status"]) == ("resp_abc", "failed")
    assert told["response"]["error"] == {"code": "upstream_truncated", "message": "Cut."}
    assert GRAMMAR.error_in(name, data, "") is not None


def test_an_error_before_anything() -> None:
    event = as_event(b'{"error":{"message":"No."}}')
    assert fit_error(b"", event) == event
    assert fit_error(b": keep-alive\n\n", event) == event
    assert fit_error(BEGUN, b"event: other\ndata: 5\n\n") == b"event: other\ndata: 5\n\n"
