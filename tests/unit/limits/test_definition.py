"""The limits of one owner as they are defined."""

from __future__ import annotations

from penstock.limits.definition import applied, read_limits
from penstock.limits.validate import LimitOwner

MEMBERS = {
    "usage_limits": {"type": "cost", "credit_limit": 1},
    "rate_limits": [{"type": "tokens", "unit": "rpm", "value": 10}],
    "concurrency_limit": 2,
    "name": "somebody else's",
}


def test_the_three_members_are_read_and_others_left_alone() -> None:
    reading = read_limits(LimitOwner("api_key", "k"), MEMBERS)
    assert ([limit.kind for limit in reading.limits], reading.problems) == (["cost", "tokens", "concurrency"], [])


def test_limits_are_made_ready_with_their_epoch() -> None:
    limits = read_limits(LimitOwner("api_key", "k"), MEMBERS).limits
    assert [each.limit.epoch for each in applied(limits, 3)] == [3, 3, 3]
    assert applied(limits) == applied(limits) != applied(limits, 1)
    assert len({*applied(limits), *applied(limits)}) == 3
