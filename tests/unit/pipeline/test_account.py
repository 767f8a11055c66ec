"""The account of a request: closed once on every way out, with a line for each attempt, paid for exactly once."""

from __future__ import annotations

import pytest

import calling
from penstock.core.failure import Failure, Kind
from penstock.core.usage import Usage
from penstock.observe.record import Billed, Records
from penstock.pipeline.account import Account, AttemptAccount, SharedCost

FAILURE = Failure(Kind.UPSTREAM_STATUS, "It said 500.", sent=True)
USAGE = Usage(3, 2, 5)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def account(records: Records) -> Account:
    return Account(records, "POST", "/v1/chat/completions")


def attempt(account: Account, usage: Usage | None = None, cache: str | None = None) -> AttemptAccount:
    opened = account.attempt(calling.target())
    opened.usage, opened.cache = usage, cache
    return opened


def test_an_account_is_closed_once(records: Records, account: Account) -> None:
    queue = records.subscribe()
    account.status = 200
    account.close()
    account.status = 500
    account.close()
    assert calling.only_record(queue).status == 200


def test_attempts_that_failed_stay_in_the_account(records: Records, account: Account) -> None:
    queue = records.subscribe()
    failed, good = attempt(account), attempt(account, USAGE)
    failed.failure, failed.status, failed.model, failed.lane = FAILURE, 500, "m", 2
    good.status, account.status, account.answered_by = 200, 200, good
    account.close()
    record = calling.only_record(queue)
    assert [(each.status, each.failure, each.usage) for each in record.attempts] == [
        (500, "upstream_status", None),
        (200, None, USAGE),
    ]
    assert (record.attempts[0].model, record.attempts[0].lane) == ("m", 2)
    assert (record.status, record.failure, record.usage, record.option) == (200, None, USAGE, "config")
    assert record.attempts[0].began <= record.attempts[1].began


def test_of_a_request_that_none_answered_the_last_attempt_is_told(records: Records, account: Account) -> None:
    """Its caller left, say: the access log, the request log and metrics name who was asked."""
    queue = records.subscribe()
    attempt(account)
    account.attempt(calling.target("nvidia", virtual_key="v")).model = "m"
    account.has_left = True
    account.close()
    record = calling.only_record(queue)
    assert (record.provider, record.model, record.option, record.virtual_key) == ("nvidia", "m", "config", "v")


def test_the_total_is_what_all_attempts_cost_together(records: Records, account: Account) -> None:
    queue = records.subscribe()
    attempt(account, USAGE)
    attempt(account)
    attempt(account, Usage(1, cached=1))
    account.close()
    assert calling.only_record(queue).usage == Usage(4, 2, 5, cached=1)


def test_what_limits_were_charged_counts_where_the_provider_told_no_usage(records: Records, account: Account) -> None:
    queue = records.subscribe()
    attempt(account, USAGE)
    attempt(account).billed = Billed(Usage(7, 1, 8), 30, is_estimated=True)
    account.close()
    used = calling.only_record(queue).usage
    assert used is not None
    assert (used.prompt, used.completion) == (USAGE.prompt + 7, USAGE.completion + 1)  # type: ignore[operator]


@pytest.mark.parametrize("cache", ["HIT", "REPLAYED"])
def test_an_answer_that_was_kept_costs_nothing(records: Records, account: Account, cache: str) -> None:
    queue = records.subscribe()
    attempt(account, USAGE, cache)
    account.close()
    record = calling.only_record(queue)
    (only,) = record.attempts
    assert (only.usage, only.is_charged, only.is_shared) == (USAGE, False, False)
    assert record.usage is None


def test_an_answer_that_was_stored_just_now_is_paid_for(records: Records, account: Account) -> None:
    queue = records.subscribe()
    attempt(account, USAGE, "MISS")
    account.close()
    assert calling.only_record(queue).usage == USAGE


def test_of_those_who_share_a_call_exactly_one_pays(records: Records) -> None:
    queue = records.subscribe()
    cost = SharedCost()
    for _ in range(3):
        sharer = Account(records, "POST", "/")
        attempt(sharer, USAGE, "HIT").call = cost
        cost.participants += 1
        sharer.close()
    told = [(record.usage, record.attempts[0].is_charged, record.attempts[0].is_shared) for record in queue.take()]
    assert told == [(USAGE, True, False), (None, False, True), (None, False, True)]


