"""What holds of every walk, whatever the plan, the outcomes, the clock and the dice: trees and scripts are random."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, product
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.core.failure import Kind
from penstock.core.outcome import ErrorClass, Outcome
from penstock.routing.plan import Fallback, Plan, Target, leaves, most_attempts
from penstock.routing.trace import AttemptStep, line
from playing import OK, Asked, Called, Played, Player, Script, answered, broken, compiled

# The trees are made as configs, so that what the compiler derives (health's identities, who is tracked) is right.


def made_of(**choices: Sequence[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with one choice for each key; None leaves the key out. One draw: draws are what takes the time."""

    def numbered(number: int) -> dict[str, Any]:
        chosen = {}
        for key, values in choices.items():
            number, index = divmod(number, len(values))
            chosen[key] = values[index]
        return {key: value for key, value in chosen.items() if value is not None}

    return st.integers(0, math.prod(map(len, choices.values())) - 1).map(numbered)


MANY = [400, 401, 408, 429, 500, 502, 503, 529]
CODES = [None, MANY, [429], [408, 500], [502, 503], [200, 429, 503], []]
CLASSES = [
    None,
    ["rate_limit", "timeout"],
    ["server_error", "connection", "context_length"],
    ["auth", "content_filter"],
    [],
]
RETRIES = [
    None,
    *(
        {"attempts": attempts, "on_status_codes": codes, "on_error": errors, "use_retry_after_header": heeds}
        for attempts, codes, errors, heeds in product([1, 2, 5, 0], CODES, CLASSES, [None, True, False])
    ),
]
TOTALS = [None, None, {"total": 0.5}, {"total": 5}, {"total": 30}]
BREAKERS = [
    {"failure_threshold": threshold, "cooldown_interval": cooldown}
    for threshold, cooldown in product([1, 2, 3], [1000, 30_000])
]
HEDGES = [None, *({"delay": delay, "percent": percent} for delay, percent in product([0, 0.1, 1], [5, 100]))]
LEAF = made_of(
    provider=["echo"],
    api_key="abcdef",
    retry=[*RETRIES, *[None] * 100],
    timeouts=TOTALS,
    is_open=[None, None, None, True],
)
NODE = made_of(retry=[*RETRIES, *[None] * 200], timeouts=TOTALS)
FALLBACK = made_of(
    mode=["fallback"], hedge=HEDGES, on_status_codes=[None, *CODES], on_error=[None, None, *CLASSES],
    return_on_error=[None, *CLASSES], cb_config=[None, None, *BREAKERS],
)  # fmt: skip
BALANCE = made_of(
    mode=["loadbalance"],
    policy=["weights", "least_latency", "least_busy"],
    sticky=[None, {"hash_fields": ["metadata.user"]}],
    cb_config=[None, None, *BREAKERS],
)
WEIGHTS = st.sampled_from(list(product([1, 3, 0.5, 0], repeat=4)))
USERS = ("ann", "bob", "cem")
THENS = made_of(**dict.fromkeys(USERS, ("0", "1", "2", "3", "nowhere", None)))


def fallback(node: dict[str, Any], strategy: dict[str, Any], targets: list[dict[str, Any]]) -> dict[str, Any]:
    if any("targets" in target for target in targets[:2]):
        strategy = {key: value for key, value in strategy.items() if key != "hedge"}
    return {**node, "strategy": strategy, "targets": targets}


def balance(
    node: dict[str, Any], strategy: dict[str, Any], targets: list[dict[str, Any]], weights: tuple[float, ...]
) -> dict[str, Any]:
    weighted = [{**target, "weight": weight} for target, weight in zip(targets, weights, strict=False)]
    if not sum(weights[: len(targets)]):
        weighted[0]["weight"] = 1
    return {**node, "strategy": strategy, "targets": weighted}


