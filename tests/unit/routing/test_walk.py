"""The walk in single steps: retries, fallbacks, breakers, hedges, conditions, each with the account it gives."""

from __future__ import annotations

import math
from typing import Any

import pytest

from penstock.core.failure import Kind
from penstock.core.outcome import ErrorClass, Outcome
from penstock.routing.health import Health
from penstock.routing.plan import Plan, leaves, most_attempts
from penstock.routing.trace import line
from penstock.routing.walk import Attempt, Race, Raced, Wait, WalkContext, walk
from playing import OK, Asked, Played, Player, answered, broken, compiled, in_turn

REFUSED = broken(Kind.CONNECTION_REFUSED, sent=False)
SILENT = broken(Kind.FIRST_BYTE_TIMEOUT)
TOO_LONG = answered(400, error=ErrorClass.CONTEXT_LENGTH)
FILTERED = answered(400, error=ErrorClass.CONTENT_FILTER)
STREAM_ERROR = Outcome(429, broken(Kind.STREAM_ERROR).failure, error=ErrorClass.RATE_LIMIT)


def target(key: str = "k", **settings: Any) -> dict[str, Any]:
    return {"provider": "echo", "api_key": key, **settings}


def strategy(mode: str, *targets: dict[str, Any], outer: dict[str, Any] | None = None, **rules: Any) -> Plan:
    return compiled({**(outer or {}), "strategy": {"mode": mode, **rules}, "targets": list(targets)})


def fallback(*targets: dict[str, Any], outer: dict[str, Any] | None = None, **rules: Any) -> Plan:
    return strategy("fallback", *targets, outer=outer, **rules)


def play(plan: Plan, *outcomes: Outcome, took: float = 0.1, **rules: Any) -> Played:
    return Player(in_turn(outcomes, took)).play(plan, **rules)


# One target.


@pytest.mark.parametrize(
    ("retry", "outcomes", "count", "waits"),
    [
        (None, [answered(500)], 0, 0),
        ({"attempts": 0}, [answered(500)], 0, 0),
        ({"attempts": 3}, [OK], 0, 0),
        ({"attempts": 3}, [answered(400)], 0, 0),
        ({"attempts": 3}, [answered(500), OK], 1, 1),
        ({"attempts": 3}, [answered(500), answered(400)], 1, 1),
        ({"attempts": 2}, [answered(500), answered(429), answered(503)], -1, 2),
        ({"attempts": 2}, [REFUSED, REFUSED, REFUSED], -1, 2),
        ({"attempts": 2}, [answered(429, 70.0), OK], 1, 1),
        ({"attempts": 2, "use_retry_after_header": True}, [answered(429, 70.0)], -1, 0),
        ({"attempts": 3, "use_retry_after_header": True}, [answered(429, 40.0), answered(429, 40.0)], -1, 1),
        ({"attempts": 2}, [SILENT], 0, 0),
        ({"attempts": 1, "on_error": ["timeout"]}, [SILENT, SILENT], -1, 1),
        ({"attempts": 9}, [answered(500)] * 6, -1, 5),
        ({"attempts": 3, "on_status_codes": [503]}, [broken(Kind.OUT_OF_FILES, sent=False)], 0, 0),
    ],
)
def test_retries_of_one_target(retry: dict[str, Any] | None, outcomes: list[Outcome], count: int, waits: int) -> None:
    played = play(compiled(target(retry=retry)), *outcomes)
    assert [call.outcome for call in played.calls] == outcomes
    assert (played.result.retry_count, len(played.waits)) == (count, waits)
    assert played.result.upstream_calls == len(outcomes)


def test_waits_double_with_some_jitter() -> None:
    waits = [play(compiled(target(retry={"attempts": 5})), *[answered(500)] * 6).waits for _ in range(2)]
    assert waits[0] == waits[1]
    for number, (_, _, seconds) in enumerate(waits[0]):
        assert 0.8 * 2**number <= seconds <= 1.2 * 2**number
        assert seconds != 2**number


def test_a_retry_that_could_not_begin_in_time_is_left_out() -> None:
    played = play(compiled(target(retry={"attempts": 5})), *[answered(500)] * 3, patience=4.2)
    assert (len(played.calls), played.result.retry_count) == (3, -1)
    assert line(played.result.steps).endswith("500 100ms no time left")