def test_who_leaves_before_the_usage_is_known_leaves_the_bill_to_the_others(records: Records) -> None:
    queue = records.subscribe()
    cost = SharedCost()
    cost.participants = 2
    for usage in (None, USAGE):
        sharer = Account(records, "POST", "/")
        attempt(sharer, usage).call = cost
        sharer.close()
    left, stayed = queue.take()
    assert (left.attempts[0].is_charged, stayed.attempts[0].is_charged) == (False, True)
    assert (left.usage, stayed.usage) == (None, USAGE)


def test_a_call_that_nobody_else_shares_is_its_requests_own(records: Records, account: Account) -> None:
    queue = records.subscribe()
    alone = attempt(account)
    alone.call = SharedCost()
    alone.call.participants = 1
    account.close()
    (only,) = calling.only_record(queue).attempts
    assert (only.is_charged, only.is_shared) == (True, False)


def test_a_hedge_loser_is_told_and_what_it_reported_counts(records: Records, account: Account) -> None:
    queue = records.subscribe()
    attempt(account, USAGE).is_hedge_loser = True
    attempt(account, USAGE)
    account.close()
    record = calling.only_record(queue)
    assert [each.is_hedge_loser for each in record.attempts] == [True, False]
    assert record.usage == Usage(6, 4, 10)


def test_a_caller_who_left_is_told_whatever_was_sent(records: Records, account: Account) -> None:
    queue = records.subscribe()
    account.status, account.has_left, account.is_cancelled = 200, True, True
    account.close()
    record = calling.only_record(queue)
    assert (record.status, record.failure) == (499, "client_disconnected")


def test_a_caller_who_left_while_sending(records: Records, account: Account) -> None:
    queue = records.subscribe()
    account.failure = Failure(Kind.CLIENT_DISCONNECTED, "It left.")
    account.close()
    record = calling.only_record(queue)
    assert (record.status, record.failure) == (499, "client_disconnected")


@pytest.mark.parametrize(
    ("status", "is_cancelled", "told"),
    [(0, True, (503, "shutting_down")), (200, True, (503, "shutting_down")), (0, False, (500, None))],
)
def test_a_request_without_an_answer(
    records: Records, account: Account, status: int, is_cancelled: bool, told: tuple[int, str | None]
) -> None:
    queue = records.subscribe()
    account.status, account.is_cancelled = status, is_cancelled
    account.close()
    record = calling.only_record(queue)
    assert (record.status, record.failure) == told


def test_an_answer_that_broke_off_has_the_status_of_its_failure(records: Records, account: Account) -> None:
    queue = records.subscribe()
    account.status, account.failure = 200, Failure(Kind.IDLE_TIMEOUT, "Silence.")
    account.close()
    record = calling.only_record(queue)
    assert (record.status, record.head_status, record.failure) == (408, 200, "idle_timeout")


def test_a_refused_request_has_no_attempt(records: Records, account: Account) -> None:
    queue = records.subscribe()
    account.status, account.failure = 401, Failure(Kind.INVALID_GATEWAY_KEY, "No")
    account.close()
    record = calling.only_record(queue)
    assert (record.status, record.failure, record.attempts, record.usage) == (401, "invalid_gateway_key", (), None)
    assert (record.provider, record.model, record.option) == (None, None, None)


def test_labels_of_the_callers_own_are_texts_of_bounded_length(records: Records, account: Account) -> None:
    queue = records.subscribe()
    account.metadata = b'{"_user":"u","long":"' + b"x" * 500 + b'","number":7,"inner":{}}'
    account.close()
    assert calling.only_record(queue).metadata == {"_user": "u", "long": "x" * 128}


@pytest.mark.parametrize(
    ("key", "address", "caller"),
    [("team-a", "192.0.2.1", "team-a"), (None, "192.0.2.1", "192.0.2.1"), (None, None, "")],
)
def test_an_attempt_knows_its_caller_and_what_came_of_the_one_before(
    account: Account, key: str | None, address: str | None, caller: str
) -> None:
    account.key, account.address = key, address
    first = attempt(account)
    first.failure = FAILURE
    second = attempt(account)
    assert (first.caller, first.previous) == (caller, None)
    assert second.previous is first
    assert (second.caller, second.previous.failure) == (caller, FAILURE)
