"""Pieces that a message and its stream share: stop reasons, ids, sources, media, envelopes."""

from __future__ import annotations

import pytest

from anthropic_caller_replies import CLAUDE, folded, plain
from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    Extra,
    Foreign,
    Media,
    Stop,
    Text,
    ToolStart,
)
from penstock.dialects.anthropic.caller.members import (
    call_id,
    message_id,
)
from penstock.dialects.envelope import MARK


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop("stop", "STOP"), "end_turn"),
        (Stop("length", "MAX_TOKENS"), "max_tokens"),
        (Stop("length", "model_context_window_exceeded"), "model_context_window_exceeded"),
        (Stop("content_filter", "SAFETY"), "refusal"),
        (Stop("stop", "pause_turn"), "pause_turn"),
        (Stop("stop", "eos", detail="pause"), "pause_turn"),
        (Stop("length", "", detail="context"), "model_context_window_exceeded"),
        (Stop("stop", "STOP_SEQUENCE"), "stop_sequence"),
        (Stop("tool_calls", "tool_calls"), "tool_use"),
        (Stop("other"), "other"),
    ],
)
def test_stop_reasons(stop: Stop, reason: str) -> None:
    assert plain(Text("x"), stop)["stop_reason"] == reason
    assert folded(Text("x"), stop)["stop_reason"] == reason


def test_the_sequence_that_ended_it() -> None:
    for events in ((Stop("stop", "stop_sequence"), Extra("stop_sequence", "END", 0)), (Stop("stop", sequence="END"),)):
        message = plain(Text("x"), *events)
        assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")
        assert folded(Text("x"), *events)["stop_sequence"] == "END"


def test_a_call_without_an_id_gets_one() -> None:
    call = plain(ToolStart(0, "f"))["content"][0]
    assert call["id"].startswith("toolu_")
    assert call["input"] == {}
    assert folded(ToolStart(0, "f"))["content"] == [call]


def test_media_are_named() -> None:
    media = (Media("image/png", "AAAA"), Media("image/*", url="https://a/b", block=1))
    content = plain(*media)["content"]
    assert [block["text"] for block in content] == [
        "[image of type image/png, which this API can't carry]",
        "[image: https://a/b]",
    ]
    assert folded(*media)["content"] == content


def test_sources() -> None:
    own = {"type": "char_location", "cited_text": "x", "document_index": 0}
    events = (Text("x"), Citation(own), Citation({"odd": 1}, "https://a", "T"), Citation({"odd": 2}))
    cited = plain(*events)["content"][0]["citations"]
    assert cited[0] == own
    assert (cited[1]["url"], cited[1]["title"]) == ("https://a", "T")
    assert cited[1]["encrypted_index"].startswith(MARK)
    assert len(cited) == 2
    assert folded(*events)["content"] == plain(*events)["content"]


def test_blocks_of_anthropics_pass_and_those_of_others_do_not() -> None:
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    other = {"executableCode": {"code": "1"}}
    odd = {"type": "hologram"}
    events = (Foreign(use), Foreign(result, block=1), Foreign(other, block=2), Foreign(odd, block=3, owner=CLAUDE))
    assert plain(*events)["content"] == [use, result, odd]
    assert folded(*events)["content"] == [use, result, odd]


def test_what_clients_would_not_bear_is_left_out() -> None:
    events = [event for n in range(9) for event in (ToolStart(n, "f", str(n), "s" * 40_000, Owner.GOOGLE),)]
    signed = [block for block in plain(*events)["content"] if block["type"] == "thinking"]
    assert 0 < len(signed) < 9
    huge = plain(ToolStart(0, "f", "a", "s" * 70_000, Owner.GOOGLE))["content"]
    assert [block["type"] for block in huge] == ["tool_use"]


def test_a_call_of_a_reply_has_always_the_same_id() -> None:
    assert call_id("abc", 0) == call_id("abc", 0)
    assert len({call_id("abc", 0), call_id("abc", 1), call_id("abd", 0)}) == 3
    assert message_id("abc") == "msg_abc"
