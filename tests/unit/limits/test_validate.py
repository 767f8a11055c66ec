"""``usage_limits`` and ``rate_limits`` as Portkey's clients write them, and all that is wrong with them at once."""

from __future__ import annotations

from typing import Any

import pytest

from limiting import NOON
from penstock.core.money import LARGEST_IN_DOUBLES, NANOS
from penstock.limits.limit import Limit
from penstock.limits.validate import LimitOwner, Reading
from penstock.limits.windows import DAY, RATE_UNITS, CalendarWindow, RateWindow, at_midnight

OWNER = LimitOwner("api_key", "k1", created_at=NOON)


def read(usage: Any = None, rates: Any = None, concurrency: Any = None, owner: LimitOwner = OWNER) -> Reading:
    reading = Reading(owner)
    reading.usage_limits(usage)
    reading.rate_limits(rates)
    reading.concurrency_limit(concurrency)
    return reading


def only(reading: Reading) -> Limit:
    assert reading.problems == []
    (limit,) = reading.limits
    return limit


def problems(reading: Reading) -> list[str]:
    return [str(problem) for problem in reading.problems]


def test_a_budget_in_dollars() -> None:
    limit = only(read({"type": "cost", "credit_limit": 0.5, "alert_threshold": 0.25, "periodic_reset": "monthly"}))
    assert limit == Limit(
        "api_key/k1/usage/cost",
        "api_key",
        "k1",
        "cost",
        NANOS // 2,
        CalendarWindow("month"),
        alert_at=NANOS // 4,
    )
    assert limit.status == 412


@pytest.mark.parametrize(
    ("members", "window"),
    [
        ({}, CalendarWindow()),
        ({"periodic_reset": None, "periodic_reset_days": None}, CalendarWindow()),
        ({"periodic_reset": "weekly"}, CalendarWindow("week", "sunday")),
        ({"periodic_reset": "daily"}, CalendarWindow("day")),
        ({"periodic_reset": "quarterly"}, CalendarWindow("quarter")),
        ({"periodic_reset": "yearly"}, CalendarWindow("year")),
        ({"periodic_reset_days": 10}, CalendarWindow("days", days=10, anchor=at_midnight(NOON))),
        (
            {"periodic_reset_days": 10, "next_usage_reset_at": "2026-01-05T10:00:00+00:00"},
            CalendarWindow("days", days=10, anchor=at_midnight(NOON) + 4 * DAY),
        ),
        ({"periodic_reset": "monthly", "next_usage_reset_at": "2026-02-01T00:00:00Z"}, CalendarWindow("month")),
        ({"penstock_window": "12h"}, CalendarWindow("seconds", anchor=NOON, seconds=12 * 3600)),
    ],
)
def test_resets(members: dict[str, Any], window: CalendarWindow) -> None:
    assert only(read({"type": "tokens", "credit_limit": 100, **members})).window == window


@pytest.mark.parametrize(
    ("usage", "rate", "told"),
    [
        ({"penstock_window": "30m"}, {"penstock_window": "5x"}, ("an hour", "one second")),
        ({"penstock_window": 7}, {"penstock_window": "0s"}, ("an hour", "one second")),
        ({"penstock_window": "367d"}, {"penstock_window": "9999999999s"}, ("366 days", "366 days")),
        (
            {"penstock_window": "2h", "periodic_reset": "daily"},
            {"penstock_window": "5m", "unit": "rpm"},
            ("it excludes periodic_reset", "it excludes unit"),
        ),
    ],
)
def test_windows_that_are_none(usage: dict[str, Any], rate: dict[str, Any], told: tuple[str, str]) -> None:
    of_usage, of_rate = problems(
        read({"type": "tokens", "credit_limit": 1, **usage}, [{"type": "tokens", "value": 1, **rate}])
    )
    assert of_usage.startswith("usage_limits.penstock_window: ")
    assert of_rate.startswith("rate_limits[0].penstock_window: ")
    assert told[0] in of_usage
    assert told[1] in of_rate


def test_a_rate_of_another_length_is_told_from_the_units() -> None:
    values = [{"type": "requests", "value": 1, "penstock_window": text} for text in ("5m", "300s", "60s")]
    reading = read(None, [*values, {"type": "requests", "unit": "rpm", "value": 1}])
    five, _, minute, unit = reading.limits
    assert five.window == RateWindow(300_000_000, 6_000_000)
    assert (five.id, minute.id, minute.window) == ("api_key/k1/rate/requests/300s", unit.id, RATE_UNITS["rpm"])
    assert [str(problem).partition(":")[0] for problem in reading.problems] == ["rate_limits[1]", "rate_limits[3]"]


