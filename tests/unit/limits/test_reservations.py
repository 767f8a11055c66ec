"""Reservations over counters: all or none, closed once, corrected when they were lost."""

from __future__ import annotations

import pytest

from limiting import NOON, budget, concurrency, hold, rate
from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold
from penstock.limits.limit import NOTHING, OVERFLOW, Amounts, BucketKey
from penstock.limits.policy import value_hash
from penstock.limits.reservations import Reservations
from penstock.limits.windows import DAY, SECOND, CalendarWindow

MONEY = budget(100)
REQUESTS = rate(3)
TOKENS = rate(100, kind="tokens")
SLOTS = concurrency(2)
SPENT = Amounts(30, 10, 10)
FIRST = ("r", 1)


def usage(counters: Reservations, of: Hold) -> BucketUsage:
    return counters.usage(of.key)


def rate_used(counters: Reservations, of: Hold, now: int = NOON) -> int:
    """What is used of a rate, by an empty look."""
    (standing,) = counters._standings([of], now)
    return standing.used


def test_a_request_that_one_limit_refuses_leaves_the_others_as_they_were() -> None:
    counters = Reservations()
    requests, tokens, money, slots = hold(REQUESTS), hold(TOKENS, 101), hold(MONEY, 10), hold(SLOTS)
    refused = counters.reserve(FIRST, [requests, money, slots, tokens], NOON)
    assert isinstance(refused, Exceeded)
    assert refused.hold is tokens
    assert rate_used(counters, requests) == 0
    assert usage(counters, money) == (0, 0)
    assert counters.open_count == 0
    for number in range(2):
        assert counters.reserve(("s", number), [slots], NOON) == ()


def test_settling_returns_what_was_not_spent_and_closes() -> None:
    counters = Reservations()
    money, tokens, slots = hold(MONEY, 40), hold(TOKENS, 90), hold(SLOTS)
    assert not isinstance(counters.reserve(FIRST, [money, tokens, slots], NOON), Exceeded)
    assert usage(counters, money) == (0, 40)
    assert counters.settle(FIRST, SPENT, [money, tokens, slots]) == ()
    assert usage(counters, money) == (30, 0)
    assert rate_used(counters, tokens) == 20
    assert counters.open_count == 0


def test_closing_twice_is_closing_once() -> None:
    for close_again in ("settle", "release"):
        counters = Reservations()
        money = hold(MONEY, 40)
        counters.reserve(FIRST, [money], NOON)
        counters.settle(FIRST, SPENT, [money])
        if close_again == "settle":
            assert counters.settle(FIRST, Amounts(99), [money]) == ()
        else:
            counters.release(FIRST)
        assert usage(counters, money) == (30, 0)
        with pytest.raises(ValueError, match="closed"):
            counters.reserve(FIRST, [money], NOON)


def test_a_released_reservation_is_not_settled() -> None:
    counters = Reservations()
    money = hold(MONEY, 40)
    counters.reserve(FIRST, [money], NOON)
    counters.release(FIRST)
    counters.settle(FIRST, SPENT, [money])
    assert usage(counters, money) == (0, 0)


def test_reserving_again_under_the_same_id_takes_nothing() -> None:
    counters = Reservations()
    money, requests = hold(MONEY, 40), hold(REQUESTS)
    first = counters.reserve(FIRST, [money, requests], NOON)
    assert counters.reserve(FIRST, [money, requests], NOON) == first
    assert usage(counters, money) == (0, 40)


def test_release_keeps_a_request_counted_and_nothing_else() -> None:
    counters = Reservations()
    holds = [hold(MONEY, 40), hold(REQUESTS), hold(TOKENS, 50), hold(SLOTS), hold(budget(9, "requests"))]
    counters.reserve(FIRST, holds, NOON)
    counters.release(FIRST)
    assert rate_used(counters, holds[1]) == 1
    assert rate_used(counters, holds[2]) == 0
    assert usage(counters, holds[0]) == usage(counters, holds[4]) == (0, 0)
    assert counters.reserve(("s", 1), [hold(SLOTS, 2)], NOON) == ()


def test_extending_is_all_or_nothing_and_merges() -> None:
    counters = Reservations()
    money, tokens = hold(MONEY, 40), hold(TOKENS, 50)
    counters.reserve(FIRST, [money, tokens], NOON)
    refused = counters.extend(FIRST, [hold(MONEY, 20), hold(TOKENS, 51)], NOON)
    assert isinstance(refused, Exceeded)
    assert usage(counters, money) == (0, 40)
    other = hold(budget(100, id="provider"), 60)
    assert not isinstance(counters.extend(FIRST, [hold(MONEY, 20), other, hold(TOKENS, 50)], NOON + SECOND), Exceeded)
    assert usage(counters, money) == usage(counters, other) == (0, 60)
    counters.settle(FIRST, SPENT, [money])
    assert usage(counters, money) == usage(counters, other) == (30, 0)
    assert rate_used(counters, tokens, NOON + SECOND) == 20
    with pytest.raises(ValueError, match="open"):
        counters.extend(FIRST, [money], NOON)


