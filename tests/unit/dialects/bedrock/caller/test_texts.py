"""The texts of Converse: what a guard sees, and where."""

from __future__ import annotations

import json
from typing import Any

import calling
from penstock.core.segments import ALL_SLOTS, SegmentKind
from penstock.dialects.bedrock.caller.texts import TEXTS
from penstock.dialects.framing import sse

BODY: dict[str, Any] = {
    "system": [{"text": "s"}, {"guardContent": {"text": {"text": "g"}}}],
    "messages": [
        {"role": "user", "content": [
            {"text": "t"}, {"document": {"name": "d", "source": {"text": "d"}}},
            {"searchResult": {"title": "st", "source": "x", "content": [{"text": "sc"}]}},
            {"toolResult": {"toolUseId": "1", "content": [{"text": "r"}, {"json": {"deep": ["j"]}}]}},
        ]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "h"}}}, {"toolUse": {"input": {"a": "u"}}},
            {"citationsContent": {"content": [{"text": "c"}]}},
        ]},
    ],
}  # fmt: skip


def test_every_text_of_a_request() -> None:
    found = {
        segment.text: (segment.kind, segment.role)
        for segment in TEXTS.request("converse", BODY)
        if segment.kind is not SegmentKind.OTHER
    }
    assert found == {
        "s": (SegmentKind.SYSTEM, "system"),
        "g": (SegmentKind.SYSTEM, "system"),
        "t": (SegmentKind.TEXT, "user"),
        "d": (SegmentKind.TEXT, "user"),
        "st": (SegmentKind.TEXT, "user"),
        "sc": (SegmentKind.TEXT, "user"),
        "r": (SegmentKind.TOOL_RESULT, "user"),
        "j": (SegmentKind.TOOL_RESULT, "user"),
        "h": (SegmentKind.REASONING, "assistant"),
        "u": (SegmentKind.TOOL_CALL, "assistant"),
        "c": (SegmentKind.TEXT, "assistant"),
    }


def test_texts_beside_the_messages() -> None:
    body = {
        "messages": [
            {"role": "user", "content": [{"document": {"name": "n", "context": "c", "source": {"bytes": ""}}}]}
        ],
        "promptVariables": {"topic": {"text": "v"}},
        "additionalModelRequestFields": {
            "preamble": "p",
            "documents": [{"snippet": "d"}],
            "thinking": {"type": "enabled"},
        },
    }
    found = [each for each in TEXTS.request("converse", body) if each.kind is not SegmentKind.OTHER]
    assert [each.text for each in found] == ["c", "v", "p", "d"]
    for segment in found:
        value: Any = body
        for step in segment.pointer:
            value = value[step]
        assert value == segment.text


def test_every_pointer_leads_to_its_text() -> None:
    for segment in [each for each in TEXTS.request("converse", BODY) if not each.is_fixed]:
        value: Any = BODY
        for step in segment.pointer:
            value = value[step]
        assert value == segment.text


def test_an_answer_and_its_stream() -> None:
    (segment,) = TEXTS.answer("converse", json.loads(calling.PLAIN["bedrock_converse"]))
    assert (segment.text, segment.role) == ("Hi", "assistant")
    deltas, closes, ends = [], [], []
    for name, data in sse.events(b"".join(calling.STREAMS["bedrock_converse"])):
        value = json.loads(data)
        deltas += [(delta.text, delta.key[1]) for delta in TEXTS.deltas("converse", value)]
        closes.append(TEXTS.closes(name, value))
        ends.append(TEXTS.is_end(name, data))
    assert deltas == [("Hi", 0)]
    assert closes == [None, None, 0, ALL_SLOTS, ALL_SLOTS]
    assert ends == [False, False, False, True, False]


def test_pieces_of_every_kind() -> None:
    pieces = [{"reasoningContent": {"text": "h"}}, {"toolUse": {"input": "{"}}, {"citation": {}}]
    found = [list(TEXTS.deltas("converse", {"delta": piece, "contentBlockIndex": 2})) for piece in pieces]
    assert [delta.key for group in found for delta in group] == [
        (SegmentKind.REASONING, 2, 0),
        (SegmentKind.TOOL_CALL, 2, 0),
    ]
