"""Plans carried out: attempts and waits as routing asks for them, each in the account, and whatever loses closed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

import calling
from calling import CHAT, PLAIN, STREAMS, event_stream, json_reply
from fake_reply import FakeReply, FakeTransport
from penstock.core import outcome
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.route import Router, race
from penstock.routing.plan import Target
from penstock.routing.trace import AttemptStep
from penstock.routing.walk import Attempt, Race, Walked
from penstock.stores.catalogue import GatewayKey
from penstock.transport.base import Reply, Request

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
REFUSED = Failure(Kind.CONNECTION_REFUSED, "No")
A, B = {"provider": "nvidia", "api_key": "a"}, {"provider": "nvidia", "api_key": "b"}
STREAMED = {**CHAT, "stream": True}


def asked(config: dict[str, Any], body: dict[str, Any] = CHAT, dialect: CallerDialect = calling.OPENAI) -> Call:
    return calling.call(body, dialect, x_portkey_config=json.dumps(config))


async def routed(router: Router, call: Call) -> tuple[Answer, Walked]:
    compiled = router.compiler.compile(call)
    assert isinstance(compiled, CompiledPlan), compiled
    return await router.answer(call, compiled)


@DIALECTS
async def test_a_failed_try_is_followed_by_the_next_target(dialect: CallerDialect) -> None:
    first = json_reply(b'{"error":{"message":"No"}}', 500)
    transport = FakeTransport(first, json_reply(PLAIN["openai_chat"]))
    call = asked({"strategy": {"mode": "fallback"}, "targets": [A, B]}, CHAT, dialect)
    answer, walked = await routed(calling.router(transport), call)
    assert (answer.status, answer.target and answer.target.path) == (200, "config.targets[1]")
    assert (walked.upstream_calls, first.closed) == (2, False)
    failed, good = call.account.attempts
    assert (failed.status, failed.failure and failed.failure.kind) == (500, Kind.UPSTREAM_STATUS)
    assert (good.status, good.failure, good is answer.attempt, good.model) == (200, None, True, "m")
    assert failed.ended is not None
    assert failed.began <= failed.ended <= good.began


async def test_retries_are_attempts_of_their_own_after_their_waits() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    transport = FakeTransport(json_reply(b"{}", 503), REFUSED, json_reply(PLAIN["openai_chat"]))
    made = calling.router(transport)
    router = Router(made.compiler, made.upstream, made.health, made.caching, 0.0, sleep)
    call = asked({**A, "retry": {"attempts": 2}})
    answer, walked = await routed(router, call)
    assert (answer.status, walked.retry_count, walked.upstream_calls) == (200, 2, 3)
    assert [attempt.status for attempt in call.account.attempts] == [503, REFUSED.status, 200]
    assert len(waits) == 2


class Slow(FakeTransport):
    """Takes two seconds of a clock for each answer."""

    now = 100.0

    async def send(self, request: Request) -> Reply | Failure:
        self.now += 2
        return await super().send(request)


async def test_the_walk_goes_on_from_the_first_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Slow(json_reply(b"{}", 500), json_reply(b"{}", 500), json_reply(PLAIN["openai_chat"]))
    for module in ("route", "attempt"):
        monkeypatch.setattr(f"penstock.pipeline.{module}.monotonic", lambda: transport.now)
    counted: list[float] = []
    router = calling.router(transport)
    monkeypatch.setattr(type(router.health), "count_attempt", lambda _health, _address, now: counted.append(now))
    first = {**A, "retry": {"attempts": 1, "on_status_codes": [500]}, "timeouts": {"total": 5}}
    call = asked({"strategy": {"mode": "fallback"}, "targets": [first, {**B, "timeouts": {"total": 5}}]})
    answer, walked = await routed(router, call)
    assert answer.status == 200
    steps = [step for step in walked.steps if isinstance(step, AttemptStep)]
    assert [(step.result, step.milliseconds) for step in steps] == [("500", 2000), ("500", 2000), ("200", 2000)]
    assert (walked.upstream_calls, counted) == (3, [100.0])
    # The limit of a target counts from the beginning of its first attempt.
    assert [request.limits.total for request in transport.sent] == [5, 3, 5]


class Gone:
    """The rest of a body, of which bytes were sent."""

    rest = 1
    is_begun = True

    async def read(self) -> bytes:
        return b""

    async def whole(self) -> Failure:
        return REFUSED


@pytest.mark.parametrize(
    "config", [{"strategy": {"mode": "fallback"}, "targets": [A, B]}, {**A, "retry": {"attempts": 2}}]
)
async def test_a_body_that_nobody_holds_is_sent_once(config: dict[str, Any]) -> None:
    transport = FakeTransport(json_reply(b"{}", 503), json_reply(PLAIN["openai_chat"]))
    call = asked(config)
    call.upload = Gone()
    answer, walked = await routed(calling.router(transport), call)
    assert (answer.status, walked.upstream_calls, len(transport.sent)) == (503, 1, 1)
    assert walked.steps[0].why == ["max_attempts reached"]  # type: ignore[union-attr]


async def test_an_answer_that_is_passed_over_is_closed() -> None:
    error = b'data: {"error":{"message":"No","code":500}}\n\n'
    passed_over = event_stream(error, error)
    transport = FakeTransport(passed_over, event_stream(*STREAMS["openai_chat"]))
    call = asked({"strategy": {"mode": "fallback"}, "targets": [A, B]}, STREAMED)
    answer, _ = await routed(calling.router(transport), call)
    assert (passed_over.closed, answer.outcome.ok) == (True, True)
    answer.close()


@DIALECTS
async def test_a_request_without_a_target_is_told_so(dialect: CallerDialect) -> None:
    config = {
        "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.a": "b"}, "then": "x"}]},
        "targets": [{**A, "name": "x"}],
    }
    call = asked(config, CHAT, dialect)
    answer, walked = await routed(calling.router(FakeTransport(REFUSED)), call)
    assert walked.failure is not None
    assert (answer.status, answer.target, call.account.attempts) == (walked.failure.status, None, [])
    assert calling.error_text(answer.body)


async def test_a_target_that_can_not_be_bound_is_an_attempt_that_failed() -> None:
    call = asked({"strategy": {"mode": "fallback"}, "targets": [{"provider": "nvidia"}, B]})
    answer, _ = await routed(calling.router(FakeTransport(json_reply(PLAIN["openai_chat"]))), call)
    assert answer.status == 200
    assert [attempt.failure and attempt.failure.kind for attempt in call.account.attempts] == [
        Kind.MISSING_API_KEY, None,
    ]  # fmt: skip


async def test_leaving_ends_the_attempt_that_is_under_way() -> None:
    transport = FakeTransport(REFUSED)
    transport.gate.clear()
    call = asked(A)
    routing = asyncio.create_task(routed(calling.router(transport), call))
    await calling.turns()
    routing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await routing
    (attempt,) = call.account.attempts
    assert attempt.ended is not None
    assert (attempt.status, attempt.is_hedge_loser) == (0, False)


async def test_a_stream_under_way_counts_as_load_until_it_is_closed() -> None:
    config = {"strategy": {"mode": "loadbalance", "policy": "least_busy"}, "targets": [A, B]}
    call = asked(config, STREAMED)
    router = calling.router(FakeTransport(event_stream(*STREAMS["openai_chat"])))
    answer, _ = await routed(router, call)
    assert answer.target is not None
    identity = answer.target.identity
    assert router.health.busy(identity) == 1
    answer.close()
    assert router.health.busy(identity) == 0


# Two attempts side by side.


HEDGED = {"strategy": {"mode": "fallback", "hedge": {"delay": 0, "percent": 100}}, "targets": [A, B]}


class Two:
    """A provider that answers each key with its own reply; None: never."""

    def __init__(self, first: Reply | None, second: Reply | None) -> None:
        self._replies = {b"Bearer a": first, b"Bearer b": second}

    async def send(self, request: Request) -> Reply | Failure:
        reply = next(reply for key, reply in self._replies.items() if key in request.headers)
        if reply is None:
            await asyncio.Event().wait()
        assert reply is not None
        return reply

    async def close(self) -> None:
        """Nothing is open."""


async def test_the_cancelled_attempt_of_a_race_is_a_hedge_loser_in_the_account() -> None:
    call = asked(HEDGED)
    answer, _ = await routed(calling.router(Two(None, json_reply(PLAIN["openai_chat"]))), call)
    assert answer.status == 200
    told = [(each.target.path, each.is_hedge_loser, each.status) for each in call.account.attempts]
    assert told == [("config.targets[0]", True, 0), ("config.targets[1]", False, 200)]
    assert call.account.attempts[0].ended is not None


async def test_without_need_there_is_no_loser() -> None:
    config = {**HEDGED, "strategy": {"mode": "fallback", "hedge": {"delay": 60, "percent": 100}}}
    call = asked(config)
    await routed(calling.router(FakeTransport(json_reply(PLAIN["openai_chat"]))), call)
    assert [each.is_hedge_loser for each in call.account.attempts] == [False]


FIRST, SECOND = (Attempt(Target(provider=name, path=name)) for name in ("first", "second"))
GOOD = Outcome(200)
BAD = outcome.failed(REFUSED)


def closed(found: Answer) -> bool:
    assert isinstance(found.rest, FakeReply)
    return found.rest.closed


class Runs:
    """Two attempts: what comes of each (None: never anything), once its gate is open."""

    def __init__(self, first: Outcome | None, second: Outcome | None) -> None:
        self.answers = {
            name: Answer(came.status, [], b"", came, FakeReply(200))
            for name, came in (("first", first), ("second", second))
            if came is not None
        }
        self.gates = {name: asyncio.Event() for name in self.answers}
        self.begun = asyncio.Event()
        self.cancelled: list[str] = []

    async def attempt(self, step: Attempt) -> Answer:
        name = step.target.provider
        if name == "second":
            self.begun.set()
        try:
            await self.gates.get(name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        return self.answers[name]


async def test_without_need_the_second_is_not_started() -> None:
    runs = Runs(BAD, GOOD)
    runs.gates["first"].set()
    found, raced = await race(Race(FIRST, SECOND, 60.0), runs.attempt)
    assert (found.outcome, raced.rival_ran, raced.outcomes) == (BAD, False, (BAD, None))
    assert not runs.begun.is_set()


async def test_the_good_one_wins_and_the_other_is_cancelled() -> None:
    runs = Runs(None, GOOD)
    runs.gates["second"].set()
    found, raced = await race(Race(FIRST, SECOND, 0.0), runs.attempt)
    assert (found.outcome, raced.outcomes, raced.rival_ran) == (GOOD, (None, GOOD), True)
    assert runs.cancelled == ["first"]
    assert not closed(found)


@pytest.mark.parametrize(("early", "late"), [("first", "second"), ("second", "first")])
async def test_of_two_failures_the_later_counts_and_the_other_is_closed(early: str, late: str) -> None:
    runs = Runs(BAD, BAD)
    racing = asyncio.create_task(race(Race(FIRST, SECOND, 0.0), runs.attempt))
    await runs.begun.wait()
    runs.gates[early].set()
    await calling.turns()
    runs.gates[late].set()
    found, raced = await racing
    assert found is runs.answers[late]
    assert raced.outcomes == (BAD, BAD)
    assert (closed(runs.answers[early]), closed(found)) == (True, False)


async def test_leaving_cancels_both() -> None:
    runs = Runs(None, None)
    racing = asyncio.create_task(race(Race(FIRST, SECOND, 0.0), runs.attempt))
    await runs.begun.wait()
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    await calling.turns()
    assert sorted(runs.cancelled) == ["first", "second"]


async def test_an_inline_config_opens_no_circuit_of_a_saved_one_nor_another_tenant_s() -> None:
    """What one caller's config makes of failures is seen by the same tenant's inline configs and by nobody else."""
    breaker = {"failure_threshold": 1, "cooldown_interval": 600_000}
    config = {"strategy": {"mode": "fallback", "cb_config": breaker}, "targets": [A, B]}
    error = b'{"error":{"message":"No"}}'
    transport = FakeTransport(json_reply(error, 500), *[json_reply(PLAIN["openai_chat"]) for _ in range(4)])
    router = calling.router(transport)

    async def first_target(tenant: str, saved: str | None) -> str:
        call = asked(config)
        call.caller = Caller(GatewayKey(tenant, b"d"), b"authorization")
        compiled = router.compiler.compile(call)
        assert isinstance(compiled, CompiledPlan), compiled
        compiled = msgspec.structs.replace(compiled, config=saved)
        _, walked = await router.answer(call, compiled)
        return next(step.path for step in walked.steps if isinstance(step, AttemptStep))

    assert await first_target("a", None) == "config.targets[0]"
    assert await first_target("a", None) == "config.targets[1]"
    assert await first_target("b", None) == "config.targets[0]"
    assert await first_target("a", "saved") == "config.targets[0]"


@pytest.mark.parametrize(("hops", "attempts"), [(0, 50), (1, 12), (2, 3), (3, 1), (4, 1), (9999, 1)])
def test_a_request_that_passed_gateways_has_fewer_attempts(hops: int, attempts: int) -> None:
    call = asked(A)
    call.hops = hops
    assert calling.router(FakeTransport()).attempts_of(call) == attempts
