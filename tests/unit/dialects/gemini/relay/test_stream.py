"""Gemini's streams as a relay sees them."""

import json
from typing import Any

import pytest

from gemini_replies import COUNTED, framed, response, said
from penstock.dialects.caller import ErrorForm
from penstock.dialects.gemini.relay.stream import GRAMMAR

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
