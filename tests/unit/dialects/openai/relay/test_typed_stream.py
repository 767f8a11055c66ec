"""Streams of images, speech and transcripts: errors, content, their end and their usage."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.dialects.openai.relay import typed_stream
from penstock.dialects.stream_grammar import ErrorForm


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


DONE = event("speech.audio.done", usage={"input_tokens": 3, "output_tokens": 9, "total_tokens": 12})


def test_the_end_tells_the_usage() -> None:
    assert typed_stream.ending(event("speech.audio.delta", audio="QQ==") + DONE) == (True, Usage(3, 9, 12))
    assert typed_stream.ending(event("transcript.text.done", text="Hi")) == (True, None)
    assert typed_stream.ending(event("transcript.text.delta", delta="Hi")) == (False, None)
    assert typed_stream.ending(b'data: {"choices":[]}\n\ndata: [DONE]\n\n')[0]


@pytest.mark.parametrize("cut", [10, 500, 3000])
def test_the_last_event_may_be_longer_than_what_is_kept(cut: int) -> None:
    usage = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}
    stream = event("image_generation.completed", b64_json="A" * 4000, usage=usage)
    assert typed_stream.ending(stream[cut:]) == (True, Usage(3, 9, 12))


def test_errors() -> None:
    own = b'{"type":"error","error":{"message":"no","code":"rate_limit_exceeded"}}'
    assert typed_stream.error_in(b"error", own) is not None
    assert typed_stream.error_in(b"", b'{"error":{"message":"no"}}') is not None
    assert typed_stream.error_in(b"", b'{"type":"transcript.text.delta","delta":"x"}') is None
    assert typed_stream.error_in(b"", b"[DONE]") is None
    assert typed_stream.error_form(b"error", own) is ErrorForm.OWN
    assert typed_stream.error_form(b"error", b'{"message":"no"}') is ErrorForm.FOREIGN
    with pytest.raises(ValueError, match=r"JSON|malformed|Expecting"):
        typed_stream.error_in(b"", b"<html>")


def test_content() -> None:
    assert typed_stream.has_content(b"", b'{"type":"speech.audio.delta"}')
    assert not typed_stream.has_content(b"", b"[DONE]")
    assert not typed_stream.has_content(b"error", b"{}")
    assert not typed_stream.is_complete(DONE)


def test_half_a_surrogate_pair_among_the_counts_of_a_cut_event_keeps_none_from_being_counted() -> None:
    tail = b'..."}],"usage":{"type":"tokens","input_tokens":3,"output_tokens":9,"total_tokens":12,"x":"\\ud800"}}\n\n'
    assert typed_stream.ending(tail) == (True, Usage(3, 9, 12))
