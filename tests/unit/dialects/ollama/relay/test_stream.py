"""Ollama's streams as a relay sees them."""

import json

import pytest

from calling import STREAMS
from penstock.dialects.ollama.relay.stream import GRAMMAR
from penstock.dialects.stream_grammar import ErrorForm


def test_content_and_the_end() -> None:
    nothing, said, done = (each[6:].strip() for each in STREAMS["ollama"])
    assert [GRAMMAR.has_content(b"", each) for each in (nothing, said, done)] == [False, True, True]
    finished, usage = GRAMMAR.ending(b"".join(STREAMS["ollama"]))
    assert finished
    assert usage is not None
    assert usage.total == 5
    assert GRAMMAR.ending(b"".join(STREAMS["ollama"][:2])) == (False, None)
    assert (GRAMMAR.ending(b""), GRAMMAR.ending(b"data: x\n\n")) == ((False, None), (False, None))
    assert GRAMMAR.is_complete(b"".join(STREAMS["ollama"]))
    assert not GRAMMAR.is_complete(STREAMS["ollama"][2])


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b'{"error":"No"}', ErrorForm.OWN),
        (b'{"error":{"message":"No"}}', ErrorForm.FOREIGN),
        (b'{"message":{"content":"a"},"done":true,"done_reason":"error"}', ErrorForm.CHUNK),
    ],
)
def test_errors(data: bytes, form: ErrorForm) -> None:
    assert GRAMMAR.error_in(b"", data, "") is not None
    assert GRAMMAR.error_form(b"", data) is form
    assert not GRAMMAR.ending(b"data: " + data + b"\n\n")[0] or form is ErrorForm.CHUNK


def test_what_is_no_error() -> None:
    assert GRAMMAR.error_in(b"", b"", "") is None
    assert GRAMMAR.error_in(b"", b'{"done":false}', "") is None
    assert GRAMMAR.error_in(b"", b"[]", "") is None
    with pytest.raises(json.JSONDecodeError):
        GRAMMAR.error_in(b"", b"{", "")