def test_shrinking_gives_back_some() -> None:
    counters = Reservations()
    money, other = hold(MONEY, 40), hold(budget(100, id="provider"), 60)
    counters.reserve(FIRST, [money, other], NOON)
    counters.shrink(FIRST, [other.key])
    assert (usage(counters, money), usage(counters, other)) == ((0, 40), (0, 0))
    counters.settle(FIRST, SPENT, [money])
    counters.shrink(FIRST, [money.key])
    assert (usage(counters, money), usage(counters, other)) == ((30, 0), (0, 0))


def test_an_overrun_is_charged_whole_and_told() -> None:
    counters = Reservations()
    money = hold(MONEY, 40)
    counters.reserve(FIRST, [money], NOON)
    overrun, exhausted = counters.settle(FIRST, Amounts(150), [money])
    assert (overrun.kind, overrun.amount) == ("overrun", 110)
    assert exhausted.kind == "exhausted"
    assert usage(counters, money) == (150, 0)
    assert isinstance(counters.reserve(("s", 1), [hold(MONEY, 0)], NOON), Exceeded)
    raised = budget(200)
    assert counters.reserve(("s", 1), [hold(raised, 50)], NOON) == ()


def test_alerts_come_once() -> None:
    counters = Reservations()
    limit = budget(100, alert_at=50)
    kinds = []
    for number in range(12):
        reservation, money = ("r", number), hold(limit, 10)
        if not isinstance(counters.reserve(reservation, [money], NOON), Exceeded):
            kinds += [alert.kind for alert in counters.settle(reservation, Amounts(10), [money])]
    assert kinds == ["threshold", "exhausted"]


def test_a_settle_of_an_unknown_reservation_charges_each_budget_once() -> None:
    counters = Reservations()
    holds = [hold(MONEY, 40), hold(MONEY, 20), hold(REQUESTS), hold(SLOTS)]
    counters.settle(FIRST, SPENT, holds)
    assert usage(counters, holds[0]) == (30, 0)
    counters.settle(FIRST, SPENT, holds)
    assert usage(counters, holds[0]) == (30, 0)


@pytest.mark.parametrize(("on_loss", "at_loss"), [("charge", 40), ("release", 0)])
def test_a_lost_reservation_and_its_late_settle(on_loss: str, at_loss: int) -> None:
    counters = Reservations()
    money, slots = hold(budget(100, on_loss=on_loss), 40), hold(SLOTS, 2)
    counters.reserve(FIRST, [money, slots], NOON)
    counters.lose(60 * SECOND, NOON + 60 * SECOND)
    assert counters.open_count == 1
    counters.lose(60 * SECOND, NOON + 61 * SECOND)
    assert usage(counters, money) == (at_loss, 0)
    assert counters.reserve(("s", 1), [slots], NOON) == ()
    counters.settle(FIRST, SPENT, [money])
    assert usage(counters, money) == (30, 0)
    counters.settle(FIRST, SPENT, [money])
    assert usage(counters, money) == (30, 0)


def test_what_was_reserved_before_midnight_is_settled_there() -> None:
    limit = budget(100, window=CalendarWindow("day"))
    counters = Reservations()
    before, after = hold(limit, 40), hold(limit, 100, NOON + DAY)
    counters.reserve(FIRST, [before], NOON)
    assert counters.reserve(("s", 1), [after], NOON + DAY) == ()
    counters.settle(FIRST, SPENT, [before])
    assert (usage(counters, before), usage(counters, after)) == ((30, 0), (0, 100))


def test_an_epoch_begins_anew_and_open_reservations_settle_in_the_old_one() -> None:
    counters = Reservations()
    old, new = hold(MONEY, 90), hold(budget(100, epoch=1), 100)
    counters.reserve(FIRST, [old], NOON)
    assert counters.reserve(("s", 1), [new], NOON) == ()
    counters.settle(FIRST, SPENT, [old])
    assert (usage(counters, old), usage(counters, new)) == ((30, 0), (0, 100))


def test_balances_are_opened_and_reset() -> None:
    counters = Reservations()
    money = hold(budget(100, alert_at=50), 30)
    assert counters.open_balance(money.key, money.limit, 70) == 0
    assert counters.reserve(FIRST, [money], NOON) == ()
    assert counters.settle(FIRST, Amounts(10), [money]) == (), "an import raises no alert, and says none again"
    assert counters.open_balance(money.key, money.limit, 0) == 80
    assert usage(counters, money) == (0, 0)
    with pytest.raises(TypeError):
        counters.open_balance(hold(REQUESTS).key, REQUESTS, 1)


