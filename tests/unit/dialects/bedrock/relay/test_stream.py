"""Converse's streams as a relay sees them."""

from __future__ import annotations

import pytest

import calling
from penstock.core.outcome import ErrorClass
from penstock.dialects.bedrock.relay.stream import GRAMMAR
from penstock.dialects.stream_grammar import ErrorForm

NOTHING, CONTENT, REST = calling.STREAMS["bedrock_converse"]


def test_exceptions_are_errors_in_the_wires_own_form() -> None:
    error = GRAMMAR.error_in(b"throttlingException", b'{"message":"Full"}', "bedrock")
    assert error is not None
    assert (error.status, error.error) == (429, ErrorClass.RATE_LIMIT)
    assert GRAMMAR.error_form(b"throttlingException", b'{"message":"Full"}') is ErrorForm.OWN
    assert GRAMMAR.error_form(b"x", b'{"error":{"message":"No"}}') is ErrorForm.FOREIGN


def test_a_reason_that_says_no_answer_came_about() -> None:
    data = b'{"stopReason":"malformed_model_output"}'
    error = GRAMMAR.error_in(b"messageStop", data, "bedrock")
    assert error is not None
    assert error.status == 502
    assert GRAMMAR.error_form(b"messageStop", data) is ErrorForm.CHUNK


def test_what_can_not_be_read() -> None:
    with pytest.raises(ValueError, match=r"."):
        GRAMMAR.error_in(b"contentBlockDelta", b"{bad", "")
    assert GRAMMAR.error_in(b"x", b"[]", "") is None
    assert GRAMMAR.error_in(b"x", b"", "") is None


def test_the_end_is_the_messages_and_usage_follows() -> None:
    finished, usage = GRAMMAR.ending(NOTHING + CONTENT + REST)
    assert usage is not None
    assert (finished, usage.total) == (True, 5)
    assert GRAMMAR.ending(NOTHING + CONTENT) == (False, None)
    long = b'event: contentBlockDelta\ndata: {"delta":{"text":"%s"}}\n\n' % (b"a" * 5000)
    assert GRAMMAR.ending(REST.partition(b"event: metadata")[0] + long)[0] is True


def test_what_may_be_given_again() -> None:
    assert GRAMMAR.is_complete(NOTHING + CONTENT + REST)
    assert not GRAMMAR.is_complete(NOTHING + REST)
    assert not GRAMMAR.is_complete(NOTHING + CONTENT + REST.replace(b"end_turn", b"max_tokens"))
    own = b'event: contentBlockStart\ndata: {"start":{"toolResult":{"toolUseId":"t"}},"contentBlockIndex":1}\n\n'
    assert not GRAMMAR.is_complete(NOTHING + CONTENT + own + REST)
