"""OpenAI's other endpoints as caller dialects: what asks for a stream, what is never told in another form."""

from __future__ import annotations

import pickle

import pytest
from msgspec.structs import replace

from penstock.core.failure import Failure
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.registry import CALLERS, ENDPOINTS


@pytest.mark.parametrize("dialect", ENDPOINTS.values(), ids=str)
def test_errors_and_name_are_openais(dialect: CallerDialect) -> None:
    assert dialect.name == CALLERS["openai_chat"].name
    assert dialect.errors is CALLERS["openai_chat"].errors
    assert dialect.replies.reshape.to_plain(b"{}") is None
    # Large bodies are rewritten in another process. The view of texts has partials, which are equal to themselves alone.
    there = pickle.loads(pickle.dumps(dialect))  # noqa: S301
    assert replace(there, texts=None) == replace(dialect, texts=None)
    assert (there.texts is None) is (dialect.texts is None)


def test_speech_is_streamed_as_events_where_they_are_asked_for() -> None:
    speech = ENDPOINTS["speech"]
    sound = speech.reading.body(b'{"model":"tts-1","input":"Hi","voice":"alloy"}')
    events = speech.reading.body(b'{"model":"tts-1","input":"Hi","voice":"alloy","stream_format":"sse"}')
    assert isinstance(sound, RequestBody)
    assert isinstance(events, RequestBody)
    assert (sound.stream, events.stream) == (False, True)
    assert isinstance(speech.reading.body(b"no"), Failure)
    assert speech.replies.bytes_type(sound.body) == b"audio/mpeg"


def test_completions_are_asked_for_their_usage() -> None:
    completions = ENDPOINTS["completions"]
    body = completions.reading.body(b'{"model":"m","prompt":"Hi","stream":true}')
    assert isinstance(body, RequestBody)
    assert completions.replies.include_usage(completions.replies.with_usage(body.body))
    typed = ENDPOINTS["typed"]
    assert typed.replies.with_usage(body.body) is body.body
    assert not typed.replies.include_usage(body.body)