def choose(
    node: dict[str, Any], targets: list[dict[str, Any]], thens: dict[str, str], default: str | None
) -> dict[str, Any]:
    known = {str(index) for index in range(len(targets))} | {"nowhere"}
    conditions = [
        {"query": {"metadata.user": user}, "then": then if then in known else "0"} for user, then in thens.items()
    ]
    conditions = conditions or [{"query": {}, "then": "0"}]
    strategy = {"mode": "conditional", "conditions": conditions, "default": default}
    named = [{**target, "name": str(index)} for index, target in enumerate(targets)]
    return {**node, "strategy": strategy, "targets": named}


def nodes(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    targets = st.lists(inner, min_size=1, max_size=4)
    fallbacks = st.builds(fallback, NODE, FALLBACK, st.lists(inner, min_size=2, max_size=4))
    balances = st.builds(balance, NODE, BALANCE, targets, WEIGHTS)
    chooses = st.builds(choose, NODE, targets, THENS, st.sampled_from(["0", "0", "0", None]))
    return st.one_of(fallbacks, fallbacks, fallbacks, balances, chooses)


PLANS = nodes(st.recursive(LEAF, nodes, max_leaves=9)).map(compiled)

# What comes of attempts. All failures are ones that the pipeline makes.

UNHEARD = (
    Kind.NAME_NOT_RESOLVED, Kind.CONNECTION_REFUSED, Kind.CONNECT_TIMEOUT, Kind.TLS_FAILED, Kind.POOL_EXHAUSTED,
    Kind.SHUTTING_DOWN,
)  # fmt: skip
HEARD = (
    Kind.CONNECTION_CLOSED, Kind.FIRST_BYTE_TIMEOUT, Kind.FIRST_TOKEN_TIMEOUT, Kind.TOTAL_TIMEOUT, Kind.INVALID_RESPONSE,
)  # fmt: skip
FAILED = [
    *map(answered, [400, 401, 408, 429, 500, 502, 503, 529]),
    *(
        answered(status, wish)
        for status, wish in product([429, 503], [0.0, 0.3, 5.0, 10.0, 12.0, 25.0, 59.0, 60.0, 1e6])
    ),
    *(answered(400, error=error) for error in (ErrorClass.CONTEXT_LENGTH, ErrorClass.CONTENT_FILTER)),
    *(broken(kind, sent=False) for kind in (*UNHEARD, Kind.MISSING_API_KEY)),
    *(broken(kind) for kind in HEARD),
]
COMMITTED = [
    Outcome(200, committed=True),
    Outcome(502, broken(Kind.TRUNCATED).failure, committed=True, error=ErrorClass.CONNECTION),
]
OUTCOMES = [*FAILED, OK, OK, Outcome(200, stored=True), *COMMITTED]
TOOK = [0.0, 0.01, 0.2, 2.0, 7.0]
STEPS = st.sampled_from(list(product(OUTCOMES, TOOK)))
SCRIPTS = st.lists(STEPS, min_size=1, max_size=12)
PATIENCE = st.sampled_from([math.inf, math.inf, 300.0, 30.0, 3.0])


def scripted(script: list[tuple[Outcome, float]]) -> Script:
    rest: Iterator[tuple[Outcome, float]] = cycle(script)
    return lambda _: next(rest)


class Story(NamedTuple):
    """A plan that several users follow one after the other."""

    plan: Plan
    script: list[tuple[Outcome, float]]
    seed: int
    patience: float
    users: list[str]

    def player(self) -> Player:
        return Player(scripted(self.script), seed=self.seed)

    def played(self) -> list[Played]:
        player = self.player()
        return [
            player.play(self.plan, patience=self.patience, view=Asked(metadata={"user": user})) for user in self.users
        ]


STORIES = st.builds(
    Story, PLANS, SCRIPTS, st.integers(0, 9), PATIENCE, st.lists(st.sampled_from(USERS), min_size=1, max_size=5)
)
LAX = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def nodes_of(plan: Plan) -> list[Plan]:
    inner = () if isinstance(plan, Target) else plan.targets
    return [plan, *(node for each in inner for node in nodes_of(each))]


# The laws of a single walk.


def attempts_are_bounded_by_the_plan_and_counted(played: Played) -> None:
    assert len(played.calls) <= most_attempts(played.plan)
    assert played.result.upstream_calls == len(played.calls)
    assert played.calls or played.result.failure is not None


def every_attempt_is_at_a_leaf_and_no_walk_goes_back(played: Played) -> None:
    order = {leaf.path: index for index, leaf in enumerate(leaves(played.plan))}
    begun = sorted(played.calls, key=lambda call: call.number)
    assert all(call.attempt.target in leaves(played.plan) for call in begun)
    visited = [order[call.path] for call in begun]
    assert visited == sorted(visited)
    retries: dict[str, list[int]] = defaultdict(list)
    for call in begun:
        retries[call.path].append(call.attempt.retry)
    assert all(numbers == list(range(len(numbers))) for numbers in retries.values())


def nothing_follows_a_committed_outcome_nor_a_good_one_that_no_rule_names(played: Played) -> None:
    fallbacks = [node for node in nodes_of(played.plan) if isinstance(node, Fallback)]
    names_success = any(200 in (node.on_status_codes or ()) for node in fallbacks)
    for call in played.calls[:-1]:
        assert call.outcome is None or not call.outcome.committed
        assert names_success or call.outcome is None or not call.outcome.ok


def the_account_tells_every_outcome_and_ends_with_the_one_that_counts(played: Played) -> None:
    made = [step for step in played.result.steps if isinstance(step, AttemptStep)]
    heard = [call for call in played.calls if call.outcome is not None]
    assert [(step.path, step.result) for step in made] == [(call.path, told(call.outcome)) for call in heard]
    assert all(step.milliseconds >= 0 for step in made)
    assert not made or played.calls[-1] is heard[-1]
    text = line(played.result.steps)
    assert text.isascii()
    assert text.isprintable()


def told(outcome: Outcome | None) -> str:
    assert outcome is not None
    if outcome.stored:
        return "cached"
    failure = outcome.failure
    return str(outcome.status) if failure is None or failure.kind is Kind.UPSTREAM_STATUS else failure.kind.value


def every_wait_is_a_backoff_or_the_providers_wish(played: Played) -> None:
    wishes: dict[str, float] = defaultdict(float)
    for after, _, seconds in played.waits:
        call = played.calls[after]
        policy, outcome = call.attempt.target.retry, call.outcome
        assert policy is not None
        assert outcome is not None
        backoff = min(2**call.attempt.retry, 16)
        wish = outcome.retry_after if outcome.status in {429, 503} else None
        if wish is not None and policy.use_retry_after:
            assert seconds == wish
            wishes[call.path] += wish
        elif wish is not None and policy.use_retry_after is None and wish <= 10:
            assert max(wish, 0.8 * backoff) <= seconds <= max(wish, 1.2 * backoff)
        else:
            assert 0.8 * backoff <= seconds <= 1.2 * backoff
    assert all(wished <= 60 for wished in wishes.values())


def no_attempt_and_no_wait_begins_when_time_is_up(played: Played) -> None:
    for call in played.calls:
        assert call.at < min(call.attempt.until, call.attempt.over)
    for after, at, seconds in played.waits:
        attempt = played.calls[after].attempt
        assert at + seconds < min(attempt.until, attempt.over)


def a_total_bounds_all_that_its_target_or_node_does(played: Played) -> None:
    for node in nodes_of(played.plan):
        total = node.timeouts.total if isinstance(node, Target) else node.total
        inside = [call for call in played.calls if call.path == node.path or call.path.startswith(f"{node.path}.")]
        if total is None or not inside:
            continue
        began = min(call.at for call in inside)
        assert all(call.attempt.over <= began + total + 1e-9 for call in inside)


def the_retry_count_is_the_references(played: Played) -> None:
    """docs/portkey.md#retry-count: the retries made, -1 when the last outcome is still one to retry."""
    if played.result.failure is not None:
        return
    last = played.calls[-1]
    made, target, outcome = last.attempt.retry, last.attempt.target, last.outcome
    expected = {0} if target.retry is None or last.rival else {-1} if is_retried(last) else {made}
    if is_retried(last) and outcome is not None and outcome.is_silence and not last.rival:
        expected = {-1, made}
    assert played.result.retry_count in expected


def is_retried(call: Called) -> bool:
    """Whether the policy of a target asks for a retry after what came of this attempt (docs/portkey.md#retried-statuses)."""
    policy, outcome = call.attempt.target.retry, call.outcome
    if policy is None or not policy.attempts or outcome is None or outcome.failure is None or outcome.committed:
        return False
    if outcome.error in {ErrorClass.CONTEXT_LENGTH, ErrorClass.CONTENT_FILTER}:
        return False
    if outcome.failure.kind in UNHEARD:
        return True
    if outcome.failure.kind in {Kind.TOTAL_TIMEOUT, Kind.MISSING_API_KEY}:
        return False
    closed = outcome.failure.kind is Kind.CONNECTION_CLOSED and 500 in policy.on_status_codes
    return closed or outcome.status in policy.on_status_codes or outcome.error in policy.on_error


LAWS: tuple[Callable[[Played], None], ...] = (
    attempts_are_bounded_by_the_plan_and_counted,
    every_attempt_is_at_a_leaf_and_no_walk_goes_back,
    nothing_follows_a_committed_outcome_nor_a_good_one_that_no_rule_names,
    the_account_tells_every_outcome_and_ends_with_the_one_that_counts,
    every_wait_is_a_backoff_or_the_providers_wish,
    no_attempt_and_no_wait_begins_when_time_is_up,
    a_total_bounds_all_that_its_target_or_node_does,
    the_retry_count_is_the_references,
)


@settings(LAX, max_examples=500)
@given(STORIES)
def test_every_walk_obeys_the_laws(story: Story) -> None:
    for played in story.played():
        for law in LAWS:
            law(played)


# Walks as a whole.


@settings(LAX, max_examples=100)
@given(STORIES)
def test_equal_inputs_give_equal_walks(story: Story) -> None:
    assert story.played() == story.played()


@settings(LAX, max_examples=100)
@given(STORIES)
def test_the_deadline_reaches_every_attempt(story: Story) -> None:
    player = story.player()
    for user in story.users:
        until = player.now + story.patience
        played = player.play(story.plan, patience=story.patience, view=Asked(metadata={"user": user}))
        assert {call.attempt.until for call in played.calls} <= {until}


@settings(LAX, max_examples=150)
@given(STORIES, st.integers(0, 6))
def test_a_walk_closed_at_any_point_leaves_nothing_behind(story: Story, at: int) -> None:
    player = story.player()
    for user in story.users:
        player.play(story.plan, stop_after=at, patience=story.patience, view=Asked(metadata={"user": user}))
        for leaf in leaves(story.plan):
            assert player.health.busy(leaf.identity) == 0
            # Once every cooldown has passed, only a place for a probe that was never given back could be in the way.
            assert leaf.breaker is None or player.health.admits(leaf.identity, leaf.breaker, player.now + 1e6)


# Fallbacks, against a judge of their own.

UNANSWERED = {
    Kind.NAME_NOT_RESOLVED, Kind.CONNECTION_REFUSED, Kind.CONNECT_TIMEOUT, Kind.TLS_FAILED, Kind.POOL_EXHAUSTED,
    Kind.SHUTTING_DOWN, Kind.CONNECTION_CLOSED, Kind.TRUNCATED,
}  # fmt: skip


def leads_on(strategy: dict[str, Any], outcome: Outcome) -> bool:
    """docs/portkey.md#fallback, and the rules for classes of errors, read off the config as it is written."""
    kind = outcome.failure.kind if outcome.failure else None
    error = outcome.error.value if outcome.error else ""
    if outcome.committed or kind is Kind.SHUTTING_DOWN or error in strategy.get("return_on_error", []):
        return False
    codes, classes = strategy.get("on_status_codes"), strategy.get("on_error")
    if codes is None and classes is None:
        return kind is not None or not 200 <= outcome.status < 300
    statuses = {outcome.status, 500} if kind in UNANSWERED else {outcome.status}
    return bool(statuses & set(codes or ())) or error in (classes or ())


PLAIN_FALLBACK = made_of(mode=["fallback"], on_status_codes=CODES, on_error=CLASSES, return_on_error=CLASSES)


@settings(max_examples=300, deadline=None)
@given(PLAIN_FALLBACK, st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5))
def test_a_flat_fallback_follows_its_rules(strategy: dict[str, Any], outcomes: list[Outcome]) -> None:
    plan = compiled({"strategy": strategy, "targets": [{"provider": "echo"}] * len(outcomes)})
    expected = []
    for outcome in outcomes:
        expected.append(outcome)
        if not leads_on(strategy, outcome):
            break
    played = Player(scripted([(outcome, 0.1) for outcome in outcomes])).play(plan)
    assert [call.outcome for call in played.calls] == expected
    assert played.paths == [f"targets[{index}]" for index in range(len(expected))]