def test_weeks_begin_when_the_owner_says() -> None:
    owner = LimitOwner("policy", "p")
    usage = {"type": "requests", "credit_limit": 1, "periodic_reset": "weekly"}
    assert only(read(usage, owner=owner)).window == CalendarWindow("week", "monday")


def test_rates() -> None:
    reading = read(
        None,
        [
            {"type": "requests", "unit": "rpm", "value": 10},
            {"type": "tokens", "unit": "rpd", "value": 1000, "window": "fixed", "exceeded_status": 422},
        ],
        3,
    )
    assert reading.problems == []
    requests, tokens, slots = reading.limits
    assert (requests.kind, requests.amount, requests.window) == ("requests", 10, RATE_UNITS["rpm"])
    assert isinstance(tokens.window, RateWindow)
    assert (tokens.window.sliding, tokens.window.length, tokens.status) == (False, DAY, 422)
    assert (slots.kind, slots.amount, slots.window) == ("concurrency", 3, None)
    assert len({limit.id for limit in reading.limits}) == 3


def test_a_rate_of_0_is_no_limit_and_says_so() -> None:
    reading = read(None, [{"type": "requests", "unit": "rps", "value": 0}])
    assert (reading.limits, reading.problems) == ([], [])
    assert [warning.path for warning in reading.warnings] == ["rate_limits[0].value"]


@pytest.mark.parametrize(
    ("reset", "moment", "is_warned"),
    [
        ("monthly", "2026-12-01T00:00:00.000Z", False),
        ("monthly", "2026-12-01T02:00:00+02:00", False),
        ("monthly", "2026-12-25T00:00:00Z", True),
        ("weekly", "2026-12-06T00:00:00Z", False),
        ("weekly", "2026-12-07T00:00:00Z", True),
        ("yearly", "2027-01-01T00:00:00.000001Z", True),
        ("yearly", "9999-12-31T23:59:59.999999Z", True),
        ("monthly", "0001-01-01T00:00:00Z", False),
    ],
)
def test_a_time_that_moves_no_window_is_a_warning(reset: str, moment: str, is_warned: bool) -> None:
    reading = Reading(LimitOwner("api_key", "k"))
    reading.usage_limits({"type": "cost", "credit_limit": 1, "periodic_reset": reset, "next_usage_reset_at": moment})
    assert reading.problems == []
    assert bool(reading.warnings) is is_warned


def test_unknown_prices() -> None:
    base = {"type": "cost", "credit_limit": 1}
    assert only(read(base)).unknown_price == "allow"
    strict = only(read({**base, "strict": True}))
    assert (strict.strict, strict.unknown_price) == (True, "reject")
    tokens = only(read({**base, "unknown_price": "tokens", "token_price": 2.5}))
    # 2.5 dollars for a million tokens are 2.5e-6 dollars for one.
    assert tokens.token_price == 2_500_000


