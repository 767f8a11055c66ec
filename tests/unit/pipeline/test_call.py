"""A call as conditions see it, and an answer that is closed once."""

from __future__ import annotations

import json
from typing import Any

import pytest

import calling
from calling import CHAT, GEMINI, event_stream
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.registry import CALLERS
from penstock.pipeline.call import Answer, Call, RequestView
from penstock.pipeline.head_memo import HeadMemo
from penstock.routing.conditions import MISSING


@pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
def test_conditions_see_the_members_of_the_body(dialect: CallerDialect) -> None:
    view = RequestView(calling.call({**CHAT, "n": None}, dialect))
    assert (view.param("model"), view.param("n"), view.param("absent")) == ("m", None, MISSING)
    name = {"responses": "input", "gemini": "contents", "ollama_generate": "prompt"}.get(dialect.name, "messages")
    said = {
        "gemini": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "bedrock_converse": [{"role": "user", "content": [{"text": "Hi"}]}],
        "ollama_generate": "Hi",
    }.get(dialect.name, CHAT["messages"])
    assert view.param(name) == said
    assert view.pathname == "/v1/x"


def test_a_call_without_a_body_has_no_members() -> None:
    assert RequestView(calling.call()).param("model") is MISSING


def test_conditions_see_the_callers_labels() -> None:
    view = RequestView(calling.call(None, x_portkey_metadata='{"a":{"b":1}}'))
    assert (view.metadata("a"), view.metadata("b")) == ({"b": 1}, MISSING)
    assert RequestView(calling.call(None, x_portkey_metadata="[")).metadata("a") is MISSING
    assert RequestView(calling.call()).metadata("a") is MISSING


def test_a_body_is_let_go_of() -> None:
    call = calling.call(CHAT)
    call.forget_body()
    assert (call.body, call.request) == (b"", None)


def test_a_trace_id_is_text_whatever_it_holds() -> None:
    call = calling.call()
    call.trace_id = b"a\xff"
    assert call.trace == "a\ufffd"


def test_an_answer_is_closed_once_with_what_cut_it_short() -> None:
    cut = Failure(Kind.TRUNCATED, "Gone")
    seen: list[Failure | None] = []
    reply = event_stream()
    answer = Answer(200, [], b"", Outcome(200), reply, on_close=(seen.append, seen.append))
    answer.broken = cut
    answer.close()
    answer.close()
    assert (seen, reply.closed) == ([cut, cut], True)


def test_a_member_is_decoded_once() -> None:
    view = RequestView(calling.call(CHAT))
    assert view.param("messages") is view.param("messages")
    assert view.param("absent") is MISSING


def test_of_a_large_member_conditions_see_the_beginning() -> None:
    view = RequestView(calling.call({**CHAT, "messages": [{"role": "user", "content": "a" * 100}] * 10_000}))
    assert 1000 < len(view.param("messages")) < 3000


def test_a_guards_question_has_few_attempts() -> None:
    """A request may have many guards, and each question is a call of its own."""
    asked = calling.call(CHAT)
    assert asked.attempts_left(50) == 50
    asked.is_unguarded = True
    assert (asked.attempts_left(50), asked.attempts_left(2)) == (5, 2)


@pytest.mark.parametrize("streams", [True, False])
def test_what_a_path_says_is_known_with_the_head(streams: bool) -> None:
    memo = HeadMemo()
    every: list[list[Any]] = [[], [{"parts": []}]]
    for contents in every:
        made = Call(
            Operation.CHAT, GEMINI, [], {}, b"", b"t", calling.call().account, parameters={"model": "g"},
            streams=streams, memo=memo,
        )  # fmt: skip
        body = Body.parse(json.dumps({"contents": contents}).encode())
        for request in (made.addressed(RequestBody(body, None, False)), made.addressed(RequestBody(body, "x", False))):
            assert (request.model, request.stream) == ("g", streams)
            assert [*request.body] == ["contents", "model", "stream"]
            assert request.body.raw("stream") == json.dumps(streams).encode()
            assert request.body.value("contents") == contents
            assert request.body.unaddressed({"model", "stream"}) is body
    assert memo.address is not None
