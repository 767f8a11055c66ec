"""Ollama's errors: one text, which is the last line of a stream."""

import json

from penstock.core.failure import Failure, Kind
from penstock.dialects.ollama.caller.errors import ERRORS, FORM


def test_an_error_is_one_text() -> None:
    told = ERRORS.failure(Failure(Kind.NOT_FOUND, "Nothing there."), "t")
    assert (told.status, json.loads(told.body)) == (404, {"error": "Nothing there."})
    assert ERRORS.event(Failure(Kind.NOT_FOUND, "No."), "t") == b'data: {"error":"No."}\n\n'


def test_words_for_a_prompt_that_is_too_long() -> None:
    assert FORM.too_long("") == "the input length exceeds the context length"
    assert FORM.too_long("so") == "the input length exceeds the context length: so"