def test_a_total_counts_from_the_first_attempt_over_all_retries() -> None:
    plan = compiled(target(retry={"attempts": 5}, timeouts={"total": 5}))
    played = play(plan, *[answered(500)] * 6)
    assert len(played.calls) == 3
    assert {(call.attempt.until, call.attempt.over) for call in played.calls} == {(math.inf, 5.0)}


def test_the_retry_budget_of_an_address_is_shared_by_its_targets() -> None:
    player = Player(lambda _: (answered(500), 0.0))
    plans = [compiled(target(key, retry={"attempts": 5, "on_status_codes": [500]})) for key in "ab"]
    for number in range(60):
        player.now = 0.0
        last = player.play(plans[number % 2])
    assert (len(last.calls), last.result.retry_count) == (1, -1)
    assert line(last.result.steps).endswith("retry budget spent")
    player.now = 1e6
    assert len(player.play(plans[0]).calls) == 6


# Fallbacks.


@pytest.mark.parametrize(
    ("rules", "outcome", "leads_on"),
    [
        ({}, OK, False),
        ({}, Outcome(246), False),
        ({}, answered(400), True),
        ({}, answered(401), True),
        ({}, REFUSED, True),
        ({}, STREAM_ERROR, True),
        ({}, broken(Kind.INVALID_RESPONSE), True),
        ({}, Outcome(502, broken(Kind.TRUNCATED).failure, committed=True), False),
        ({}, broken(Kind.SHUTTING_DOWN, sent=False), False),
        ({}, broken(Kind.LOOP_DETECTED, sent=False), False),
        ({"on_status_codes": []}, answered(500), False),
        ({"on_status_codes": [200]}, OK, True),
        ({"on_status_codes": [429]}, answered(500), False),
        ({"on_status_codes": ["429"]}, answered(429), True),
        ({"on_status_codes": [429]}, STREAM_ERROR, True),
        ({"on_status_codes": [408]}, SILENT, True),
        ({"on_status_codes": [500]}, SILENT, False),
        ({"on_status_codes": [500]}, REFUSED, True),
        ({"on_status_codes": [502]}, REFUSED, True),
        ({"on_status_codes": [503]}, broken(Kind.CONNECT_TIMEOUT, sent=False), True),
        ({"on_status_codes": [429]}, REFUSED, False),
        ({"on_error": ["context_length"]}, TOO_LONG, True),
        ({"on_error": ["context_length"]}, answered(400), False),
        ({"on_error": ["context_length"]}, answered(500), False),
        ({"on_error": ["connection"]}, REFUSED, True),
        ({"on_error": ["connection"], "on_status_codes": [429]}, answered(429), True),
        ({"on_error": []}, answered(500), False),
        ({"return_on_error": ["content_filter"]}, FILTERED, False),
        ({"return_on_error": ["content_filter"]}, answered(400), True),
        ({"return_on_error": ["content_filter"], "on_status_codes": [400]}, FILTERED, False),
    ],
)  # fmt: skip
def test_what_leads_a_fallback_on(rules: dict[str, Any], outcome: Outcome, leads_on: bool) -> None:
    played = play(fallback(target("a"), target("b"), **rules), outcome, OK)
    assert played.paths == ["targets[0]", "targets[1]"][: 1 + leads_on]


def test_the_last_outcome_is_the_result_whatever_it_is() -> None:
    played = play(fallback(target("a"), target("b")), answered(429), answered(404))
    assert line(played.result.steps) == "targets[0] 429 100ms next; targets[1] 404 100ms"
    assert played.result.retry_count == 0


def test_every_target_makes_its_own_retries() -> None:
    plan = fallback(target("a"), target("b"), outer={"retry": {"attempts": 1}})
    played = play(plan, *[answered(500)] * 4)
    assert played.paths == ["targets[0]", "targets[0]", "targets[1]", "targets[1]"]
    assert [call.attempt.retry for call in played.calls] == [0, 1, 0, 1]
    assert most_attempts(plan) == 4
    assert played.result.retry_count == -1


@pytest.mark.parametrize("outcome", [TOO_LONG, FILTERED])
def test_what_the_same_target_would_say_again_is_not_retried(outcome: Outcome) -> None:
    plan = fallback(target("a", retry={"attempts": 3, "on_status_codes": [400]}), target("b"))
    assert play(plan, outcome, OK).paths == ["targets[0]", "targets[1]"]


