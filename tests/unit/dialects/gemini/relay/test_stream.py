"""Gemini's streams as a relay sees them."""

import json
from typing import Any

import pytest

from gemini_replies import COUNTED, framed, response, said
from penstock.dialects.gemini.relay.stream import GRAMMAR
from penstock.dialects.stream_grammar import ErrorForm

ERROR = {"error": {"code": 429, "message": "Full", "status": "RESOURCE_EXHAUSTED"}}


def data(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_content() -> None:
    assert GRAMMAR.has_content(b"", data(response(said("a"))))
    assert GRAMMAR.has_content(b"", data(response(finish="STOP")))
    assert GRAMMAR.has_content(b"", data({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert not GRAMMAR.has_content(b"", b"{}")
    assert not GRAMMAR.has_content(b"", data(response(usage=COUNTED)))


def test_errors_and_how_they_are_told() -> None:
    for value, form in (
        (ERROR, ErrorForm.OWN),
        ({"error": {"message": "Full"}}, ErrorForm.FOREIGN),
        (response(finish="MALFORMED_FUNCTION_CALL"), ErrorForm.CHUNK),
        ([ERROR], ErrorForm.FOREIGN),
    ):
        assert GRAMMAR.error_in(b"", data(value), "google") is not None
        assert GRAMMAR.error_form(b"", data(value)) is form
    for sound in (b"", b"{}", b"1", data(response(said("a"), finish="STOP"))):
        assert GRAMMAR.error_in(b"", sound, "google") is None
    with pytest.raises(ValueError, match="Expecting value"):
        GRAMMAR.error_in(b"", b"[DONE]", "google")


def test_the_end_and_the_usage() -> None:
    stream = framed([response(said("a" * 5000)), response(said("b"), finish="STOP", usage=COUNTED)])
    finished, usage = GRAMMAR.ending(stream)
    assert finished
    assert usage is not None
    assert (usage.prompt, usage.completion) == (5, 2)
    assert GRAMMAR.is_complete(stream)
    assert GRAMMAR.ending(framed([response(said("a"))])) == (False, None)
    assert GRAMMAR.ending(framed([{"promptFeedback": {"blockReason": "SAFETY"}}]))[0]
    long = framed([response(said("a"), finish="STOP", usage=COUNTED, more="x" * 5000)])
    assert GRAMMAR.ending(long)[0]


def test_a_stream_is_over_when_all_of_its_candidates_are() -> None:
    def told(index: int, **more: str) -> bytes:
        candidate = {"index": index, "content": {"parts": [{"text": "a"}]}, **more}
        return b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n"

    cut = told(0) + told(1) + told(0, finishReason="STOP")
    whole = cut + told(1, finishReason="STOP")
    assert (GRAMMAR.ending(cut)[0], GRAMMAR.ending(whole)[0]) == (False, True)
    assert (GRAMMAR.is_complete(cut), GRAMMAR.is_complete(whole)) == (False, True)