# Circuit breakers.


@settings(LAX, max_examples=150)
@given(
    st.sampled_from(["fallback", "loadbalance"]),
    st.sampled_from(BREAKERS),
    st.lists(LEAF, min_size=1, max_size=4),
    SCRIPTS,
    st.lists(st.sampled_from([0.0, 0.5, 5.0, 40.0]), min_size=1, max_size=8),
)
def test_an_open_target_is_left_alone_while_another_is_admitted(
    mode: str,
    breaker: dict[str, Any],
    targets: list[dict[str, Any]],
    script: list[tuple[Outcome, float]],
    gaps: list[float],
) -> None:
    plan = compiled({"strategy": {"mode": mode, "cb_config": breaker}, "targets": targets})
    player = Player(scripted(script))
    for gap in gaps:
        player.now += gap
        admitted = {
            leaf.path
            for leaf in leaves(plan)
            if not leaf.is_open and leaf.breaker is not None
            and player.health.admits(leaf.identity, leaf.breaker, player.now)
        }  # fmt: skip
        played = player.play(plan)
        called = {call.path for call in played.calls}
        assert called <= (admitted or {leaf.path for leaf in leaves(plan)})
        first = next(leaf.path for leaf in leaves(plan) if leaf.path in admitted or not admitted)
        assert mode == "loadbalance" or played.calls[0].path == first


