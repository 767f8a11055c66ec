"""Requests on the fast path: what they reserve and settle, and when the general way takes over. tests/e2e/test_limits.py
runs it through a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import calling
from limiting import NOON, Clock, FixedPricing, budget, rate
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.limits.admission import Admission
from penstock.limits.applied import Applied
from penstock.limits.counters import BucketUsage
from penstock.limits.estimate import normal_estimate
from penstock.limits.in_force import RequestLimits
from penstock.limits.memory import MemoryCounters
from penstock.limits.pricing import PricedModel
from penstock.limits.request_size import size_of_request
from penstock.limits.usage_statistics import UsageStatistics
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.admission.admit import Admitter
from penstock.pipeline.admission.fast_reservation import FastReservation, FastTarget
from penstock.pipeline.call import Answer
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.routing.plan import Target
from penstock.stores.catalogue import Catalogue

TARGET = Target("config", "openai")
USAGE = Usage(100, 20, 120)


class Catalogues:
    current = Catalogue()

    def watch(self, _changed: Callable[[Any], None]) -> None:
        """Nothing changes."""


class Requests:
    """Requests of one owner with a budget and a rate."""

    def __init__(self, operation: Operation = Operation.CHAT) -> None:
        clock = Clock()
        self.counters = MemoryCounters(clock.read)
        self.pricing = FixedPricing(1000, 2000)
        self.limits = (Applied(budget(10**6)), Applied(rate(1000)))
        admission = Admission(self.counters, clock.read, self.counters)
        self.admitter = Admitter(Catalogues(), self.counters, clock.read, self.pricing, immediate=self.counters)
        path, price = self.counters.fast_path(self.limits, clock.read), self.pricing.steady(PricedModel("openai", "m"))
        assert path is not None
        assert price is not None
        plan, limits = CompiledPlan(TARGET), RequestLimits(self.limits)
        self.target = FastTarget(self.admitter, admission, plan, TARGET, limits, path, price, operation, "tenant", "m")
        self.ids = map("r%d".__mod__, count())

    def reserve(self, **members: Any) -> FastReservation:
        body = Body.parse(json.dumps({"model": "m", "messages": [], **members}).encode())
        reservation = self.target.reserve(body, self.ids)
        assert reservation is not None
        return reservation

    def usage(self) -> BucketUsage:
        return self.counters.reservations.usage(self.limits[0].key_at(NOON))


def attempt(usage: Usage | None = None, model: str | None = "m") -> AttemptAccount:
    return AttemptAccount(TARGET, 0.0, model=model, usage=usage)


def answer(usage: Usage | None = None, failure: Failure | None = None) -> Answer:
    return Answer(200, [], b'{"content":"four words of text"}', Outcome(200, failure), usage=usage)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300)


@given(
    TEXTS, st.none() | st.integers(0, 2000), st.integers(1, 3), st.sampled_from([Operation.CHAT, Operation.EMBEDDINGS])
)
def test_it_reserves_the_normal_estimate(text: str, most: int | None, choices: int, operation: Operation) -> None:
    requests = Requests(operation)
    requests.admitter.statistics = UsageStatistics()
    requests.admitter.statistics.learn("tenant", "m", 500, 100, 700)
    members: dict[str, Any] = {"messages": [{"role": "user", "content": text}], "n": choices}
    body = Body.parse(
        json.dumps(members if most is None else {**members, "max_tokens": most}, ensure_ascii=False).encode()
    )
    reservation = requests.target.reserve(body, requests.ids)
    typical = requests.admitter.statistics.typical("tenant", "m")
    size = size_of_request(body, has_output=operation is Operation.CHAT)
    expected = normal_estimate(size, requests.pricing.fixed, typical=typical)
    if reservation is None:
        assert '"' in text or "\\" in text  # it looks as if it held more than text
        return
    cost, tokens, prompt, output, number = reservation.quantities
    assert (cost, prompt, output, number) == (expected.cost, expected.input, expected.output, 1)
    assert tokens == prompt + output


@pytest.mark.parametrize(
    "members",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
        {"tools": [{"type": "web_search"}]},
        {"previous_response_id": "r"},
    ],
    ids=["media", "paid tools", "kept by the provider"],
)
def test_the_general_way_measures_what_is_more_than_text(members: dict[str, Any]) -> None:
    requests = Requests()
    assert requests.target.reserve(Body.parse(json.dumps(members).encode()), requests.ids) is None
    assert requests.counters.reservations.counter_count == 0


def test_a_request_that_nothing_limits_is_admitted_at_once() -> None:
    admitter, call = Requests().admitter, calling.call(calling.CHAT)
    for _ in range(2):
        assert admitter.admit_at_once(call, CompiledPlan(TARGET))
        assert call.account.reservation is None


def test_a_plain_answer_is_settled_by_its_usage() -> None:
    requests = Requests()
    reservation, account = requests.reserve(), attempt()
    assert reservation.begin_first(TARGET, account)
    assert not reservation.begin_first(TARGET, attempt())
    reservation.answered(account, answer(USAGE))
    account.usage = USAGE
    assert reservation.headers()[1] == (b"x-penstock-ratelimit-remaining-requests", b"999")
    for _ in range(2):
        reservation.close([account])
    assert requests.usage() == (140, 0)
    assert account.billed is not None
    assert (account.billed.nanos, account.billed.is_estimated) == (140, False)
    assert reservation.general is None


@pytest.mark.parametrize(
    ("usage", "settled"),
    [
        (Usage(100, 20, 120, cached=50), 140),
        (Usage(100, None), 100),
        (Usage(100, 20, native={"service_tier": "priority"}), 140),
    ],
    ids=["parts", "a count missing", "another mode"],
)
def test_the_general_way_charges_what_isnt_plain(usage: Usage, settled: int) -> None:
    requests = Requests()
    reservation, account = requests.reserve(), attempt()
    assert reservation.begin_first(TARGET, account)
    reservation.answered(account, answer(usage))
    account.usage = usage
    reservation.close([account])
    assert reservation.general is not None
    assert requests.usage() == (settled, 0)


def test_another_model_is_charged_by_the_general_way() -> None:
    requests = Requests()
    reservation, account = requests.reserve(), attempt(USAGE, "another")
    assert reservation.begin_first(TARGET, account)
    reservation.answered(account, answer(USAGE))
    reservation.close([account])
    assert reservation.general is not None
    assert requests.usage() == (140, 0)


def test_an_answer_without_usage_is_charged_by_what_was_seen() -> None:
    requests = Requests()
    reservation, account = requests.reserve(), attempt()
    assert reservation.begin_first(TARGET, account)
    reservation.answered(account, answer())
    account.call = None
    account.origin = None
    reservation.close([account])
    assert requests.usage() == (0, 0)  # it was never sent
    assert reservation.text is not None
    assert reservation.text.size == len("four words of text")


def test_what_was_never_begun_or_failed_is_given_back() -> None:
    requests = Requests()
    requests.reserve().close([])
    reservation, account = requests.reserve(), attempt()
    assert reservation.begin_first(TARGET, account)
    reservation.answered(account, answer(None, Failure(Kind.CONNECTION_CLOSED, "", sent=True)))
    reservation.close([account])
    assert requests.usage() == (0, 0)
    assert requests.counters.reservations.open_count == 0


async def test_a_further_attempt_goes_on_with_what_is_held() -> None:
    requests = Requests()
    reservation, first, second = requests.reserve(), attempt(), attempt()
    held = requests.usage().reserved
    assert reservation.begin_first(TARGET, first)
    reservation.answered(first, answer(None, Failure(Kind.CONNECTION_CLOSED, "", sent=False)))
    assert not reservation.begin_first(TARGET, second)
    assert await reservation.begin_attempt(TARGET, second) is None
    assert requests.usage() == (0, held)
    reservation.answered(second, answer(USAGE))
    second.usage = USAGE
    reservation.close([first, second])
    assert requests.usage() == (140, 0)
    refused = await reservation.begin_attempt(TARGET, attempt())
    assert refused is not None
    assert refused.kind is Kind.CLIENT_DISCONNECTED


def test_two_ways_of_one_request_are_learnt_alike() -> None:
    requests = Requests()
    for _ in range(300):
        reservation, account = requests.reserve(), attempt()
        assert reservation.begin_first(TARGET, account)
        reservation.answered(account, answer(USAGE))
        account.usage = Usage(1, 1, 2)
        reservation.close([account])
    assert requests.target.rest > 0
    assert requests.admitter.statistics.typical("tenant", "m").output == 1
