from typing import Any

import pytest

from penstock.core.segments import SegmentKind
from penstock.dialects.openai.caller.texts import TEXTS

BODY = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "r"},
    ]
}  # fmt: skip
DOCUMENT = {"type": "document", "title": "t", "context": "c", "source": {"type": "text", "data": "d"}}


def test_the_texts_of_a_chat() -> None:
    found = [(each.pointer, each.text, each.kind, each.message, each.is_plain) for each in TEXTS.request("chatComplete", BODY) if each.kind is not SegmentKind.OTHER]  # fmt: skip
    assert found == [
        (("messages", 0, "content"), "s", SegmentKind.SYSTEM, 0, True),
        (("messages", 1, "content", 0, "text"), "a", SegmentKind.TEXT, 1, True),
        (("messages", 1, "content", 2, "text"), "b", SegmentKind.TEXT, 1, True),
        (("messages", 2, "tool_calls", 0, "function", "arguments"), "{}", SegmentKind.TOOL_CALL, 2, False),
        (("messages", 3, "content"), "r", SegmentKind.TOOL_RESULT, 3, True),
    ]


def test_the_texts_beside_a_messages_content() -> None:
    message = {
        "role": "assistant",
        "content": [{"type": "refusal", "refusal": "a"}, {"type": "thinking", "thinking": [{"text": "b"}]}],
        "reasoning_details": [{"type": "reasoning.text", "text": "c", "signature": "s"}, {"summary": "d", "id": "e"}],
        "tool_calls": [{"type": "custom", "custom": {"name": "f", "input": "e"}}],
        "function_call": {"name": "f", "arguments": {"a": ["{}"]}},
        "thinking": "f",
    }
    found = [
        each for each in TEXTS.request("chatComplete", {"messages": [message]}) if each.kind is not SegmentKind.OTHER
    ]
    assert [each.text for each in found] == ["a", "b", "f", "c", "d", "e", "{}"]
    assert not any(each.is_plain for each in found)
    for each in found:
        value: Any = {"messages": [message]}
        for name in each.pointer:
            value = value[name]
        assert value == each.text


@pytest.mark.parametrize(
    ("kind", "body", "texts"),
    [
        ("complete", {"prompt": ["a", "b"]}, ["a", "b"]),
        ("complete", {"prompt": "a", "suffix": "b"}, ["a", "b"]),
        ("createSpeech", {"input": "a", "instructions": "b"}, ["a", "b"]),
        ("chatComplete", {"messages": [], "documents": [{"title": "a", "text": "b"}]}, ["a", "b"]),
        ("embed", {"input": "a"}, ["a"]),
        ("embed", {"input": [1, 2]}, []),
        (
            "embed",
            {"input": [["a"], {"content": [{"type": "text", "text": "b"}]}], "instruction": "c"},
            ["a", "b", "c"],
        ),
        ("embed", {"texts": ["a"], "messages": [{"role": "user", "content": "b"}]}, ["a", "b"]),
        ("chatComplete", {"messages": [], "prediction": {"type": "content", "content": "a"}}, ["a"]),
        ("chatComplete", {"messages": [], "prediction": {"content": [{"type": "text", "text": "a"}]}}, ["a"]),
        ("rerank", {"query": "q", "documents": ["d", {"text": "e"}]}, ["q", "d", "e"]),
        ("moderate", {"input": [{"type": "text", "text": "a"}]}, ["a"]),
        ("imageGenerate", {"prompt": "a", "negative_prompt": "b"}, ["a", "b"]),
        ("chatComplete", {"messages": [1, {"role": 2, "content": {}}]}, []),
        ("chatComplete", {"messages": [{"role": "user", "content": ["a", {"text": "b"}]}]}, ["a", "b"]),
        ("chatComplete", {"messages": [{"role": "user", "content": [DOCUMENT]}]}, ["t", "c", "d"]),
        ("chatComplete", [], []),
    ],
)
def test_other_requests(kind: str, body: Any, texts: list[str]) -> None:
    assert [each.text for each in TEXTS.request(kind, body)] == texts


def test_the_texts_of_an_answer() -> None:
    choice = {"message": {"content": "a", "refusal": "r", "reasoning_content": "t"}}
    found = [(each.text, each.kind, each.choice, each.is_plain) for each in TEXTS.answer("chatComplete", {"choices": [choice, choice]})]  # fmt: skip
    assert found[:3] == [
        ("a", SegmentKind.TEXT, 0, True),
        ("r", SegmentKind.REFUSAL, 0, False),
        ("t", SegmentKind.REASONING, 0, False),
    ]
    assert found[3][2] == 1
    assert [each.text for each in TEXTS.answer("complete", {"choices": [{"text": "x"}]})] == ["x"]
    spoken = {"choices": [{"message": {"content": None, "audio": {"id": "a", "data": "", "transcript": "x"}}}]}
    assert [(each.text, each.is_plain) for each in TEXTS.answer("chatComplete", spoken)] == [("x", True)]


def test_no_delta_hides_a_text() -> None:
    delta = {
        "thinking": "a",
        "audio": {"transcript": "b"},
        "function_call": {"arguments": "c"},
        "tool_calls": [{"index": 0, "custom": {"input": "d"}}],
        "reasoning_details": [{"index": 0, "text": "e"}, {"index": 1, "summary": "f"}],
    }
    chunk = {"choices": [{"index": 0, "delta": delta}]}
    found = [*TEXTS.deltas("chatComplete", chunk)]
    assert sorted(each.text for each in found) == [*"abcdef"]
    assert len({each.key for each in found}) == len(found)
    for each in found:
        value: Any = chunk
        for name in each.pointer:
            value = value[name]
        assert value == each.text


def test_deltas_and_ends() -> None:
    call = {"index": 1, "function": {"arguments": "{"}}
    chunk = {"choices": [{"index": 2, "delta": {"content": "a", "tool_calls": [call]}, "finish_reason": None}]}
    found = [(each.key, each.text, each.is_plain) for each in TEXTS.deltas("chatComplete", chunk)]
    assert found == [((SegmentKind.TEXT, 2, 0), "a", True), ((SegmentKind.TOOL_CALL, 2, 1), "{", False)]
    assert [each.text for each in TEXTS.deltas("complete", {"choices": [{"text": "x"}]})] == ["x"]
    assert TEXTS.closes(b"", chunk) is None
    assert TEXTS.closes(b"", {"choices": [{"index": 2, "finish_reason": "stop"}]}) == 2
    assert TEXTS.is_end(b"", b"[DONE]")
    assert TEXTS.results_event(b"{}") == b'data: {"hook_results":{}}\n\n'
