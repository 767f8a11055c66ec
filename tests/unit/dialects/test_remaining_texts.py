import json
from typing import Any

import pytest

from penstock.core.segments import Segment, SegmentKind, spliced
from penstock.dialects.registry import CALLERS
from penstock.dialects.remaining_texts import (
    TEXTLESS,
    every_text,
    every_text_of_answer,
    is_setting,
    members_with_texts,
    rest_of_event,
)
from penstock.guards.base import Edit
from penstock.guards.edits import edited
from penstock.guards.guarded_body import GuardedBody

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "a", "enum": ["Rome"], "examples": ["b"]}},
    "required": ["city"],
}
TOOL = {"type": "function", "function": {"name": "f", "description": "c", "parameters": SCHEMA}}


def own(_kind: str, body: Any) -> list[Segment]:
    return [Segment(("messages", 0, "content"), body["messages"][0]["content"])]


def others(body: dict[str, Any]) -> list[Segment]:
    return [each for each in every_text(own, "messages")("", body) if each.kind is SegmentKind.OTHER]


def test_what_tools_are_is_read_and_no_word_of_a_schema() -> None:
    found = others({"messages": [{"content": "x"}], "tools": [TOOL]})
    assert sorted(each.text for each in found if not each.is_fixed) == ["a", "b", "c"]
    (fixed,) = (each for each in found if each.is_fixed)
    assert sorted(fixed.text.split("\n")) == ["Rome", "city", "f"]
    assert not any(each.is_plain or each.message != -1 for each in found)


def test_what_stands_in_a_message_belongs_to_it() -> None:
    part = {"type": "file", "file": {"filename": "a", "file_id": "1", "file_data": "data:application/pdf;base64,eA=="}}
    call = {"id": "1", "type": "function", "function": {"name": "g", "arguments": {"q": "v"}}}
    message = {"role": "user", "name": "n", "content": "x", "more": [part], "tool_calls": [call]}
    found = others({"messages": [message], "model": "m", "metadata": {"a": "b"}})
    assert {(each.text, each.is_fixed) for each in found} == {("a", False), ("n", False), ("v", False), ("q\ng", True)}
    assert {(each.role, each.message) for each in found} == {("user", 0)}


@pytest.mark.parametrize(
    "text",
    [
        "data: bad",
        "data:, bad",
        "data:text/plain;base64,bad word",
        "data:text/plain;base64," + 70_000 * "A" + " bad",
        "data:bad words;base64,AAAA",
    ],
)
def test_what_begins_like_a_url_of_data_and_is_none_is_read(text: str) -> None:
    message = {"role": "user", "content": "x"}
    assert [each.text for each in others({"messages": [{**message, "more": text}]})] == [text]


@pytest.mark.parametrize("kind", ["image/png", "text/plain;charset=utf-8", "application/vnd.a+json"])
def test_data_of_a_url_are_no_text_but_in_prose(kind: str) -> None:
    url = f"data:{kind};base64," + 100_000 * "QUJD"
    message = {"role": "user", "content": "x"}
    assert others({"messages": [{**message, "more": {"url": url}}]}) == []
    tool = {"function": {"description": url}}
    assert [each.text for each in others({"messages": [message], "tools": [tool]})] == [url]
    asked = every_text(own, "messages")("", {"messages": [message], "contents": [{"parts": [url]}], "input": url})
    assert [each.text for each in asked] == ["x", url]


