"""An assistant's earlier turn, with its thoughts and their owners."""

from __future__ import annotations

from typing import Any

import pytest

from asking import parts
from penstock.core.chat import (
    NativePart,
    Owner,
    ReasoningPart,
    TextPart,
)


@pytest.mark.parametrize(("assistant", "expected"), [
    ({"reasoning_content": "hm"}, [ReasoningPart("hm")]),
    ({"reasoning": "hm"}, [ReasoningPart("hm")]),
    ({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1"}]}, [ReasoningPart("hm", "s", "", Owner.ANTHROPIC)]),
    ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "format": "amazon-bedrock-v1"}], "reasoning_content": "hm"}, [ReasoningPart("", "", "d", Owner.AMAZON)]),
    ({"content_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hi"}]}, [ReasoningPart("hm", "s", "", Owner.ANTHROPIC)]),
    ({"content_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}], "reasoning_details": [{"signature": "s", "format": "google-gemini-v1"}]}, [ReasoningPart("hm", "s", "", Owner.GOOGLE)]),
    ({"content_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "edited"}]}, [ReasoningPart("hm", "s", "", Owner.ANTHROPIC)]),
    ({"content_blocks": [{"type": "redacted_thinking", "data": "d"}, {"executableCode": {}}, {"type": "text", "text": "Hi"}]}, [ReasoningPart("", "", "d", Owner.ANTHROPIC), NativePart({"executableCode": {}}, Owner.GOOGLE)]),
    ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}]}, [ReasoningPart("hm")]),
])  # fmt: skip
def test_what_an_assistant_thought_comes_back_with_its_owner(assistant: dict[str, Any], expected: list[Any]) -> None:
    assert parts({"role": "assistant", "content": "Hi", **assistant}) == (*expected, TextPart("Hi"))


# fmt: on
