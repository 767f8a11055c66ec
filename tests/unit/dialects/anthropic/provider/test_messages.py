"""System prompts and turns in Anthropic's blocks: results first, files, ids, whose thinking."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_requests import ASKED, BRIEF, HI, PDF_SOURCE, SUNNY, answer, document, say, turn, use, write
from matrix import (
    EPHEMERAL,
    HELLO,
    MATRIX,
    PDF,
    ask,
    call,
    called,
    result,
    user,
)
from matrix import text as part
from penstock.core.traits import Traits
from penstock.dialects.anthropic.provider.messages import tool_id


def test_results_come_first_in_their_turn() -> None:
    body, _ = write(ask(HELLO, called(call("call_1", "f", "{}")), user("Wait."), result("call_1", "Sunny")))
    assert body["messages"][2]["content"] == [SUNNY, say("Wait.")]


def test_text_without_a_visible_character_is_left_out_and_its_marker_named() -> None:
    body, payload = write(ask(user(part(" \n", cache_control=EPHEMERAL), part("Hello"))))
    assert body["messages"] == [ASKED]
    assert payload.dropped == ("messages[0].content[0].cache_control",)


def test_the_beginning_of_an_answer_ends_in_no_white_space() -> None:
    body, payload = write(ask(HELLO, {"role": "assistant", "content": "Well \n"}))
    assert body["messages"][1] == turn("assistant", say("Well"))
    assert payload.dropped == ()


def test_blocks_of_anthropic_pass_and_those_of_others_do_not() -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    code = {"executableCode": {"code": "1"}}
    said = {"role": "assistant", "content": "Hi", "content_blocks": [search, code, say("Hi")]}
    body, payload = write(ask(HELLO, said, user("And?")))
    assert body["messages"][1] == turn("assistant", search, say("Hi"))
    assert payload.dropped == ("messages[1].content[1]",)


def test_thinking_that_others_signed_is_not_sent() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "x", "format": "google-gemini-v1"}]
    body, _ = write(ask(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": details}, user("And?")))
    assert body["messages"][1] == HI


def test_arguments_keep_their_bytes() -> None:
    arguments = '{"id": 123456789012345678901234, "price": 1.10, "far": 1e400}'
    _, payload = write(ask(HELLO, called(call("call_1", "f", arguments)), result("call_1", "ok")))
    assert arguments.encode() in payload.body


@pytest.mark.parametrize("arguments", ["[1]", "null", '"x"', "{", "\ud800"])
def test_arguments_that_are_no_object_are_wrapped(arguments: str) -> None:
    body, _ = write(ask(HELLO, called(call("call_1", "f", arguments)), result("call_1", "ok")))
    assert body["messages"][1]["content"][0]["input"] == {"INVALID_JSON": arguments}


def test_plain_text_for_a_custom_tool_becomes_its_input() -> None:
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    body, _ = write(ask(HELLO, called(custom), result("call_1", "ok")))
    assert body["messages"][1]["content"] == [use("call_1", "shell", {"input": "ls"})]


def test_a_failed_result_says_so_and_keeps_its_marker() -> None:
    failed = {**result("call_1", "No."), "is_error": True, "cache_control": EPHEMERAL}
    body, _ = write(ask(HELLO, called(call("call_1", "f", "{}")), failed))
    assert body["messages"][2]["content"] == [
        {**answer("call_1", content="No."), "is_error": True, "cache_control": EPHEMERAL}
    ]


# fmt: off
DOCUMENTS: Final[list[tuple[Any, ...]]] = [
    ({"file_data": PDF}, PDF_SOURCE),
    ({"file_url": "https://example.com/a"}, {"type": "url", "url": "https://example.com/a"}),
    ({"file_url": "gs://bucket/a.pdf"}, None),
    ({"file_url": "https://example.com/a.txt", "mime_type": "text/plain"}, None),
    ({"file_data": "data:text/markdown;base64,SGk="}, {"type": "text", "media_type": "text/plain", "data": "Hi"}),
    ({"file_data": "data:text/plain;base64,gICA"}, None),
    ({"file_data": "data:application/zip;base64,UEs="}, None),
]
# fmt: on


@pytest.mark.parametrize(("file", "source"), DOCUMENTS)
def test_documents(file: dict[str, Any], source: dict[str, Any] | None) -> None:
    body, payload = write(ask(user(part("Read."), {"type": "file", "file": file})))
    blocks = body["messages"][0]["content"][1:]
    assert blocks == ([document(source)] if source else [])
    assert payload.dropped == (() if source else ("messages[0].content[1]",))


def test_images() -> None:
    jpg = {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AA==", "detail": "high"}}
    as_file = {"type": "file", "file": {"file_id": "file_1", "mime_type": "image/png"}}
    bucket = {"type": "image_url", "image_url": {"url": "s3://bucket/cat.png"}}
    body, payload = write(ask(user(jpg, as_file, bucket)))
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ]
    assert payload.dropped == ("messages[0].content[2]",)


def test_what_a_family_cannot_see_is_refused() -> None:
    body, payload = write(MATRIX["image_data"], Traits(vision=False))
    assert body["messages"] == [turn("user", say("What is this?"))]
    assert payload.dropped == ("messages[0].content[1]",)
    assert write(MATRIX["file_data"], Traits(documents=False))[1].dropped == ("messages[0].content[1]",)


def test_only_text_can_be_a_system_prompt() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    body, payload = write(ask({"role": "system", "content": [part("Be brief."), picture]}, HELLO))
    assert body["system"] == [BRIEF]
    assert payload.dropped == ("messages[0].content[1]",)


def test_an_id_that_is_used_again_becomes_another() -> None:
    """The id of a call of the older kind is its function's name; some backends count from 0 with every turn."""
    once = called(call("call_0", "f", "{}")), result("call_0", "1")
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": "{}"}}
    answered = {"role": "function", "name": "g", "content": "2"}
    body, _ = write(ask(HELLO, *once, HELLO, *once, HELLO, legacy, answered, legacy, answered))
    uses = [block["id"] for turn in body["messages"] for block in turn["content"] if block["type"] == "tool_use"]
    results = [
        block["tool_use_id"] for turn in body["messages"] for block in turn["content"] if block["type"] == "tool_result"
    ]
    assert uses == results == ["call_0", "call_0-2", "g", "g-2"]


@given(st.sets(st.text(max_size=12), max_size=8))
@settings(max_examples=60, deadline=None)
def test_different_ids_stay_different_and_become_legal(ids: set[str]) -> None:
    mapped = {tool_id(each) for each in ids}
    assert len(mapped) == len(ids)
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", each) for each in mapped)
    assert all(tool_id(each) == each for each in mapped)