def test_counters_that_nobody_needs_are_forgotten() -> None:
    counters = Reservations()
    limit = budget(100, window=CalendarWindow("day"))
    past, held, now_ = hold(limit, 10), hold(limit, 0, NOON - DAY), hold(limit, 10, NOON + DAY)
    for number, each in enumerate((past, now_)):
        counters.reserve(("r", number), [each, hold(REQUESTS)], NOON)
        counters.settle(("r", number), SPENT, [each])
    counters.reserve(("held", 1), [held], NOON)
    later = NOON + DAY
    assert counters.forget(later, ended_before=later) == 2, "the window of yesterday, and the empty rate"
    assert usage(counters, now_) == (30, 0)
    counters.settle(("held", 1), SPENT, [held])
    assert usage(counters, held) == (30, 0), "an amount of 0 is held, too"
    assert counters.forget(later, ended_before=later) == 1


def test_forgetting_looks_at_some_counters_at_a_time() -> None:
    counters = Reservations()
    for number in range(10):
        counters.reserve(("r", number), [hold(rate(3, id=f"limit{number}"))], NOON)
        counters.release(("r", number))
    later = NOON + DAY
    assert [counters.forget(later, later, most=4) for _ in range(4)] == [4, 4, 2, 0]
    assert counters.counter_count == 0


def test_beyond_the_cap_values_share_one_bucket_with_the_same_limit() -> None:
    counters = Reservations(most_values=50)
    limit = rate(5, is_grouped=True)
    admitted = 0
    overflows: list[Alert] = []
    for number in range(2000):
        of_value = hold(limit, 1, value=value_hash([("metadata.id", str(number))]), value_key=f"metadata.id:{number}")
        result = counters.reserve(("r", number), [of_value], NOON)
        if isinstance(result, Exceeded):
            assert result.hold.value_key == "overflow"
            assert result.hold.key.value == OVERFLOW
        else:
            admitted += 1
            overflows += counters.settle(("r", number), NOTHING, [of_value])
    assert admitted == 50 + 5
    assert counters.counter_count == 51
    assert [alert.kind for alert in overflows] == ["overflow"]
    counters.forget(NOON + DAY, 0)
    assert counters.counter_count == 0
    fresh = hold(limit, 1, value=value_hash([("metadata.id", "new")]))
    assert not isinstance(counters.reserve(("new", 1), [fresh], NOON + DAY), Exceeded)
    assert fresh.key in counters._counters


def test_an_extension_stays_in_the_overflow_where_it_began() -> None:
    counters = Reservations(most_values=1)
    limit = budget(100, is_grouped=True)
    first, second = hold(limit, 10, value=b"1" * 32), hold(limit, 10, value=b"2" * 32)
    counters.reserve(("first", 1), [first], NOON)
    counters.reserve(("second", 1), [second], NOON)
    counters.release(("first", 1))
    assert counters.forget(NOON, NOON) == 1, "there is room for another value"
    assert counters.extend(("second", 1), [second], NOON) == ()
    counters.settle(("second", 1), Amounts(15), [second])
    overflow = second.key._replace(value=OVERFLOW)
    assert counters.usage(overflow) == (15, 0)
    assert counters.usage(second.key) == (0, 0)


def test_a_window_that_somebody_holds_is_not_forgotten() -> None:
    counters = Reservations()
    for limit in (rate(50, kind="tokens"), rate(50, "rps", "tokens", sliding=False)):
        tokens = hold(limit, 50)
        counters.reserve((limit.id, 1), [tokens], NOON)
        later = NOON + DAY
        assert counters.forget(later, later) == 0
        assert not isinstance(counters.extend((limit.id, 1), [tokens], later), Exceeded)
        assert isinstance(counters.reserve((limit.id, 2), [tokens], later), Exceeded)


def test_made_up_values_take_bounded_memory() -> None:
    """Counters, not bytes, are counted: a counter's size doesn't depend on the caller. The million is in test_policy.py."""
    counters = Reservations(most_values=1000)
    limit = budget(10, "requests", is_grouped=True)
    admitted = 0
    for number in range(50_000):
        key = BucketKey(limit.id, number.to_bytes(32, "big"), 0, 0)
        reservation = ("r", number)
        if not isinstance(counters.reserve(reservation, [Hold(key, limit, 1)], NOON), Exceeded):
            admitted += 1
            counters.release(reservation)
            counters.open_balance(key, limit, 1)
        if number == 1020:
            # From here on the overflow is exhausted: each further value is refused by it.
            counters.open_balance(key, limit, 10)
    assert counters.counter_count == 1001
    assert admitted == 1021
    assert len(counters._closed) + len(counters._closed_before) <= 100_000


def test_what_is_remembered_of_closed_reservations_is_bounded() -> None:
    counters = Reservations()
    for number in range(120_000):
        counters._remember(("r", number))
    assert len(counters._closed) + len(counters._closed_before) <= 100_000
    assert ("r", 119_999) in counters._closed
