"""The stream of a response: its grammar, what each kind of event becomes, and how it ends."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given

from penstock.core.chat import Echo, Owner, ToolForm
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Media,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.usage import Usage
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import unseal
from penstock.dialects.responses.caller.stream import ResponseWriter
from responses_wire import CAPTION, answers, captioned, folded, items, said, streamed

IMAGE = base64.b64encode(b"png").decode()


def message(text: str, **members: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": [], **members}
    return {"type": "message", "status": "completed", "role": "assistant", "content": [part]}


def call(name: str, arguments: str, call_id: str = "c0", **members: Any) -> dict[str, Any]:
    status = {"status": "completed", "call_id": call_id}
    return {"type": "function_call", **status, "name": name, "arguments": arguments, **members}


def test_a_text_in_all_its_events() -> None:
    kinds = [each["type"] for each in streamed(Start("x", "served"), Text("Hel"), Text("lo"))]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    response = said(Start("x", "served", 1700000007), Text("Hel"), Text("lo"), Usage(3, 2))
    assert (response["id"], response["model"], response["created_at"]) == ("resp_abc", "served", 1700000007)
    assert response["output"][0]["id"] == "msg_abc0000"
    assert response["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 5,
    }
    assert items(Text("Hello")) == [message("Hello")]


def test_an_answer_without_anything() -> None:
    assert said()["output"] == []
    assert said()["usage"] is None


def test_thoughts_texts_and_calls_keep_their_order() -> None:
    got = items(
        Thinking("hm", block=0), Text("a", 0, 1), ToolStart(0, "f", "c0"), ToolArgs('{"x":1}', 0), Text("b", 0, 2)
    )
    summary = [{"type": "summary_text", "text": "hm"}]
    assert got == [{"type": "reasoning", "summary": summary}, message("a"), call("f", '{"x":1}'), message("b")]


def test_calls_side_by_side() -> None:
    got = items(
        ToolStart(0, "f", "c0"),
        ToolStart(1, "g", "c1"),
        ToolArgs('{"a":', 0),
        ToolArgs("{}", 1),
        ToolArgs("1}", 0),
    )
    assert got == [call("f", '{"a":1}'), call("g", "{}", "c1")]


def test_a_call_without_arguments_or_id() -> None:
    (got,) = items(ToolStart(0, "f"))
    assert (got["arguments"], got["call_id"][:5]) == ("{}", "call_")


def test_a_call_goes_on_after_its_end() -> None:
    writer = ResponseWriter(CAPTION)
    writer.write([ToolStart(0, "f", "c"), ToolArgs("{}", 0), Text("a"), ToolArgs(" ", 0)])
    failures = [writer.failed]
    writer.write([ToolArgs("{}", 0)])
    failures.append(writer.failed)
    assert [each is not None for each in failures] == [False, True]
    assert writer.write([Text("more")]) == b""


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        (Stop("stop"), "completed", None),
        (Stop("tool_calls"), "completed", None),
        (Stop("length"), "incomplete", "max_output_tokens"),
        (Stop("length", detail="context"), "incomplete", "max_output_tokens"),
        (Stop("content_filter"), "incomplete", "content_filter"),
        (Stop("content_filter", detail="refusal"), "completed", None),
        (Stop("stop", detail="pause"), "completed", None),
    ],
)
def test_how_it_ends(stop: Stop, status: str, reason: str | None) -> None:
    response = said(Text("a"), stop)
    assert response["status"] == status
    assert response["incomplete_details"] == (None if reason is None else {"reason": reason})
    assert response["output"][0]["status"] == status
    assert (response["completed_at"] is not None) == (status == "completed")


def test_a_call_that_the_limit_cut() -> None:
    (whole, cut) = items(ToolStart(0, "f", "c0"), ToolArgs("{}", 0), ToolStart(1, "g", "c1"), ToolArgs('{"a', 1),
                         Stop("length"))  # fmt: skip
    assert (whole["status"], cut["status"], cut["arguments"]) == ("completed", "incomplete", '{"a')


def test_a_refusal_beside_a_text() -> None:
    (got,) = items(Text("I "), Refusal("won't"))
    assert [part["type"] for part in got["content"]] == ["output_text", "refusal"]
    assert got["content"][1]["refusal"] == "won't"


def test_openais_own_thoughts_stay_as_they_are() -> None:
    (got,) = items(Thinking("why", block=0), Thinking(data="gAAA", owner=Owner.OPENAI, block=0))
    assert got["encrypted_content"] == "gAAA"


def test_what_another_maker_signed_is_in_an_envelope() -> None:
    (got,) = items(Thinking("why", owner=Owner.ANTHROPIC), Thinking(signature="SIG", owner=Owner.ANTHROPIC))
    envelope = unseal(got["encrypted_content"])
    assert envelope is not None
    (part,) = envelope.reasoning("why")
    assert (part.text, part.signature, part.owner) == ("why", "SIG", Owner.ANTHROPIC)


def test_hidden_thoughts_are_in_an_envelope() -> None:
    caption = Caption("abc", 1, "m", "p", hides_thinking=True)
    (got,) = items(Thinking("secret"), caption=caption)
    envelope = unseal(got["encrypted_content"])
    assert envelope is not None
    assert (got["summary"], envelope.reasoning()[0].text) == ([], "secret")


def test_the_signature_of_a_call_stands_before_it() -> None:
    thought, called = items(ToolStart(0, "f", "c0", "SIG", Owner.GOOGLE), ToolArgs("{}", 0))
    envelope = unseal(thought["encrypted_content"])
    assert envelope is not None
    assert (envelope.call_signature, envelope.owner) == ("SIG", Owner.GOOGLE)
    assert called == call("f", "{}")


def test_tools_in_the_callers_own_form() -> None:
    forms = {
        "exec": ToolForm("custom", "exec"),
        "ns__f": ToolForm("function", "f", "ns"),
        "local_shell": ToolForm("local_shell", "local_shell"),
        "tool_search": ToolForm("tool_search", "tool_search"),
    }
    caption = captioned(Echo({}, forms))
    events: list[Event] = []
    written = ['{"input":"ls"}', '{"x":1}', '{"command":["ls"]}', '{"query":"q"}']
    for index, (name, arguments) in enumerate(zip(forms, written, strict=True)):
        events += [ToolStart(index, name, f"c{index}"), ToolArgs(arguments[:4], index), ToolArgs(arguments[4:], index)]
    custom, named, shell, search = items(*events, caption=caption)
    assert (custom["type"], custom["name"], custom["input"]) == ("custom_tool_call", "exec", "ls")
    assert named == call("f", '{"x":1}', "c1", namespace="ns")
    assert (shell["type"], shell["action"]) == ("local_shell_call", {"type": "exec", "env": {}, "command": ["ls"]})
    assert (search["type"], search["arguments"], search["execution"]) == ("tool_search_call", {"query": "q"}, "client")


def test_a_provider_that_knows_free_text() -> None:
    (got,) = items(ToolStart(0, "exec", "c0", custom=True), ToolArgs("ls -l", 0))
    assert (got["type"], got["input"]) == ("custom_tool_call", "ls -l")


def test_sources_are_placed_in_their_part() -> None:
    first, second = items(
        Text("See ", 0, 0),
        Text("this.", 0, 1),
        Citation({}, "https://a", "A", block=1),
        ToolStart(0, "f", "c0"),
        ToolArgs("{}", 0),
        Text("More.", 0, 2),
        Citation({}, "https://b", "", 9, 14, block=2),
        Citation({}, "", block=2),
    )[::2]
    (source,) = first["content"][0]["annotations"]
    assert source == {"type": "url_citation", "start_index": 4, "end_index": 9, "url": "https://a", "title": "A"}
    (other,) = second["content"][0]["annotations"]
    assert (other["start_index"], other["end_index"], other["title"]) == (0, 5, "https://b")


def test_media() -> None:
    image, text = items(Media("image/png", IMAGE), Media("audio/wav", IMAGE, block=1))
    assert (image["type"], image["result"]) == ("image_generation_call", IMAGE)
    assert text["content"][0]["text"].startswith("[sound of type audio/wav")


def test_a_search_of_the_web() -> None:
    searched = {"type": "server_tool_use", "name": "web_search", "input": {"query": "q"}}
    (got,) = items(Foreign(searched), Foreign({"type": "web_search_tool_result", "content": []}, block=1))
    assert (got["type"], got["action"]["query"]) == ("web_search_call", "q")


def test_log_probabilities() -> None:
    score = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    assert said(Text("a"), Logprobs((score,)))["output"][0]["content"][0]["logprobs"] == [score]


def test_only_the_first_choice_is_told() -> None:
    got = items(Text("a"), Text("b", 1), ToolStart(0, "f", choice=1), Logprobs(({},), 1), Stop("stop"),
                Stop("length", choice=1), Extra("x", 1))  # fmt: skip
    assert got == [message("a")]


def test_what_the_response_repeats() -> None:
    echo = Echo({"tools": b'[{"type":"function","name":"f","parameters":{},"strict":false}]', "top_p": b"0.5"})
    response = said(Text("a"), caption=captioned(echo))
    assert (response["top_p"], response["tools"][0]["name"], response["store"]) == (0.5, "f", False)


def test_a_failure_ends_it() -> None:
    writer = ResponseWriter(CAPTION)
    writer.write([Text("a"), Fail("no"), Text("b")])
    assert writer.failed == Fail("no")


def test_more_than_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.dialects.responses.caller.stream._MOST", 100)
    writer = ResponseWriter(CAPTION)
    writer.write([Text("a" * 60), Text("b" * 60)])
    assert writer.failed is not None
    assert writer.failed.broken


@given(answers())
def test_any_answer_keeps_the_grammar(events: list[Event]) -> None:
    folded(streamed(*events))
