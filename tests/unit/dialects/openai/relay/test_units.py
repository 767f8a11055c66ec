"""What replies of images, sound, reranking and moderation tell of their use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.usage import Usage
from penstock.dialects.caller import Verdict
from penstock.dialects.openai.relay.units import asked_pictures, asked_speech, judge_images, judge_reply, judge_text


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


def test_an_odd_member_keeps_no_other_from_being_counted() -> None:
    usage = {"input_tokens": 50, "output_tokens": "many", "input_tokens_details": [], "total_tokens": 60}
    assert told(data=[], usage=usage) == Usage(50, None, 60)


def test_pictures_are_counted_by_what_reply_and_request_say() -> None:
    def drawn(told: dict[str, Any], asked: dict[str, Any]) -> Usage | None:
        verdict = judge_images(json.dumps({"created": 1, **told}).encode(), "openai", False)
        return asked_pictures(Body.parse(json.dumps(asked).encode()), verdict.usage)

    two = {"data": [{"url": "https://a"}, {"b64_json": "QUJD"}]}
    assert drawn(two, {"quality": "hd", "size": "1792x1024"}) == Usage(units={"image.hd.1792x1024": 2})
    assert drawn({**two, "quality": "low", "size": "1024x1024"}, {"quality": "auto"}) == Usage(
        units={"image.low.1024x1024": 2}
    )
    assert drawn(two, {"quality": "auto", "size": 7}) == Usage(units={"image.default.default": 2})
    assert drawn({"data": []}, {}) is None
    assert judge_images(b'{"error":{"message":"no"}}', "openai", False).error is not None


def test_a_reply_whose_pictures_cant_be_told_is_no_defect() -> None:
    verdict = judge_images(b'{"created":1,"data":[1e999],"success":"yes"}', "openai", False)
    assert verdict.usage is None


def test_speech_is_counted_in_characters() -> None:
    assert asked_speech(Body.parse('{"input":"Größe"}'.encode()), None) == Usage(units={"characters": 5})
    assert asked_speech(Body.parse(b'{"input":7}'), None) is None


def test_videos() -> None:
    video = told(object="video", id="video_1", seconds="8", size="1280x720")
    assert video == Usage(units={"video_duration_seconds_1280_720": 8})
    assert told(object="video", id="video_1", seconds="long", size="1280x720") is None


@pytest.mark.parametrize("seconds", [10**400, 10**9, -1, "nan", "1e999", True])
def test_seconds_that_no_sound_lasts_are_left_out(seconds: object) -> None:
    assert told(text="Hi", duration=seconds) is None
    assert told(object="video", id="video_1", seconds=seconds, size="1280x720") is None


def test_transcriptions() -> None:
    tokens = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
              "input_token_details": {"text_tokens": 0, "audio_tokens": 14}}  # fmt: skip
    assert told(text="Hi", usage=tokens) == Usage(14, 45, 59, audio_in=14)
    assert told(text="Hi", usage={"type": "duration", "seconds": 9}) == Usage(units={"seconds": 9})
    assert told(text="Hi", duration=8.5, segments=[]) == Usage(units={"seconds": 9})
    assert told(text="Hi", duration="3.5") == Usage(units={"seconds": 4})
    assert told(text="Hi", duration="long") is None


def test_reranking() -> None:
    assert told(results=[], meta={"billed_units": {"search_units": 1}}) == Usage(units={"search_units": 1})
    assert told(results=[], usage={"total_tokens": 38}) == Usage(38, None, 38)
    assert told(results=[], meta={"billed_units": {"input_tokens": 7}}) == Usage(7)


@pytest.mark.parametrize("usage", [None, [], "many", {"seconds": -1}, {"prompt_tokens": "x"}])
def test_nothing_is_told(usage: object) -> None:
    assert told(results=[], usage=usage) is None


def test_errors_and_pages() -> None:
    for body in ({"error": {"message": "no", "code": 429}}, {"object": "error", "message": "no"}, {"success": False}):
        assert judge_reply(json.dumps(body).encode(), "openai", False).error is not None
    assert judge_reply(b"<html>", "openai", False).problem


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"1\n00:00:00,000 --> 00:00:01,000\nHi\n\n2\n00:00:01,000 --> 01:02:03,500\nYou\n", 3724),
        (b"WEBVTT\n\n00:00.000 --> 00:04.000 align:start\nHi\n", 4),
        (b"WEBVTT\n\n00:00.000 --> 99999:00:00.000\nHi\n", None),
        (b"WEBVTT\n\n", None),
        (b"An arrow --> is no time.", None),
        (b"", None),
    ],
)
def test_the_last_subtitle_tells_how_long_the_sound_is(text: bytes, seconds: int | None) -> None:
    usage = judge_text(text, "openai", False).usage
    assert usage == (None if seconds is None else Usage(units={"seconds": seconds}))


def test_a_transcript_may_be_text() -> None:
    assert judge_text(b"1\n00:00:00,000 --> 00:00:01,000\nHi\n", "openai", False).problem == ""
    assert judge_text(b'{"text":"Hi","usage":{"input_tokens":1}}', "openai", False).usage == Usage(1)
    assert judge_text(b'{"error":{"message":"no"}}', "openai", False).error is not None
    assert judge_text(b'\n{ "error":{"message":"no"}}', "openai", False).error is not None
    for text in (b"{laughs} Hi\n", b"{ ", b"[music]", b"{1}"):
        assert judge_text(text, "openai", False) == Verdict()
    assert judge_text(b'{"text": "cut', "openai", False).problem