def test_names_are_judged_and_not_changed() -> None:
    raw = b'{"messages":[{"content":"x"}],"tools":[{"name":"f","description":"a f"}]}'
    body = GuardedBody(raw, lambda value: every_text(own, "messages")("", value))
    edits = [Edit(each.pointer, 0, len(each.text), "z") for each in body.segments if each.kind is SegmentKind.OTHER]
    assert len(edits) == 2
    assert edited(body, edits) == spliced(raw, {("tools", 0, "description"): "z"})


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ("bad", ["bad"]),
        ([{"role": "user", "content": "bad"}], ["bad"]),
        ([{"role": "user", "parts": [{"text": "bad"}]}, "worse"], ["bad", "worse"]),
    ],
)
@pytest.mark.parametrize("name", ["input", "prompt", "contents"])
def test_what_another_wire_asks_with_is_part_of_the_last_message(name: str, asked: Any, texts: list[str]) -> None:
    raw = {"messages": [{"content": "x"}, {"content": ""}], name: asked}
    body = GuardedBody(json.dumps(raw).encode(), lambda value: every_text(own, "messages")("", value))
    found = [each for each in body.last_segments if each.is_plain]
    assert sorted(each.text for each in found) == texts
    assert all(each.kind is SegmentKind.INPUT and each.role == "user" for each in found)


def test_what_needs_no_look() -> None:
    assert TEXTLESS.issuperset(["model", "temperature", "stream", "user"])
    assert "tools" not in TEXTLESS
    assert members_with_texts(["model", "messages", "brand_new"]) == ["messages", "brand_new"]


SOURCE = {"type": "url_citation", "url": "https://a", "title": "t", "cited_text": "c"}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "1", "content": [{"type": "web_search_result", "title": "t"}]}
BLOCK = {"type": "content_block_start", "index": 2}


@pytest.mark.parametrize(
    ("caller", "event", "texts"),
    [
        ("openai_chat", {"choices": [{"index": 1, "delta": {"annotations": [SOURCE]}}]}, {"t", "c"}),
        ("anthropic", {"index": 1, "delta": {"type": "citations_delta", "citation": SOURCE}}, {"t", "c"}),
        ("anthropic", {**BLOCK, "content_block": FOUND}, {"t"}),
        ("anthropic", {**BLOCK, "content_block": {"type": "text", "text": "x"}}, {"x"}),
        ("anthropic", {**BLOCK, "content_block": {"type": "text", "text": ""}}, set()),
        ("anthropic", {**BLOCK, "content_block": {"type": "tool_use", "name": "f", "input": {"q": "v"}}}, {"v"}),
        ("bedrock_converse", {"contentBlockIndex": 0, "delta": {"citation": {"title": "t"}}}, {"t"}),
        ("bedrock_converse", {"contentBlockIndex": 0, "delta": {"toolResult": [{"json": {"a": "v"}}]}}, {"v"}),
        ("responses", {"type": "response.output_text.annotation.added", "annotation": SOURCE}, {"t", "c"}),
        ("openai_chat", {"choices": [{"delta": {"content": "x", "thoughts": "t"}}]}, {"x", "t"}),
        ("openai_chat", {"choices": [{"delta": {"content": "x"}, "text": "x", "message": {"content": "so x"}}]}, {"x", "so x"}),
        ("openai_chat", {"choices": [], "search_results": [{"title": "t", "url": "u"}], "citations": ["c"]}, {"t", "c"}),
        ("openai_chat", {"choices": [{"delta": {"reasoning": {"text": "t"}}}]}, {"t"}),
        ("anthropic", {"type": "message_start", "message": {"content": [{"type": "text", "text": "t"}]}}, {"t"}),
        ("anthropic", {"index": 0, "delta": {"type": "compaction_delta", "content": "t"}}, {"t"}),
        ("anthropic", {"index": 0, "delta": {"type": "future_delta", "words": "t"}}, {"t"}),
        ("anthropic", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "t"}}, {"t"}),
        ("anthropic", {**BLOCK, "content_block": {"type": "text", "text": "", "citations": [SOURCE]}}, {"t", "c"}),
        ("gemini", {"candidates": [{"groundingMetadata": {"groundingSupports": [{"segment": {"text": "t"}}]}}]}, {"t"}),
        ("gemini", {"candidates": [{"groundingMetadata": {"searchEntryPoint": {"renderedContent": "t"}}}]}, {"t"}),
        ("gemini", {"candidates": [{"citationMetadata": {"citations": [{"title": "t"}]}}]}, {"t"}),
        ("gemini", {"promptFeedback": {"blockReasonMessage": "t"}}, {"t"}),
        ("gemini", {"candidates": [{"content": {"parts": [{"functionCall": {"partialArgs": [{"stringValue": "t"}]}}]}}]}, {"t"}),
        ("bedrock_converse", {"additionalModelResponseFields": {"content": "t"}, "stopReason": "end"}, {"t"}),
        ("bedrock_converse", {"trace": {"guardrail": {"modelOutput": ["t"]}}}, {"t"}),
        ("bedrock_converse", {"delta": {"text": "t"}}, {"t"}),
        ("cohere", {"delta": {"message": {"citations": [{"text": "t", "sources": []}]}}}, {"t"}),
        ("responses", {"type": "response.future.delta", "delta": "t"}, {"t"}),
        ("responses", {"type": "response.audio.transcript.delta", "delta": "t"}, {"t"}),
        ("responses", {"type": "response.audio.delta", "delta": "AAAA"}, {"AAAA"}),
        ("responses", {"type": "response.output_item.done", "item": {"type": "mcp_call", "error": "t"}}, {"t"}),
        ("responses", {"type": "response.output_item.done", "item": {"type": "image_generation_call", "revised_prompt": "t"}}, {"t"}),
        ("responses", {"type": "response.created", "response": {"instructions": "x", "tools": [{"name": "f"}]}}, set()),
    ],
)  # fmt: skip
def test_no_event_hides_a_text(caller: str, event: Any, texts: set[str]) -> None:
    view = CALLERS[caller].texts
    assert view is not None
    (kind,) = view.answered if len(view.answered) == 1 else ("chatComplete",)
    read = [*view.deltas(kind, event)]
    _, rest = rest_of_event(event, view.said_in_events, {each.pointer for each in read})
    found = [*read, *rest]
    assert {each.text for each in found} == texts
    for each in found:
        value = event
        for step in each.pointer:
            value = value[step]
        assert value == each.text


