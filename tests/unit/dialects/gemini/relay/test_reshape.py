"""A stored answer in the other form."""

import json
from typing import Any

from gemini_replies import COUNTED, call, framed, response, said
from penstock.dialects.framing import sse
from penstock.dialects.gemini.relay.reshape import RESHAPE


def folded(*responses: Any) -> Any:
    found = RESHAPE.to_plain(framed(responses))
    return None if found is None else json.loads(found)


def test_a_stream_is_one_response() -> None:
    thought = {"text": "Hm", "thought": True}
    found = folded(
        response(thought), response(thought), response(said("a")), response(said("b")), response(said("c", thoughtSignature="s")),
        response(call("f"), said("d"), finish="STOP", usage=COUNTED), {},
    )  # fmt: skip
    assert found["candidates"] == [
        {
            "content": {
                "parts": [
                    {"text": "HmHm", "thought": True}, said("ab"), said("c", thoughtSignature="s"), call("f"), said("d"),
                ],
                "role": "model",
            },
            "index": 0,
            "finishReason": "STOP",
        }
    ]  # fmt: skip
    assert (found["usageMetadata"], found["responseId"]) == (COUNTED, "r1")


def test_what_is_cut_or_failed_is_none() -> None:
    assert folded(response(said("a"))) is None
    assert folded({"error": {}}) is None
    assert folded() is None
    assert RESHAPE.to_plain(b"data: no\n\n") is None
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    assert folded(blocked) == blocked


def test_a_response_is_a_stream_of_one() -> None:
    whole = response(said("a"), finish="STOP", usage=COUNTED)
    stream = RESHAPE.to_stream(json.dumps(whole, indent=1).encode(), True)
    assert stream is not None
    assert [json.loads(data) for _, data in sse.events(stream)] == [whole]
    assert RESHAPE.to_stream(b'{"error":{}}', True) is None
    assert RESHAPE.with_usage(b"x", True) == b"x"


def test_an_end_without_a_reason_has_the_word_that_a_stream_demands() -> None:
    plain = {**response(said("a")), "odd": 1}
    stream = RESHAPE.to_stream(json.dumps(plain).encode(), True)
    assert stream is not None
    found = RESHAPE.to_plain(stream)
    assert found is not None
    assert json.loads(found)["candidates"][0]["finishReason"] == "OTHER"
    assert json.loads(found)["odd"] == 1
