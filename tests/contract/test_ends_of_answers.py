"""Why an answer ended, from each wire to each other: a word that means failure is an error, an unknown word never
looks like an answer that is whole. What says nothing among the events of a stream changes nothing."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from pairs import CAPTION, PLACES, framed
from penstock.core.events import Event, Fail, PlainReply, Stop, collect
from penstock.core.failure import Failure
from penstock.core.finish_reasons import is_failure
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import CALLERS, DIALECTS
from readings import read

CONTEXT: Final = WriteContext("a-model")
_TEXT: Final = {"type": "text", "text": "Hi"}
_PART: Final = {"type": "output_text", "text": "Hi", "annotations": []}
_ITEM: Final = {"type": "message", "id": "msg_1", "role": "assistant", "content": [_PART]}


def whole(wire: str, word: str) -> dict[str, Any]:
    """A reply that says a text and ended for this reason."""
    match wire:
        case "openai_chat":
            return {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": word}]}
        case "responses":
            details = {"reason": word}
            return {"id": "r", "status": "incomplete", "incomplete_details": details, "output": [_ITEM]}
        case "anthropic":
            counts = {"input_tokens": 3, "output_tokens": 2}
            head = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
            return {**head, "content": [_TEXT], "stop_reason": word, "usage": counts}
        case "gemini":
            return {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": word}]}
        case "bedrock_converse":
            return {"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}, "stopReason": word}
        case "cohere":
            return {"id": "c", "message": {"role": "assistant", "content": [_TEXT]}, "finish_reason": word}
        case _:
            line = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "prompt_eval_count": 3, "eval_count": 2}
            return {**line, "message": {"role": "assistant", "content": "Hi"}, "done": True, "done_reason": word}


def streamed(wire: str, word: str) -> bytes:
    """The same as a stream."""
    reply = whole(wire, word)
    values: list[dict[str, Any]]
    match wire:
        case "openai_chat":
            values = [{"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": word}]}]
        case "responses":
            values = [{"type": "response.created", "response": {"id": "r"}}]
            values.append({"type": "response.incomplete", "response": reply})
        case "anthropic":
            values = [
                {"type": "message_start", "message": {**reply, "content": [], "stop_reason": None}},
                {"type": "content_block_start", "index": 0, "content_block": _TEXT},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": word}, "usage": {"output_tokens": 2}},
                {"type": "message_stop"},
            ]
        case "bedrock_converse":
            delta = {"contentBlockIndex": 0, "delta": {"text": "Hi"}}
            found: tuple[tuple[str, Any], ...] = (
                ("contentBlockDelta", delta), ("messageStop", {"stopReason": word}), ("metadata", {"usage": {}}),
            )  # fmt: skip
            frames = (b"event: %s\ndata: %s\n\n" % (name.encode(), json.dumps(value).encode()) for name, value in found)
            return FrameEncoder().finish(b"".join(frames))
        case "cohere":
            message = {"message": {"content": {"text": "Hi"}}}
            values = [{"type": "content-delta", "index": 0, "delta": message}]
            values.append({"type": "message-end", "delta": {"finish_reason": word}})
        case "gemini":
            values = [reply]
        case _:
            return json.dumps(reply).encode() + b"\n"
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def events(wire: str, word: str) -> list[list[Event]]:
    """What the wire's readers make of such a reply, whole and streamed."""
    dialect = DIALECTS[wire]
    reader = dialect.reader(CONTEXT)
    found = reader.feed(streamed(wire, word))
    found = found if found and isinstance(found[-1], Fail) else [*found, *reader.finish()]
    return [dialect.read_reply(json.dumps(whole(wire, word)).encode(), CONTEXT), found]


@pytest.mark.parametrize("word", ["error", "aborted", "network_error", "malformed_tool_use"])
@pytest.mark.parametrize("wire", PLACES)
def test_a_word_of_failure_is_an_error(wire: str, word: str) -> None:
    assert is_failure(word)
    for found in events(wire, word):
        assert isinstance(found[-1], Fail)
        assert not found[-1].broken
        assert not [event for event in found if isinstance(event, Stop)]
    assert DIALECTS[wire].read_plain(json.dumps(whole(wire, word)).encode()) is None


@pytest.mark.parametrize("caller", PLACES)
@pytest.mark.parametrize("wire", PLACES)
def test_an_unknown_word_never_looks_like_the_end_of_a_whole_answer(wire: str, caller: str) -> None:
    dialect, place = CALLERS[caller], PLACES[caller]
    for found in events(wire, "brand_new"):
        reply = collect(found)
        written, writer = dialect.writing.reply(reply, CAPTION), dialect.writing.stream(CAPTION)
        assert not isinstance(written, Failure)
        stream = framed(dialect, place, writer.write(found) + writer.finish())
        ends = [read(caller, kind, sent).finish for kind, sent in (("json", written), (place.kind, stream))]
        assert ends == ["OTHER" if caller == "gemini" else "brand_new"] * 2
        plain = PlainReply("Hi", reply.start, reply.choice(0).stop, reply.usage)
        short = None if dialect.writing.plain is None else dialect.writing.plain(plain, CAPTION)
        assert short is None or read(caller, "json", short.body).finish == ends[0]


@pytest.mark.parametrize("wire", ["openai_chat", "responses", "anthropic", "gemini", "cohere"])
def test_an_event_without_data_says_nothing(wire: str) -> None:
    data = streamed(wire, "stop")
    expected, reader = events(wire, "stop")[1], DIALECTS[wire].reader(CONTEXT)
    found = reader.feed(b"data:\n\n" + data.replace(b"\n\n", b"\n\nevent: ping\ndata:\n\n"))
    assert [*found, *reader.finish()] == expected
