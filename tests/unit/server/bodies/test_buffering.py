"""Bodies in memory: one buffer each, one budget for all."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.buffering import BodyBudget, BodyBuffer, BodyHold


@pytest.mark.parametrize("pieces", [[], [b"a"], [b"a", b"b", b"c"], [b"", b"a", b"", b"b"], [b"a"] * 1000])
def test_a_buffer_gives_what_was_added(pieces: list[bytes]) -> None:
    buffer = BodyBuffer()
    for piece in pieces:
        buffer.add(piece)
    assert buffer.size == len(b"".join(pieces))
    assert buffer.take() == b"".join(pieces)
    assert buffer.take() == b""


def test_a_body_in_one_piece_is_that_piece() -> None:
    buffer, piece = BodyBuffer(), b"a" * 1000
    buffer.add(piece)
    assert buffer.take() is piece


def test_requests_share_the_budget() -> None:
    budget = BodyBudget(100)
    first, second = BodyHold(budget), BodyHold(budget)
    assert first.hold(60) is None
    failure = second.hold(50)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status) == (Kind.BODIES_EXHAUSTED, 503)
    assert second.hold(40) is None
    assert budget.held == 100
    first.release()
    first.release()
    assert budget.held == 40
    assert second.hold(90) is None
    assert budget.held == 90
    second.release()
    assert budget.held == 0


def test_a_hold_only_grows() -> None:
    hold = BodyHold(BodyBudget(100))
    assert hold.hold(50) is None
    assert hold.hold(20) is None
    assert (hold.held, hold.budget.held) == (50, 50)


def test_steps_are_large_while_there_is_room() -> None:
    hold = BodyHold(BodyBudget(200_000))
    assert hold.hold_step(1) is None
    assert hold.held > 60_000
    before = hold.held
    assert hold.hold_step(before) is None
    assert hold.held == before
    assert hold.hold_step(199_999) is None
    assert hold.held == 199_999
    assert hold.hold_step(200_001) is not None


def test_no_budget_has_no_end() -> None:
    hold = BodyHold(BodyBudget(0))
    assert hold.hold(1 << 40) is None
