"""The arithmetic of a slice: what may be taken, what was spent, and what a lease must cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limiting import budget, concurrency, rate
from penstock.limits.limit import Amounts, Limit, charge
from penstock.limits.slices import BUSY, LIFE, PART, Slice, has_slices, leased, spent_of
from penstock.limits.windows import RATE_UNITS, SECOND, RateWindow


@given(st.lists(st.tuples(st.sampled_from(["take", "settle", "begin", "stop"]), st.integers(0, 300)), max_size=60))
def test_never_more_than_the_lease_is_taken(steps: list[tuple[str, int]]) -> None:
    part = Slice(budget(1000), [0, 0])
    lease, spent, open_amounts = 0, 0, list[int]()
    for step, amount in steps:
        match step:
            case "take" if part.fits(amount, part.cap, 0):
                part.take(amount, 0)
                open_amounts.append(amount)
            case "settle" if open_amounts:
                reserved = open_amounts.pop()
                part.settle(None, reserved, min(amount, reserved))
                spent += min(amount, reserved)
            case "begin":
                assert part.begin(amount, 0) is (sum(open_amounts) <= amount)
                if sum(open_amounts) <= amount:
                    lease, spent = amount, 0
            case "stop":
                part.stop()
                assert part.room == 0
            case _:
                continue
        assert part.spent == spent
        assert part.reserved == sum(open_amounts)
        assert spent + part.reserved <= lease


def test_a_request_is_spent_where_it_is_counted() -> None:
    part = Slice(rate(5000), [0, 0])
    assert part.begin(10, 40)
    part.take(1, 0)
    part.give_back(1)
    assert (part.spent, part.reserved, part.used, part.room) == (1, 0, 41, 9)


def test_what_is_given_back_of_a_budget_can_be_taken_again() -> None:
    part = Slice(budget(100), [0, 0])
    assert part.begin(10, 0)
    part.take(10, 0)
    part.give_back(10)
    assert (part.spent, part.reserved, part.room) == (0, 0, 10)


def test_a_slice_is_for_many_requests_and_a_part_of_what_is_left() -> None:
    part = Slice(budget(100_000), [0, 0])
    for _ in range(BUSY - 1):
        part.note(10, 0)
    few = part.is_short
    assert part.demand(SECOND, SECOND) == 0
    for _ in range(BUSY):
        part.note(10, SECOND)
    assert (few, part.is_short) == (False, True)
    wanted = part.demand(2 * SECOND, SECOND)
    assert wanted == 10 * BUSY
    assert part.piece(wanted, 100_000) == 2 * wanted
    assert part.piece(wanted, PART * wanted) == wanted
    assert part.piece(wanted, PART * (wanted - 1)) == 0
    assert part.demand(3 * SECOND, SECOND) == 0


def test_a_burst_is_expected_to_go_on() -> None:
    part = Slice(budget(10**6), [0, 0])
    assert part.demand(0, SECOND) == 0
    for number in range(BUSY):
        part.note(10, SECOND // 2 + number)
    # Half of the time has passed since the last look, but nearly none since the first of them.
    assert part.demand(SECOND // 2 + SECOND // 10, SECOND) == 10 * 10 * BUSY
    for _ in range(BUSY):
        part.note(10, SECOND)
    assert part.demand(SECOND, SECOND) == 64 * 10 * BUSY
    assert part.begin(1000, 0)
    part.take(200, SECOND)
    part.settle(None, 200, 100)
    part.take(200, SECOND)
    # A quarter of the time, in which slices alone were asked.
    assert part.demand(SECOND + SECOND // 4, SECOND) == 4 * 300


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (budget(), True),
        (budget(strict=True), False),
        (budget(is_grouped=True), False),
        (rate(1000), True),
        (rate(999), False),
        (rate(5000, "rps"), False),
        (rate(5000, sliding=False), False),
        (concurrency(), False),
    ],
    ids=str,
)
def test_which_limits_have_slices(limit: Limit, expected: bool) -> None:
    assert has_slices(limit) is expected


def test_a_leased_amount_stays_in_its_window_as_much_longer_as_it_may_be_taken_later() -> None:
    window = leased(rate(5000)).window
    assert isinstance(window, RateWindow)
    assert window.length == RATE_UNITS["rpm"].length + LIFE
    assert leased(budget()) == budget()


@pytest.mark.parametrize(
    "limit",
    [
        budget(),
        budget(kind="requests"),
        budget(kind="tokens"),
        budget(kind="tokens", direction="output"),
        budget(kind="tokens", direction="input"),
        rate(),
        rate(kind="tokens"),
    ],
    ids=str,
)
@pytest.mark.parametrize("amount", [0, 1, 17])
def test_a_lease_is_charged_exactly_what_was_spent(limit: Limit, amount: int) -> None:
    assert charge(limit, spent_of(limit, amount)) == amount
    assert charge(rate(), Amounts(requests=0)) is None