def test_silence_is_retried_only_where_no_other_target_is_left() -> None:
    retry = {"attempts": 1, "on_status_codes": [408]}
    played = play(fallback(target("a"), target("b"), outer={"retry": retry}), SILENT, SILENT, SILENT)
    assert played.paths == ["targets[0]", "targets[1]", "targets[1]"]
    assert line(played.result.steps).startswith("targets[0] first_byte_timeout 100ms silent, next; targets[1]")


@pytest.mark.parametrize("mode", ["loadbalance", "fallback", "conditional"])
def test_another_target_further_out_counts_as_one_to_turn_to(mode: str) -> None:
    rules: dict[str, Any] = {"conditions": [{"query": {}, "then": "a"}]} if mode == "conditional" else {}
    retried = target("a", name="a", retry={"attempts": 1, "on_status_codes": [408]})
    inner = {"strategy": {"mode": mode, **rules}, "targets": [retried]}
    assert play(fallback(inner, target("b")), SILENT, OK).paths == ["targets[0].targets[0]", "targets[1]"]
    assert play(strategy("single", inner), SILENT, OK).paths == ["targets[0].targets[0]"] * 2


def test_retries_of_targets_before_are_not_counted() -> None:
    plan = fallback(target("a", retry={"attempts": 1}), target("b"), target("c", retry={"attempts": 2}))
    assert play(plan, answered(500), answered(500), OK).result.retry_count == 0
    played = play(plan, *[answered(500)] * 4, OK)
    assert (played.paths[-2:], played.result.retry_count) == (["targets[2]"] * 2, 1)


def test_a_fallback_inside_of_a_fallback_is_walked_in_order() -> None:
    inner = {"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": [target("a"), target("b")]}
    played = play(fallback(inner, target("c")), answered(500), OK)
    assert played.paths == ["targets[0].targets[0]", "targets[1]"]
    played = play(fallback(inner, target("c")), answered(429), answered(429), OK)
    assert played.paths == ["targets[0].targets[0]", "targets[0].targets[1]", "targets[1]"]


def test_a_fallback_out_of_time_turns_to_nobody() -> None:
    played = play(fallback(target("a"), target("b")), answered(500), took=3.0, patience=2.0)
    assert line(played.result.steps) == "targets[0] first_byte_timeout 2000ms no time left"


def test_a_targets_own_total_leaves_time_for_the_next_one() -> None:
    plan = fallback(target("a", timeouts={"total": 2}), target("b"), outer={"timeouts": {"total": 60}})
    played = play(plan, OK, OK, took=5.0)
    assert line(played.result.steps) == "targets[0] total_timeout 2000ms next; targets[1] 200 5000ms"
    assert [call.attempt.over for call in played.calls] == [2.0, 60.0]


# Circuit breakers.

BREAKER = {"failure_threshold": 2, "cooldown_interval": 30_000}


def outage(*failing: str) -> Player:
    return Player(lambda attempt: (answered(500) if attempt.target.path[-3:] in failing else OK, 0.1))


def test_an_open_target_is_skipped_and_comes_back_by_one_probe() -> None:
    plan = fallback(target("a"), target("b"), cb_config=BREAKER)
    player = outage("[0]")
    for _ in range(2):
        assert player.play(plan).paths == ["targets[0]", "targets[1]"]
    assert line(player.play(plan).result.steps) == "targets[0] open skipped; targets[1] 200 100ms"
    player.now += 30
    assert player.play(plan).paths == ["targets[0]", "targets[1]"]
    assert player.play(plan).paths == ["targets[1]"]
    player.now += 30
    player.script = in_turn([OK, OK], 0.1)
    assert [player.play(plan).paths for _ in range(2)] == [["targets[0]"], ["targets[0]"]]


def test_with_every_target_open_all_are_tried() -> None:
    plan = fallback(target("a"), target("b"), cb_config=BREAKER)
    player = outage("[0]", "[1]")
    for _ in range(4):
        assert player.play(plan).paths == ["targets[0]", "targets[1]"]


def test_a_target_declared_open_is_skipped() -> None:
    assert play(fallback(target("a", is_open=True), target("b")), OK).paths == ["targets[1]"]
    assert play(fallback(target("a", isOpen=True)), OK).paths == ["targets[0]"]


