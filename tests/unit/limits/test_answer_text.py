"""How much text an answer held, by its bytes in the wires of OpenAI and of Anthropic."""

from __future__ import annotations

import pytest

from penstock.limits.answer_text import AnswerText


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", 0),
        (b'data: {"choices":[{"delta":{"role":"assistant","content":"Hello"}}]}\n\n', 5),
        (b'data: {"delta":{"reasoning_content":"Hm","content" : "a\\"b"}}\n\n', 6),
        (b'data: {"delta":{"tool_calls":[{"function":{"arguments":"{\\"a\\":1}"}}]}}\n\n', 9),
        (b'event: content_block_delta\ndata: {"delta":{"type":"text_delta","text":"Hi"}}\n\n', 2),
        (b'{"delta":{"type":"input_json_delta","partial_json":"{}"}}', 2),
        (b'{"usage":{"total_tokens":12},"content":null,"id":"content"}', 0),
    ],
)
def test_texts_are_found_by_their_members(data: bytes, size: int) -> None:
    text = AnswerText()
    text.add(data)
    assert text.size == size


def test_a_text_in_two_reads_is_counted_and_a_long_answer_is_not_kept() -> None:
    text = AnswerText()
    text.add(b'{"content":"Hel')
    text.add(b'lo"}')
    assert text.size == text.size == 5
    for _ in range(2000):
        text.add(b'{"content":"' + b"x" * 100 + b'"}')
    assert text._waiting < 65_000
    assert text.size == 5 + 200_000
