from typing import Any

import pytest

from penstock.core.segments import ALL_SLOTS, SegmentKind
from penstock.dialects.anthropic.caller.texts import TEXTS

BODY = {
    "system": [{"type": "text", "text": "s"}],
    "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t"}, {"type": "tool_use", "input": {"q": "x"}}]},
        {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "r"}]}, {"type": "text", "text": "b"}]},
    ],
}  # fmt: skip


def test_the_texts_of_a_request() -> None:
    found = [
        (each.text, each.kind, each.message, each.is_plain)
        for each in TEXTS.request("messages", BODY)
        if each.kind is not SegmentKind.OTHER
    ]
    assert found == [
        ("s", SegmentKind.SYSTEM, -1, True),
        ("a", SegmentKind.TEXT, 0, True),
        ("t", SegmentKind.REASONING, 1, False),
        ("x", SegmentKind.TOOL_CALL, 1, False),
        ("r", SegmentKind.TOOL_RESULT, 2, False),
        ("b", SegmentKind.TEXT, 2, True),
    ]
    assert [each.text for each in TEXTS.request("messages", {"system": "s", "messages": 1})] == ["s"]
    result = {"messages": [{"content": [{"type": "tool_result", "content": "r"}]}]}
    assert [each.text for each in TEXTS.request("messages", result)] == ["r"]


DOCUMENT = {"type": "document", "title": "t", "context": "c", "source": {"type": "text", "data": "d"}}
PARTS = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "e"}]}}
FOUND = {"type": "search_result", "source": "https://a", "title": "t", "content": [{"type": "text", "text": "f"}]}
SCAN = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}
RAN = {"type": "code_execution_tool_result", "tool_use_id": "u", "content": {"type": "r", "stdout": "o", "stderr": ""}}
WEB = {"type": "web_search_tool_result", "content": [{"title": "w", "url": "https://a", "encrypted_content": "x"}]}


@pytest.mark.parametrize(
    ("block", "texts", "is_plain"),
    [
        (DOCUMENT, ["d", "t", "c"], True),
        (PARTS, ["e"], True),
        (FOUND, ["t", "f"], True),
        (SCAN, [], True),
        ({"text": "a"}, ["a"], True),
        ({"type": "image", "source": {"type": "url", "url": "https://a"}}, [], True),
        ({"type": "server_tool_use", "input": {"query": "q"}}, ["q"], False),
        (RAN, ["o", ""], False),
        (WEB, ["w"], False),
        ({"type": "tool_result", "content": [DOCUMENT, FOUND]}, ["d", "t", "c", "t", "f"], False),
    ],
)
def test_the_texts_of_other_blocks(block: dict[str, Any], texts: list[str], is_plain: bool) -> None:
    body = {"messages": [{"role": "user", "content": [block]}]}
    found = [each for each in TEXTS.request("messages", body) if each.kind is not SegmentKind.OTHER]
    assert [each.text for each in found] == texts
    assert all(each.is_plain is is_plain for each in found)
    for each in found:
        value: Any = body
        for name in each.pointer:
            value = value[name]
        assert value == each.text


def test_the_texts_of_an_answer() -> None:
    body = {"content": [{"type": "text", "text": "a"}, {"type": "text"}, {"type": "tool_use", "input": {}}]}
    assert [(each.pointer, each.text) for each in TEXTS.answer("messages", body)] == [(("content", 0, "text"), "a")]


def test_deltas_and_ends() -> None:
    [delta] = TEXTS.deltas("messages", {"index": 1, "delta": {"type": "text_delta", "text": "a"}})
    assert (delta.key, delta.pointer, delta.text) == ((SegmentKind.TEXT, 1, 0), ("delta", "text"), "a")
    [delta] = TEXTS.deltas("messages", {"index": 1, "delta": {"type": "input_json_delta", "partial_json": "{"}})
    assert not delta.is_plain
    assert list(TEXTS.deltas("messages", {"type": "ping"})) == []
    assert TEXTS.closes(b"", {"type": "content_block_stop", "index": 1}) == 1
    assert TEXTS.closes(b"message_stop", {}) == ALL_SLOTS
    kinds: list[Any] = [[], {}, [None], 1, None]
    for kind in kinds:
        assert TEXTS.closes(b"message_stop", {"type": kind}) == ALL_SLOTS
        assert TEXTS.closes(b"ping", {"type": kind}) is None
    assert TEXTS.closes(b"ping", {"type": "ping"}) is None
    assert TEXTS.is_end(b"message_stop", b"{}")
    assert TEXTS.results_event(b"{}").startswith(b"event: hook_results\ndata: ")
