"""What a plain reply of Anthropic's wire with a good status is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.dialects.anthropic.relay.judge import has_error_shape, judge

TEXT = {"type": "text", "text": "Hi"}
MESSAGE = {"type": "message", "content": [TEXT], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}}  # fmt: skip


def judged(value: Any, *, is_chat: bool = True) -> Any:
    return judge(value if isinstance(value, bytes) else json.dumps(value).encode(), "anthropic", is_chat)


@pytest.mark.parametrize(
    ("changes", "is_complete"),
    [
        ({}, True),
        ({"stop_reason": "tool_use"}, True),
        ({"stop_reason": "max_tokens"}, False),
        ({"stop_reason": "refusal"}, False),
        ({"stop_reason": "pause_turn"}, False),
        ({"stop_reason": None}, False),
        ({"content": []}, False),
    ],
)
def test_a_message_and_whether_it_may_be_given_again(changes: dict[str, Any], is_complete: bool) -> None:
    verdict = judged({**MESSAGE, **changes})
    assert (verdict.error, verdict.problem, verdict.is_complete) == (None, "", is_complete)
    assert (verdict.usage.prompt, verdict.usage.completion, verdict.usage.total) == (1, 2, 3)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, 529),
        ({"error": "no"}, 502),
        ({"message": "odd"}, 502),
        ({"code": 500, "success": False}, 500),
        ({**MESSAGE, "stop_reason": "malformed_tool_use"}, 502),
    ],
)
def test_an_error_under_a_good_status(value: Any, status: int) -> None:
    assert judged(value).error.status == status


@pytest.mark.parametrize("value", [{}, [], b"no", {"type": "message"}, {"id": "x"}])
def test_nothing_usable(value: Any) -> None:
    assert judged(value).problem


def test_a_count_of_tokens() -> None:
    verdict = judged({"input_tokens": 3}, is_chat=False)
    assert (verdict.error, verdict.problem, verdict.usage) == (None, "", None)


def test_the_shape_of_an_error() -> None:
    error = {"type": "api_error", "message": "x"}
    assert has_error_shape({"type": "error", "error": error})
    assert not any(map(has_error_shape, ({"error": error}, {"type": "error", "error": "x"}, [], None)))