def test_a_balancer_draws_among_the_admitted() -> None:
    plan = strategy("loadbalance", target("a", weight=1000), target("b"), cb_config=BREAKER)
    player = outage("[0]")
    paths = [player.play(plan).paths[0] for _ in range(20)]
    assert paths.count("targets[0]") == 2


def test_breakers_do_not_apply_to_the_targets_of_a_conditional() -> None:
    conditions = [{"query": {}, "then": "a"}]
    plan = strategy(
        "conditional", target("a", name="a", is_open=True), conditions=conditions, outer={"cb_config": BREAKER}
    )
    player = outage("[0]")
    assert [player.play(plan).paths for _ in range(5)] == [["targets[0]"]] * 5
    assert all(leaf.breaker is None for leaf in leaves(plan))


def test_a_part_of_the_tree_is_open_only_when_all_of_its_targets_are() -> None:
    inner = {"strategy": {"mode": "fallback"}, "targets": [target("a"), target("b")]}
    plan = fallback(inner, target("c"), cb_config=BREAKER)
    player = outage("[0]", "[1]")
    player.script = lambda attempt: (OK if attempt.target.path == "config.targets[1]" else answered(500), 0.1)
    for _ in range(2):
        assert len(player.play(plan).calls) == 3
    assert player.play(plan).paths == ["targets[1]"]


def test_an_open_target_that_is_the_only_one_with_a_weight_is_not_told_as_skipped() -> None:
    plan = strategy("loadbalance", target("a", is_open=True), target("b", weight=0))
    assert line(play(plan, OK).result.steps) == "targets[0] 200 100ms"


@pytest.mark.parametrize(
    ("outcome", "opens"),
    [
        (answered(500), True),
        (answered(429), False),
        (REFUSED, True),
        (SILENT, True),
        (broken(Kind.INVALID_RESPONSE), True),
        (STREAM_ERROR, False),
        (Outcome(200, broken(Kind.STREAM_ERROR).failure), True),
        (broken(Kind.MISSING_API_KEY, sent=False), False),
        (broken(Kind.OUT_OF_FILES, sent=False), False),
        (Outcome(200, stored=True), False),
        (OK, False),
    ],
)
def test_what_speaks_against_a_target(outcome: Outcome, opens: bool) -> None:
    plan = fallback(target("a"), target("b"), cb_config={"failure_threshold": 1})
    player = Player(lambda attempt: (outcome if attempt.target.path.endswith("[0]") else OK, 0.1))
    player.play(plan)
    assert (player.play(plan).paths == ["targets[1]"]) is opens


# Hedging: two targets side by side.

HEDGE = {"delay": 1, "percent": 100}


def hedged(*more: dict[str, Any], retry: dict[str, Any] | None = None, **hedge: Any) -> Plan:
    return fallback(target("a", retry=retry), target("b", retry=retry), *more, hedge={**HEDGE, **hedge})


def race(first: tuple[Outcome, float], second: tuple[Outcome, float], *rest: tuple[Outcome, float]) -> Player:
    script = iter([first, second, *rest])
    return Player(lambda _: next(script))


@pytest.mark.parametrize(
    ("first", "second", "account"),
    [
        ((OK, 9), (OK, 2), "targets[1] 200 3000ms hedged"),
        ((OK, 2), (OK, 9), "targets[0] 200 2000ms hedged"),
        ((answered(500), 2), (OK, 5), "targets[0] 500 6000ms; targets[1] 200 6000ms hedged"),
        ((OK, 5), (answered(500), 1), "targets[1] 500 5000ms; targets[0] 200 5000ms hedged"),
        ((answered(500), 2), (answered(429), 5), "targets[0] 500 6000ms; targets[1] 429 6000ms hedged"),
    ],
)
def test_the_first_good_answer_of_two_wins(
    first: tuple[Outcome, float], second: tuple[Outcome, float], account: str
) -> None:
    result = race(first, second).play(hedged()).result
    assert line(result.steps) == account
    assert (result.upstream_calls, result.retry_count) == (2, 0)


def test_a_first_answer_within_the_delay_has_no_rival() -> None:
    played = race((answered(500), 0.5), (OK, 1)).play(hedged())
    assert line(played.result.steps) == "targets[0] 500 500ms next; targets[1] 200 1000ms"
    assert not played.races


def test_both_failed_and_the_third_is_next() -> None:
    played = race((answered(500), 2), (answered(500), 2), (OK, 1)).play(hedged(target("c"), retry={"attempts": 3}))
    assert played.paths == ["targets[0]", "targets[1]", "targets[2]"]


