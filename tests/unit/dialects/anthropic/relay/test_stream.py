"""Anthropic's streams as they pass: errors, first content, the ending."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.outcome import ErrorClass
from penstock.core.usage import Usage
from penstock.dialects.anthropic.relay.stream import GRAMMAR


def event(value: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), json.dumps(value).encode())


START: Final = {
    "type": "message_start",
    "message": {"id": "m", "usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1}},
}


DELTA: Final = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
STOP: Final = {"type": "message_stop"}
TEXT: Final = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}


# Errors.


def test_errors_by_their_type() -> None:
    def error(kind: str, message: str = "No.") -> Any:
        data = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
        return GRAMMAR.error_in(b"error", data, "")

    assert error("overloaded_error").status == 529
    assert error("rate_limit_error").error is ErrorClass.RATE_LIMIT
    assert error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum").error is ErrorClass.CONTEXT_LENGTH
    assert error("odd_error").status == 502


def test_an_error_without_its_name() -> None:
    data = b'{"type": "error", "error": {"type": "api_error", "message": "x"}}'
    found = GRAMMAR.error_in(b"", data, "")
    assert found is not None
    assert found.status == 500
    assert GRAMMAR.error_in(b"message_delta", b'{"error": {"message": "x"}}', "") is not None


@pytest.mark.parametrize(
    "data", [b"", b'{"type": "ping"}', b'{"type": "content_block_delta", "error": null}', b'{"a": "\\ud800"}']
)
def test_no_errors(data: bytes) -> None:
    assert GRAMMAR.error_in(b"", data, "") is None


def test_what_clients_cannot_read() -> None:
    with pytest.raises(ValueError, match=r"."):
        GRAMMAR.error_in(b"content_block_delta", b"{", "")


# Content and ending.


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        (b"message_start", b"{}", False),
        (b"ping", b"{}", False),
        (b"content_block_start", b"{}", True),
        (b"content_block_delta", b"{}", True),
        (b"content_block_stop", b"{}", False),
        (b"message_delta", b"{}", True),
        (b"error", b"{}", False),
        (b"", b'{"type": "content_block_start"}', True),
        (b"", b'{"type": "ping"}', False),
        (b"", b"no", False),
        (b"", b'{"type": 1}', False),
    ],
)
def test_first_content(name: bytes, data: bytes, says: bool) -> None:
    assert GRAMMAR.has_content(name, data) is says


def test_the_ending() -> None:
    whole = event(START) + event(TEXT) + event(DELTA) + event(STOP)
    usage = {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 9}
    assert GRAMMAR.ending(whole) == (True, Usage(7, 9, 16, 2, native=usage))
    assert GRAMMAR.ending(event(DELTA)) == (True, Usage(None, 9, native={"output_tokens": 9}))
    assert GRAMMAR.ending(event(STOP)) == (True, None)
    assert GRAMMAR.ending(event(START) + event(TEXT))[0] is False
    assert GRAMMAR.ending(b"") == (False, None)
    long = event(START) + event(TEXT) * 200 + event(DELTA) + event(STOP)
    assert GRAMMAR.ending(long)[1] == Usage(7, 9, 16, 2, native=usage)


@given(st.binary(max_size=80))
def test_any_tail(data: bytes) -> None:
    GRAMMAR.ending(data)
    GRAMMAR.has_content(b"", data)