def test_all_problems_are_found_at_once() -> None:
    reading = read(
        {
            "type": "money",
            "credit_limit": -1,
            "alert_treshold": 3,
            "periodic_reset": "monthly",
            "periodic_reset_days": 400,
            "strict": "yes",
            "exceeded_status": 500,
        },
        [{"type": "requests", "unit": "rpx", "value": 1.5}, 7, {"type": "cost", "unit": "rpm"}],
        0,
    )
    assert problems(reading) == [
        "usage_limits.alert_treshold: unknown member: did you mean alert_threshold?",
        "usage_limits.type: expected one of cost, tokens, requests",
        "usage_limits.credit_limit: expected a number above 0",
        "usage_limits.strict: expected true or false",
        "usage_limits.exceeded_status: expected one of 402, 403, 412, 422, 429",
        "usage_limits.periodic_reset_days: it excludes periodic_reset: leave one of them out",
        "rate_limits[0].unit: expected one of rps, rpm, rph, rpd, rpw",
        "rate_limits[0].value: expected a whole number",
        "rate_limits[1]: expected an object",
        "rate_limits[2].type: expected one of requests, tokens",
        "rate_limits[2].value: missing: a rate needs a number",
        "concurrency_limit: expected a whole number from 1 to 9007199254740991",
    ]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({}, "usage_limits.credit_limit: missing: a budget needs an amount"),
        ({"credit_limit": "x"}, "usage_limits.credit_limit: expected a number"),
        ({"credit_limit": True}, "usage_limits.credit_limit: expected a number"),
        ({"credit_limit": 1e-12}, "usage_limits.credit_limit: expected at most 9 decimals of a dollar"),
        ({"credit_limit": 5, "alert_threshold": 5}, "usage_limits.alert_threshold: expected less than credit_limit, in the same unit"),
        ({"credit_limit": 5, "periodic_reset_days": 0}, "usage_limits.periodic_reset_days: expected a whole number from 1 to 365"),
        ({"credit_limit": 5, "next_usage_reset_at": "soon", "periodic_reset": "weekly"}, "usage_limits.next_usage_reset_at: expected a time such as 2026-02-01T00:00:00Z"),
        ({"credit_limit": 5, "next_usage_reset_at": 5, "periodic_reset": "weekly"}, "usage_limits.next_usage_reset_at: expected a time such as 2026-02-01T00:00:00Z"),
        ({"credit_limit": 5, "next_usage_reset_at": "9999-12-31T23:59:59-00:01", "periodic_reset": "weekly"}, "usage_limits.next_usage_reset_at: expected a time such as 2026-02-01T00:00:00Z"),
        ({"credit_limit": 5, "next_usage_reset_at": "2026-02-01"}, "usage_limits.next_usage_reset_at: of no use without one of periodic_reset, periodic_reset_days, penstock_window"),
        ({"credit_limit": 5, "unknown_price": "tokens"}, "usage_limits.token_price: missing: dollars for a million tokens of a model without a price"),
        ({"credit_limit": 5, "token_price": "x"}, "usage_limits.token_price: expected a number"),
        ({"credit_limit": 5, "token_price": 0}, "usage_limits.token_price: expected a number above 0, in dollars for a million tokens"),
    ],
)  # fmt: skip
def test_problems_of_a_budget(members: dict[str, Any], problem: str) -> None:
    assert problems(read({"type": "cost", **members})) == [problem]


def test_a_status_with_a_point_is_the_status() -> None:
    (limit,) = read({"type": "cost", "credit_limit": 5, "exceeded_status": 429.0}).limits
    assert repr(limit.status) == "429"


def test_what_the_counters_cannot_hold_is_refused() -> None:
    redis = LimitOwner("api_key", "k1", largest_cost=LARGEST_IN_DOUBLES)
    assert problems(read({"type": "cost", "credit_limit": 9_000_001}, owner=redis)) == [
        "usage_limits.credit_limit: it is too large: the counters hold at most 9000000 dollars exactly"
    ]
    assert read({"type": "cost", "credit_limit": 9_000_001}).problems == []
    assert read({"type": "cost", "credit_limit": 9_000_000}, owner=redis).problems == []
    assert read({"type": "tokens", "credit_limit": 2**53}).problems != []


def test_several_budgets_and_doubles() -> None:
    cost = {"type": "cost", "credit_limit": 5}
    reading = read([cost, {"type": "tokens", "credit_limit": 100.0}])
    assert [limit.amount for limit in reading.limits] == [5 * NANOS, 100]
    assert problems(read([cost, cost])) == [
        "usage_limits[1]: there is another limit of this type and unit: leave one of them out"
    ]


@pytest.mark.parametrize("value", ["x", 5, {"a": 1}])
def test_what_is_no_list(value: Any) -> None:
    assert problems(read(None, value)) == ["rate_limits: expected an array of objects"]


def test_nothing_is_no_limit() -> None:
    assert read(None, None).limits == []
    assert read([], []).limits == []
    assert problems(read("x")) == ["usage_limits: expected an object"]


def test_an_array_that_is_too_long_is_refused_and_not_read_to_its_end() -> None:
    """A body has room for thousands of items, and each unknown member is compared with all known ones."""
    item = {"type": "requests", "unit": "rpm", "value": 1}
    assert problems(read(rates=[{**item, "value": 0}] * 5000)) == [
        "rate_limits: there are 5000, and 100 at most may be set"
    ]
    assert len(problems(read(rates=[item] * 5000))) == 100
    assert len(problems(read(rates=[{**item, **{f"zq{index}": 1 for index in range(5000)}}] * 5))) < 110
