"""Cohere's streams as a relay sees them."""

import json

import pytest

from calling import STREAMS
from penstock.dialects.cohere.relay.stream import GRAMMAR, TRANSLATED
from penstock.dialects.framing import sse
from penstock.dialects.stream_grammar import ErrorForm

WHOLE = b"".join(STREAMS["cohere"])


def test_content_and_the_end() -> None:
    told = [GRAMMAR.has_content(name, data) for name, data in sse.events(WHOLE)]
    assert told == [False, True, True, False, True]
    finished, usage = GRAMMAR.ending(WHOLE)
    assert finished
    assert usage is not None
    assert usage.total == 5
    assert GRAMMAR.ending(WHOLE + b"data: [DONE]\n\n")[0]
    assert GRAMMAR.ending(b"".join(STREAMS["cohere"][:2])) == (False, None)
    assert (GRAMMAR.is_complete(WHOLE), GRAMMAR.is_complete(STREAMS["cohere"][2])) == (True, False)


@pytest.mark.parametrize(
    ("event", "form"),
    [
        ({"type": "message-end", "delta": {"finish_reason": "ERROR"}}, ErrorForm.OWN),
        ({"type": "message-end", "delta": {"error": "No", "finish_reason": "ERROR"}}, ErrorForm.OWN),
        ({"message": "No"}, ErrorForm.FOREIGN),
        ({"error": {"message": "No"}}, ErrorForm.FOREIGN),
    ],
)
def test_errors(event: dict[str, object], form: ErrorForm) -> None:
    data = json.dumps(event).encode()
    assert GRAMMAR.error_in(b"", data, "") is not None
    assert GRAMMAR.error_form(b"", data) is form
    assert not GRAMMAR.ending(b"data: " + data + b"\n\n")[0]


def test_what_is_no_error() -> None:
    for data in (
        b"",
        b"[DONE]",
        b"[]",
        b'{"type":"content-delta","delta":{"message":{"content":{"text":"\\"error\\""}}}}',
    ):
        assert GRAMMAR.error_in(b"", data, "") is None
    assert all(GRAMMAR.error_in(name, data, "") is None for name, data in sse.events(WHOLE))
    with pytest.raises(json.JSONDecodeError):
        GRAMMAR.error_in(b"", b"{", "")


def test_a_filtered_answer_that_the_gateway_wrote_is_no_failure() -> None:
    end = b'{"type":"message-end","delta":{"finish_reason":"ERROR","usage":{"tokens":{"input_tokens":3}}}}'
    stream = b"".join(STREAMS["cohere"][:2]) + b"event: message-end\ndata: " + end + b"\n\n"
    assert TRANSLATED.error_in(b"message-end", end, "") is None
    finished, usage = TRANSLATED.ending(stream)
    assert (finished, usage is not None and usage.prompt) == (True, 3)
    assert not GRAMMAR.ending(stream)[0]


@pytest.mark.parametrize("text", ["No", ""])
def test_a_failure_that_the_gateway_wrote_is_a_failure(text: str) -> None:
    end = json.dumps({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": text}}).encode()
    assert TRANSLATED.error_in(b"message-end", end, "") is not None
    assert not TRANSLATED.ending(WHOLE[:-1] + b"\n\nevent: message-end\ndata: " + end + b"\n\n")[0]
    assert TRANSLATED.ending(WHOLE)[0]
