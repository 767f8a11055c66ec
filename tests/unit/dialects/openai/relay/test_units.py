"""What replies of images, sound, reranking and moderation tell of their use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.dialects.openai.relay.units import judge_reply, judge_text


def told(**members: Any) -> Usage | None:
    verdict = judge_reply(json.dumps(members).encode(), "openai", False)
    assert verdict.error is None
    assert not verdict.problem
    return verdict.usage


def test_images() -> None:
    usage = told(
        created=1,
        data=[{"b64_json": "QUJD"}],
        usage={
            "input_tokens": 50, "output_tokens": 4160, "total_tokens": 4210,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
        },
    )  # fmt: skip
    assert usage == Usage(50, 4160, 4210, image_in=40)


def test_transcriptions() -> None:
    tokens = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
              "input_token_details": {"text_tokens": 0, "audio_tokens": 14}}  # fmt: skip
    assert told(text="Hi", usage=tokens) == Usage(14, 45, 59, audio_in=14)
    assert told(text="Hi", usage={"type": "duration", "seconds": 9}) == Usage(native={"seconds": 9})
    assert told(text="Hi", duration=8.5, segments=[]) == Usage(native={"seconds": 8.5})
    assert told(text="Hi", duration="3.5") == Usage(native={"seconds": 3.5})
    assert told(text="Hi", duration="long") is None


def test_reranking() -> None:
    assert told(results=[], meta={"billed_units": {"search_units": 1}}) == Usage(native={"search_units": 1})
    assert told(results=[], usage={"total_tokens": 38}) == Usage(38, None, 38)
    assert told(results=[], meta={"billed_units": {"input_tokens": 7}}) == Usage(7)


@pytest.mark.parametrize("usage", [None, [], "many", {"seconds": -1}, {"prompt_tokens": "x"}])
def test_nothing_is_told(usage: object) -> None:
    assert told(results=[], usage=usage) is None


def test_errors_and_pages() -> None:
    for body in ({"error": {"message": "no", "code": 429}}, {"object": "error", "message": "no"}, {"success": False}):
        assert judge_reply(json.dumps(body).encode(), "openai", False).error is not None
    assert judge_reply(b"<html>", "openai", False).problem


def test_a_transcript_may_be_text() -> None:
    assert judge_text(b"1\n00:00:00,000 --> 00:00:01,000\nHi\n", "openai", False).problem == ""
    assert judge_text(b'{"text":"Hi","usage":{"input_tokens":1}}', "openai", False).usage == Usage(1)
    assert judge_text(b'{"error":{"message":"no"}}', "openai", False).error is not None
