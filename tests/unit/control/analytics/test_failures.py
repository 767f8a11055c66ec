"""Reasons of rows; tests/contract/test_request_log.py asks for them over HTTP."""

from __future__ import annotations

from typing import NamedTuple

from penstock.control.analytics.failures import by_reason


class Row(NamedTuple):
    id: str
    at: int
    error: str | None
    provider: str | None
    status: int


def test_rows_without_a_failure_are_part_of_the_share_alone() -> None:
    rows = [Row("4", 4, None, "openai", 200), Row("3", 3, "budget_exceeded", None, 412)]
    answer = by_reason([*rows, Row("2", 2, None, "openai", 500), Row("1", 1, "budget_exceeded", None, 412)])
    assert (answer["requests"], answer["total"]) == (4, 2)
    assert [(each["error"], each["requests"], each["share"], each["last_id"]) for each in answer["data"]] == [
        ("budget_exceeded", 2, 50, "3"),
        (None, 1, 25, "2"),
    ]


def test_nothing_failed() -> None:
    assert by_reason([]) == {"object": "list", "requests": 0, "total": 0, "data": []}
