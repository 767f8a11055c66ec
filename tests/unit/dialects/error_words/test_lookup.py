"""Rows of words as a whole: their form, how many providers they cover, and errors that come with a good status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.outcome import ErrorClass
from penstock.dialects.error_words.lookup import ROWS, class_of_code, class_of_text
from penstock.dialects.provider_errors import read_error_event

C = ErrorClass


@pytest.mark.parametrize(
    ("provider", "body", "status", "expected"),
    [
        ("minimax", {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, 402, C.QUOTA),
        ("minimax", {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, 429, C.RATE_LIMIT),
        ("minimax", {"base_resp": {"status_code": 1000, "status_msg": "unknown error"}}, 502, C.SERVER_ERROR),
        ("vllm", {"code": 500, "success": False}, 500, C.SERVER_ERROR),
        ("vllm", {"detail": "Not authenticated"}, 502, C.SERVER_ERROR),
        (
            "openrouter",
            {"error": {"code": 502, "metadata": {"error_type": "provider_overloaded"}}},
            502,
            C.SERVER_ERROR,
        ),
    ],
)
def test_errors_within_a_good_status(provider: str, body: Any, status: int, expected: ErrorClass) -> None:
    found = read_error_event(json.dumps(body).encode(), provider)
    assert (found.status, found.error) == (status, expected)


def test_rows_say_where_their_words_are_from_and_cover_many_providers() -> None:
    assert all(row.link.startswith("https://") and (row.codes or row.texts) for row in ROWS)
    assert all(row.codes == row.codes.lower() for row in ROWS)
    assert len({row.provider for row in ROWS if row.found}) >= 35


def test_a_providers_own_meaning_of_a_code_counts_first() -> None:
    assert class_of_code({"insufficient_quota"}, "dashscope") is C.RATE_LIMIT
    assert class_of_code({"insufficient_quota"}, "openai") is C.QUOTA
    assert class_of_code({"x"}, "openai") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompt is too long", True),
        ("bad 'content': 'prompt is too long'", False),
        ('bad "input": "prompt is too long', False),
        ("bad input_value={'a': 'prompt is too long'}", False),
        ("'content': 'x' - prompt is too long", True),
        ("{'error': {'message': 'prompt is too long'}}", True),
    ],
)
def test_a_repeated_part_of_the_request_is_not_searched(text: str, said: bool) -> None:
    assert (class_of_text(text, 400) is C.CONTEXT_LENGTH) is said