# Hedging.


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([0, 1, 5, 50, 100]),
    st.integers(1, 200),
    SCRIPTS,
)
def test_hedges_stay_within_their_share(percent: int, requests: int, script: list[tuple[Outcome, float]]) -> None:
    hedge = {"delay": 1, "percent": percent}
    targets = [{"provider": "echo", "api_key": key} for key in "ab"]
    plan = compiled({"strategy": {"mode": "fallback", "hedge": hedge}, "targets": targets})
    player = Player(scripted(script))
    doubled = sum(player.play(plan).races for _ in range(requests))
    assert doubled <= 10 + requests * percent / 100
    assert percent or not doubled


def test_a_hedged_outage_of_the_first_is_answered_by_the_second_while_the_budget_lasts() -> None:
    hedge = {"delay": 1, "percent": 5}
    targets = [{"provider": "echo", "api_key": key} for key in "ab"]
    plan = compiled({"strategy": {"mode": "fallback", "hedge": hedge}, "targets": targets})
    player = Player(lambda attempt: (OK, 30.0 if attempt.target.path.endswith("[0]") else 0.5))
    played = [player.play(plan) for _ in range(300)]
    doubled = [index for index, each in enumerate(played) if each.races]
    assert doubled[:10] == list(range(10))
    assert len(doubled) in {24, 25}
    assert {played[index].paths[-1] for index in doubled} == {"targets[1]"}
