"""Which limit is due when: arithmetic only."""

import math

import pytest

from penstock.core.failure import Kind
from penstock.core.http import Limits
from penstock.transport.deadlines import Deadlines, earliest


@pytest.mark.parametrize(
    ("limits", "head", "last_byte", "due"),
    [
        (Limits(1, 5, 3, 0), False, 100, (105, Kind.FIRST_BYTE_TIMEOUT)),
        (Limits(1, 5, 3, 0), True, 102, (105, Kind.IDLE_TIMEOUT)),
        (Limits(1, 5, 3, 4), False, 100, (104, Kind.TOTAL_TIMEOUT)),
        (Limits(1, 5, 3, 10), True, 109, (110, Kind.TOTAL_TIMEOUT)),
        (Limits(1, 0, 0, 0), False, 100, (math.inf, Kind.FIRST_BYTE_TIMEOUT)),
        (Limits(1, 0, 0, 0), True, 100, (math.inf, Kind.IDLE_TIMEOUT)),
    ],
)
def test_the_next_limit(limits: Limits, head: bool, last_byte: float, due: tuple[float, Kind]) -> None:
    assert Deadlines(limits, 100).next(head_complete=head, last_byte=last_byte) == due


def test_the_earliest_moment_is_never_late() -> None:
    assert earliest(Limits(1, 600, 300, 0), 100) == 400
    assert earliest(Limits(1, 5, 300, 0), 100) == 105
    assert earliest(Limits(1, 5, 300, 2), 100) == 102
    assert earliest(Limits(1, 0, 0, 0), 100) == math.inf


@pytest.mark.parametrize("kind", [Kind.FIRST_BYTE_TIMEOUT, Kind.IDLE_TIMEOUT, Kind.TOTAL_TIMEOUT])
def test_a_failure_names_the_limit_and_its_setting(kind: Kind) -> None:
    failure = Deadlines(Limits(1, 2.5, 2.5, 2.5), 0).failure(kind, "api.example.com")
    assert failure.kind is kind
    assert "2.5 s" in failure.message
    assert kind.value in failure.message
    assert "api.example.com" in failure.message
    assert failure.sent