def test_names_of_an_event_are_told_apart_and_settings_not_at_all() -> None:
    call = {"index": 0, "function": {"name": "f", "arguments": ""}}
    event = {
        "created_at": "now",
        "provider": "p",
        "choices": [{"index": 3, "delta": {"tool_calls": [call]}, "note": "n"}],
    }
    names, [note] = rest_of_event(event, {}, ())
    assert (names, note.text, note.choice) == ("f", "n", 3)
    assert rest_of_event([], {}, ()) == ("", ())
    assert [is_setting(name) for name in ("created_at", "id", "citations")] == [True, True, False]


def test_the_name_of_a_called_tool_stays_in_answers() -> None:
    view = CALLERS["anthropic"].texts
    assert view is not None
    answer = {"content": [{"type": "tool_use", "name": "f", "input": {}}], "stop_details": {"explanation": "e"}}
    found = {each.text: each.is_fixed for each in view.answer("messages", answer)}
    assert found == {"f": True, "e": False}


SAYS_OF_ITSELF = {
    "request_id": "20260701070702302806407fe142a0",
    "citations": ["https://example.com/555-12-3456"],
    "stop_sequence": "END",
    "trace": {"promptRouter": {"invokedModelId": "arn:aws:bedrock:us-east-1:123456789012:x"}},
}


def test_ids_addresses_and_what_repeats_the_request_are_no_answer() -> None:
    def nothing(_kind: str, _body: Any) -> list[Segment]:
        return []

    assert [*every_text_of_answer(nothing)("", SAYS_OF_ITSELF)] == []
    assert rest_of_event(SAYS_OF_ITSELF, {}, ()) == ("", ())
    for answer in ({"citations": ["see https://example.com/"]}, {"citations": [{"text": "https://example.com/"}]}):
        assert len([*every_text_of_answer(nothing)("", answer)]) == 1
        assert len(rest_of_event(answer, {}, ())[1]) == 1
