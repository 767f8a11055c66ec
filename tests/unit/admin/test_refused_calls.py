"""Refused calls that the audit log tells of."""

from penstock.admin.refused_calls import RefusedCalls


def test_ten_a_minute_of_a_source_and_six_hundred_in_all() -> None:
    calls = RefusedCalls()
    assert [calls.is_told("a", 1e9) for _ in range(12)] == [True] * 10 + [False] * 2
    assert sum(calls.is_told(str(number), 1e9) for number in range(900)) == 590
    assert calls.is_told("a", 1e9 + 60)
