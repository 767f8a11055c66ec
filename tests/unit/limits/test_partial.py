import pytest

from limiting import NOON, budget, concurrency, hold, rate
from penstock.limits.limit import Amounts, Limit
from penstock.limits.partial import KeptItem, PartialReservations, state_of
from penstock.limits.windows import SECOND

LIMITS = [budget(100), rate(100, "rps", "tokens"), rate(100, "rps", "tokens", sliding=False), concurrency(100)]
RESERVATION = ("r", 1)


@pytest.mark.parametrize("limit", LIMITS, ids=["budget", "sliding", "fixed", "concurrency"])
def test_a_step_over_loaded_rows_is_a_step_in_memory(limit: Limit) -> None:
    """Reserved in one step, extended in the next, settled in the third: each knows what was written before."""
    held = hold(limit, 10)
    first = PartialReservations()
    first.reserve(RESERVATION, [held], NOON)
    rows = first.changed()
    second = loaded(limit, first)
    second.extend(RESERVATION, [held], NOON + SECOND // 2)
    third = loaded(limit, second)
    third.settle(RESERVATION, Amounts(7, 4, 3), [held])

    whole = PartialReservations()
    whole.reserve(RESERVATION, [held], NOON)
    whole.extend(RESERVATION, [held], NOON + SECOND // 2)
    whole.settle(RESERVATION, Amounts(7, 4, 3), [held])
    assert list(rows) == [held.key]
    assert third.changed() == whole.changed()


def loaded(limit: Limit, before: PartialReservations) -> PartialReservations:
    step = PartialReservations()
    for key, state in before.changed().items():
        step.know_counter(limit, key, state)
    step.know_open(RESERVATION, before.items_of(RESERVATION))
    return step


def test_what_a_step_leaves_alone_is_not_written() -> None:
    money = hold(budget(100))
    first = PartialReservations()
    first.reserve(RESERVATION, [money], NOON)
    step = loaded(money.limit, first)
    assert step.changed() == {}
    assert step.knows(money.key)


def test_a_lost_reservation_is_corrected() -> None:
    money = hold(budget(100), 40)
    first = PartialReservations()
    first.reserve(RESERVATION, [money], NOON)
    second = loaded(money.limit, first)
    second.lose_all()
    items = second.items_of(RESERVATION)
    assert items == [KeptItem(money.key, money.key, money.limit, 40, None, 40)]
    third = PartialReservations()
    for key, state in second.changed().items():
        third.know_counter(money.limit, key, state)
    third.know_lost(RESERVATION, items)
    third.settle(RESERVATION, Amounts(30), [money])
    assert third.usage(money.key) == (30, 0)


def test_a_closed_reservation_stays_closed() -> None:
    step = PartialReservations()
    step.know_closed(RESERVATION)
    assert step.settle(RESERVATION, Amounts(30), [hold(budget(100))]) == ()
    assert step.changed() == {}


def test_no_more_values_than_a_store_has_counted() -> None:
    step = PartialReservations(most_values=5)
    value = hold(budget(100, is_grouped=True), value=b"v" * 32)
    step.know_values(value.key, 5)
    step.reserve(RESERVATION, [value], NOON)
    assert [key.value for key in step.changed()] == [b"\xff"]
    assert [alert.kind for alert in step.take_alerts()] == ["overflow"]


def test_an_empty_window_keeps_nothing() -> None:
    step = PartialReservations()
    step.know_counter(LIMITS[1], hold(LIMITS[1]).key, state_of(step._make(hold(LIMITS[1]))))
    assert step.changed() == {}
