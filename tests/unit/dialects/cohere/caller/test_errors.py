"""Cohere's errors."""

import json

from penstock.core.failure import Failure, Kind
from penstock.dialects.cohere.caller.errors import ERRORS, FORM


def test_an_error_names_the_request_and_ends_a_stream() -> None:
    told = ERRORS.failure(Failure(Kind.NOT_FOUND, "Nothing there."), "t")
    assert (told.status, json.loads(told.body)) == (404, {"id": "t", "message": "Nothing there."})
    event = ERRORS.event(Failure(Kind.NOT_FOUND, "No."), "t")
    assert event.startswith(b"event: message-end\ndata: ")
    assert json.loads(event[25:])["delta"] == {"finish_reason": "ERROR", "error": "No."}
    assert b'"error":""' in ERRORS.as_event(b"x")


def test_words_for_a_prompt_that_is_too_long() -> None:
    assert "exceeded by 20 tokens" in FORM.too_long("prompt is too long: 120 tokens > 100 maximum")
    assert FORM.too_long("so") == "too many tokens: so"
    assert FORM.too_long("too many tokens here") == "too many tokens here"
