"""The rotation policy of a gateway key: its timestamps, its members, its column."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.control.keys.rotation_policy import FIELDS, RotationPolicy, decode, encode, read, shown
from penstock.control.members import Fields, Members
from penstock.core.rfc3339 import unix_microseconds
from penstock.limits.windows import DAY

BODY = Fields(rotation_policy=FIELDS)
MOMENTS = st.integers(0, unix_microseconds("2100-01-01T00:00:00Z"))
POLICIES = st.one_of(
    st.just(RotationPolicy(period="weekly")),
    st.just(RotationPolicy(period="monthly")),
    st.builds(lambda days: RotationPolicy(days=days), st.integers(1, 365)),
)


@pytest.mark.parametrize(
    ("policy", "after", "at"),
    [
        (RotationPolicy(period="weekly"), "2026-11-29T12:00:00Z", "2026-11-30T00:00:00Z"),
        (RotationPolicy(period="weekly"), "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"),
        (RotationPolicy(period="monthly"), "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        (RotationPolicy(days=1), "2026-11-29T12:00:00Z", "2026-12-01T00:00:00Z"),
        (RotationPolicy(days=30), "2026-11-29T00:00:00Z", "2026-12-29T00:00:00Z"),
    ],
)
def test_the_next_rotation(policy: RotationPolicy, after: str, at: str) -> None:
    assert policy.next_after(unix_microseconds(after)) == unix_microseconds(at)


@given(POLICIES, MOMENTS, st.integers(0, 400 * DAY))
def test_what_was_missed_is_left_out(policy: RotationPolicy, due: int, late: int) -> None:
    following = policy.next_after_due(due, due + late)
    assert following is not None
    assert due + late < following
    assert following % DAY == 0


def test_one_rotation_has_no_next() -> None:
    assert RotationPolicy().next_after(0) is None
    assert RotationPolicy().next_after_due(0, 5) is None
    assert not RotationPolicy().is_repeated


@given(POLICIES, MOMENTS)
def test_a_transition_within_the_period_ends_before_the_rotation_after(policy: RotationPolicy, moment: int) -> None:
    first = policy.next_after(moment)
    assert first is not None
    second = policy.next_after_due(first, first)
    assert second is not None
    longest = (second - first) // 1000
    assert not policy.is_within_period(longest)
    assert policy.is_within_period(1_800_000)


@given(POLICIES)
def test_a_column_is_what_it_was_made_of(policy: RotationPolicy) -> None:
    assert decode(encode(policy)) == policy


def test_no_policy_and_a_broken_column() -> None:
    assert encode(None) is None
    assert decode(None) is None
    assert decode("{") is None
    assert shown("[]", 5) is None


def told(policy: Any) -> tuple[RotationPolicy | None, int | None, list[str]]:
    members = Members({"rotation_policy": policy}, BODY)
    found, moment = read(members, unix_microseconds("2026-11-29T12:00:00Z"))
    return found, moment, [each.pointer for each in members.problems]


def test_a_moment_of_ones_own_comes_before_the_period() -> None:
    policy, moment, problems = told({"rotation_period": "weekly", "next_rotation_at": "2026-12-24T18:00:00+01:00"})
    assert (policy, problems) == (RotationPolicy(period="weekly"), [])
    assert moment == unix_microseconds("2026-12-24T17:00:00Z")
    assert told(None) == (None, None, [])


def test_all_problems_are_told_at_once() -> None:
    policy = {"rotation_period": "hourly", "rotation_period_days": 400, "next_rotation_at": "soon", "status": "off"}
    assert len(told({**policy, "key_transition_period_ms": 5})[2]) == 5


def test_what_answers_show() -> None:
    moment = unix_microseconds("2026-12-01T00:00:00Z")
    assert shown(encode(RotationPolicy(7_200_000, period="monthly")), moment) == {
        "rotation_period": "monthly", "rotation_period_days": None, "next_rotation_at": "2026-12-01T00:00:00.000Z",
        "key_transition_period_ms": 7_200_000, "status": "ACTIVE",
    }  # fmt: skip