def test_a_first_one_that_failed_alone_is_retried() -> None:
    played = race((answered(500), 0.5), (OK, 9)).play(hedged(retry={"attempts": 3}))
    assert played.paths == ["targets[0]", "targets[0]"]


def test_beaten_and_cancelled_attempts_say_nothing_of_their_targets() -> None:
    plan = fallback(target("a"), target("b"), hedge=HEDGE, cb_config={"failure_threshold": 1})
    player = Player(lambda attempt: (OK, 9.0 if attempt.target.path.endswith("[0]") else 1.0))
    for _ in range(3):
        assert player.play(plan).paths == ["targets[0]", "targets[1]"]
    first, second = leaves(plan)
    assert (player.health.latency(first.identity, player.now), player.health.busy(first.identity)) == (None, 0)
    assert player.health.latency(second.identity, player.now) == 2.0


def test_an_open_target_takes_no_part_in_a_race() -> None:
    plan = fallback(target("a"), target("b"), target("c"), hedge=HEDGE, cb_config={"failure_threshold": 1})
    player = Player(lambda attempt: (answered(500), 0.5) if attempt.target.path.endswith("[1]") else (OK, 5.0))
    assert player.play(plan).paths == ["targets[1]", "targets[0]"]
    assert player.play(plan).paths == ["targets[2]", "targets[0]"]


def test_a_driver_that_names_a_winner_without_an_outcome_is_told() -> None:
    walker = walk(hedged(), WalkContext(Asked(), lambda: 0.0, lambda: 0.5, Health()))
    assert isinstance(next(walker), Race)
    with pytest.raises(ValueError, match="winner"):
        walker.send(Raced((OK, None), 1, rival_ran=True))


def test_a_race_counts_no_retries_of_targets_before_it() -> None:
    inner = {"strategy": {"mode": "fallback", "hedge": HEDGE}, "targets": [target("a"), target("b")]}
    plan = fallback(target("z", retry={"attempts": 1}), inner)
    script = iter([(answered(500), 0.1), (answered(500), 0.1), (OK, 9.0), (OK, 1.0)])
    played = Player(lambda _: next(script)).play(plan)
    assert (played.races, played.result.retry_count) == (1, 0)


@pytest.mark.parametrize(("totals", "over"), [((20, None), math.inf), ((None, 20), 21.0), ((20, 30), 31.0)])
def test_each_of_a_race_has_its_own_total(totals: tuple[float | None, float | None], over: float) -> None:
    targets = [target(key, timeouts={"total": total}) for key, total in zip("ab", totals, strict=True)]
    played = race((OK, 9), (OK, 1)).play(fallback(*targets, hedge=HEDGE))
    assert [call.attempt.over for call in played.calls if call.path.endswith("[1]")] == [over]


def test_callers_who_hang_up_in_a_race_use_up_the_budget_too() -> None:
    plan, health, now = hedged(percent=0.001), Health(), 0.0
    raced = 0
    for _ in range(50):
        walker = walk(plan, WalkContext(Asked(), lambda: now, lambda: 0.5, health))  # noqa: B023 (used at once)
        raced += isinstance(next(walker), Race)
        now += 5.0
        walker.close()
    assert raced <= 11


# Conditions.


def test_conditions_are_asked_in_order_and_the_default_last() -> None:
    conditions = [
        {"query": {"metadata.plan": "paid"}, "then": "a"},
        {"query": {"params.stream": True}, "then": "b"},
    ]
    targets = [target(key, name=key) for key in "abc"]
    plan = strategy("conditional", *targets, conditions=conditions, default="c")
    for view, path in [
        (Asked(metadata={"plan": "paid"}, params={"stream": True}), "targets[0]"),
        (Asked(params={"stream": True}), "targets[1]"),
        (Asked(), "targets[2]"),
    ]:
        assert play(plan, OK, view=view).paths == [path]


@pytest.mark.parametrize(
    ("then", "default", "plain"),
    [
        ("a", None, "Query router did not resolve to any valid target"),
        ("a", "lost", "Invalid target name found in the query router: lost"),
    ],
)
def test_no_target_for_a_request_ends_the_walk_and_every_fallback_around_it(
    then: str, default: str | None, plain: str
) -> None:
    conditions = [{"query": {"metadata.plan": "paid"}, "then": then}]
    inner = {
        "strategy": {"mode": "conditional", "conditions": conditions, "default": default},
        "targets": [target(name="a")],
    }
    played = play(fallback(target("z"), inner, target("y")), answered(500))
    failure = played.result.failure
    assert played.paths == ["targets[0]"]
    assert played.result.upstream_calls == 1
    assert failure is not None
    assert (failure.kind, failure.status, failure.plain) == (Kind.NO_MATCHING_TARGET, 400, plain)
    assert failure.param == "config.targets[1].strategy"


def test_the_first_of_two_targets_with_a_name_is_meant() -> None:
    conditions = [{"query": {}, "then": "a"}]
    plan = strategy("conditional", target("x", name="a"), target("y", name="a"), conditions=conditions)
    assert play(plan, OK).paths == ["targets[0]"]


# The steps themselves.


def test_what_a_driver_is_asked_to_do() -> None:
    plan = compiled(target(retry={"attempts": 1}))
    walker = walk(plan, WalkContext(Asked(), lambda: 7.0, lambda: 0.5, Health(), 100.0))
    (leaf,) = leaves(plan)
    assert next(walker) == Attempt(leaf, 0, 100.0, math.inf)
    assert walker.send(answered(500)) == Wait(1.0)
    assert walker.send(None) == Attempt(leaf, 1, 100.0, math.inf)
    with pytest.raises(StopIteration):
        walker.send(OK)


def test_a_stored_answer_is_told_as_such() -> None:
    assert line(play(compiled(target()), Outcome(200, stored=True)).result.steps) == "config cached 100ms"


def test_a_circuit_that_opens_meanwhile_ends_the_retries() -> None:
    breaker = {"failure_threshold": 2}
    plan = fallback(target("a"), target("b"), outer={"retry": {"attempts": 5}}, cb_config=breaker)
    played = play(plan, *[answered(503)] * 2, OK)
    assert line(played.result.steps).split("; ")[1].endswith("circuit open, next")
    assert played.result.upstream_calls == 3


def test_least_busy_heeds_weights_when_nobody_is_busy() -> None:
    plan = strategy("loadbalance", target("a", weight=1), target("b", weight=3), policy="least_busy")
    assert {play(plan, OK).calls[0].path for _ in range(3)} == {"config.targets[1]"}


# How many attempts there may be.


def test_a_walk_ends_after_so_many_attempts() -> None:
    plan = fallback(*[target()] * 10)
    played = play(plan, *[answered(500)] * 4, max_attempts=4)
    assert (len(played.calls), played.result.upstream_calls) == (4, 4)
    assert line(played.result.steps).endswith("targets[3] 500 100ms max_attempts reached")


def test_fifty_attempts_are_the_default() -> None:
    played = play(fallback(*[target()] * 1000), *[answered(500)] * 50)
    assert len(played.calls) == 50


def test_retries_are_attempts() -> None:
    plan = fallback(*[target(retry={"attempts": 5})] * 10)
    played = play(plan, *[answered(500)] * 3, max_attempts=3)
    assert played.result.retry_count == -1
    assert [call.attempt.target.path for call in played.calls] == ["config.targets[0]"] * 3
    assert "max_attempts reached" in line(played.result.steps)


def test_the_last_attempt_is_not_hedged() -> None:
    plan = fallback(target(), target("l"), hedge={"delay": 0.01, "percent": 100})
    played = play(plan, answered(500), max_attempts=1)
    assert len(played.calls) == 1


def test_conditions_share_one_evaluation_of_the_request() -> None:
    class Counting(Asked):
        reads = 0

        def param(self, name: str) -> Any:
            self.reads += 1
            return super().param(name)

    conditions = [{"query": {"params.a": {"$gt": number}}, "then": "a"} for number in range(50)]
    inner = {
        "strategy": {"mode": "conditional", "conditions": conditions, "default": "a"},
        "targets": [target(name="a")],
    }
    view = Counting({"a": -1})
    play(fallback(inner, inner), answered(500), answered(500), view=view)
    assert view.reads == 1


def test_a_loop_ends_the_walk() -> None:
    played = play(
        fallback(*[target(retry={"attempts": 5, "on_status_codes": [508]})] * 5, on_status_codes=[508]), answered(508)
    )
    assert len(played.calls) == 1
