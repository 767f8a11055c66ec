"""Config JSON and routing headers -> Plan. Inheritance is applied once, here; errors carry the JSON path.

The config has Portkey's keys (docs/portkey.md#configs, #strategies) and Penstock's additions. The settings of the
headers are ``HeaderSettings``; docs/portkey.md#precedence says when a header wins over the config. This module reads
the nodes of the tree, leaf.py the leaves, policies.py the policies.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE
from penstock.routing import policies
from penstock.routing.budget import MOST_BYTES, MOST_CONDITIONS, Budget, OverBudget, check_size
from penstock.routing.conditions import BadQuery, compile_query
from penstock.routing.fields import Fields, settled
from penstock.routing.leaf import GUARD_KEYS, LeafBuilder, own_settings
from penstock.routing.named_provider import names_provider
from penstock.routing.plan import Balance, BalancePolicy, Case, Choose, Fallback, Plan, Target
from penstock.routing.plan_size import weigh
from penstock.routing.problems import PLAIN_INVALID, Enough, Problems, Refused, refuse
from penstock.routing.rules import HeaderSettings, Rules

__all__ = ["HeaderSettings", "Rules", "parse"]

_DEEPEST: Final = 32
_TOO_DEEP: Final = "The config is nested too deeply."
MODES: Final = (None, "single", "loadbalance", "fallback", "conditional")
_BAD_MODE: Final = "Invalid 'mode' value. Must be one of: single, loadbalance, fallback, conditional"
CASE_KEYS: Final = frozenset({"query", "then"})
STRATEGY_KEYS: Final = frozenset(
    "mode on_status_codes on_error return_on_error conditions default cb_config sticky hedge policy".split()
)
_PASSED_DOWN: Final = frozenset(
    """
    cache retry request_timeout custom_host forward_headers override_params default_params drop_params
    strict_open_ai_compliance cb_config timeouts stream_rescue unsupported_params
    """.split()
).union(*GUARD_KEYS)
_GUARDS: Final = GUARD_KEYS[0] | GUARD_KEYS[1]
_OF_THE_PROVIDER: Final = frozenset({"provider", "api_key", "virtual_key"})


def parse(config: bytes | None, headers: HeaderSettings, rules: Rules) -> Plan | Failure:
    """The plan for a request, or the failure to answer with, which tells all problems of the config (``Problems``):
    400, or 403 for what the caller may not use."""
    try:
        values = {} if config is None else _decode(config)
    except Refused as refused:
        return refused.failure
    except OverBudget as over:
        return _too_large(over).failure
    except RecursionError:
        return Failure(Kind.INVALID_CONFIG, _TOO_DEEP, "config", PLAIN_INVALID)
    builder = LeafBuilder(headers, rules)
    plan = _plan_of(values, builder)
    if isinstance(plan, Failure):
        return plan
    lends_to = builder.lends_to()
    # The credential of the headers is meant for one provider: build again, with that address or none.
    return plan if lends_to is None else _plan_of(values, LeafBuilder(headers, rules, lends_to=lends_to))


def _plan_of(values: dict[str, Any], builder: LeafBuilder) -> Plan | Failure:
    """The plan for a config, or all problems of it."""
    fields = Fields(values, "config", settings=own_settings(values))
    problems = fields.budget.problems
    try:
        with problems.collected():
            plan = _node(fields, builder)
            failure = problems.failure()
            return _weighed(plan) if failure is None else failure
    except OverBudget as over:
        _add_last(problems, _too_large(over))
    except RecursionError:
        _add_last(problems, Refused(Failure(Kind.INVALID_CONFIG, _TOO_DEEP, "config", PLAIN_INVALID)))
    except Enough:
        pass
    failure = problems.failure()
    if failure is None:
        raise AssertionError("a config without a plan has a problem")
    return failure


def _weighed(plan: Plan) -> Plan:
    """The plan. Raises OverBudget if it is too large."""
    if weigh(plan) > MOST_BYTES:
        raise OverBudget(f"its targets take more than {MOST_BYTES >> 20} MB, with what they inherit")
    return plan


def _add_last(problems: Problems, refused: Refused) -> None:
    with contextlib.suppress(Enough):
        problems.add(refused)


def _too_large(over: OverBudget) -> Refused:
    return refuse("config", f"{over}: make it smaller")


def _decode(config: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(config)
    except UNREADABLE as error:
        plain = "Invalid config passed. You need to pass a valid json"
        raise refuse("config", f"it is not valid JSON ({error})", plain=plain) from None
    if not isinstance(value, dict):
        raise refuse("config", "it must be a JSON object")
    check_size(value)
    result: dict[str, Any] = settled(value)
    return result


def _node(fields: Fields, builder: LeafBuilder, depth: int = 0, *, tracked: bool = False, guarded: bool = True) -> Plan:
    if "options" in fields.values:
        plain = "This version of config is not supported in this route. Please migrate to the latest version"
        raise refuse(fields.at("options"), "this form of config is retired; use strategy and targets", plain=plain)
    if depth > _DEEPEST:
        raise refuse(fields.path, f"targets are nested deeper than {_DEEPEST} levels")
    strategy = _strategy(fields)
    mode = _mode(strategy)
    inner = _targets(fields)
    if inner is None:
        if mode not in (None, "single"):
            builder.check_keys(fields)
            fields.missing("targets", f"Required: the targets of mode '{mode}'")
        fields.budget.target()
        return builder.target(fields, tracked=tracked, guarded=guarded)
    builder.check_keys(fields)
    policy = _policy(strategy)
    collected: list[Plan] = []
    for each in inner:
        with fields.budget.problems.collected():
            tracks = tracked or policy is not BalancePolicy.WEIGHTS
            collected.append(_node(each, builder, depth + 1, tracked=tracks, guarded=mode != "conditional"))
    plans = tuple(collected)
    match mode:
        case "fallback":
            return _fallback(fields, strategy, plans)
        case "loadbalance":
            return _balance(fields, strategy, plans, inner, policy)
        case "conditional":
            return _choose(fields, strategy, plans, inner)
        case _:
            # Without a plan there is a problem, and the result is not used.
            return plans[0] if plans else Fallback(fields.path, plans)


def _strategy(fields: Fields) -> Fields:
    if isinstance(fields.values.get("strategy"), str):
        return Fields({"mode": fields.values["strategy"]}, fields.at("strategy"), fields.budget)
    strategy = fields.object("strategy") or Fields({}, fields.at("strategy"), fields.budget)
    strategy.check_keys(STRATEGY_KEYS)
    return strategy


def _mode(strategy: Fields) -> str | None:
    mode = strategy.text("mode")
    if mode not in MODES:
        strategy.complain("mode", _BAD_MODE)
        return None
    if mode is None and strategy.values:
        strategy.missing("mode", _BAD_MODE)
    return mode


def _targets(fields: Fields) -> list[Fields] | None:
    """The targets, each with the keys that it inherits; None if the object has no ``targets`` and is a leaf."""
    targets = fields.array("targets")
    if targets is None:
        return None
    fields.budget.nodes(len(targets))
    for index, item in enumerate(targets):
        if not isinstance(item, dict):
            fields.complain("targets", "it must be an object", index=index)
    if not targets:
        fields.complain("targets", "it holds no target")
    strategy = fields.values.get("strategy")
    breaker = strategy.get("cb_config") if isinstance(strategy, dict) else None
    outer = {**fields.values, "cb_config": breaker} if breaker is not None else fields.values
    passed = {key: value for key, value in outer.items() if key in _PASSED_DOWN}
    if isinstance(passed.get("timeouts"), dict):
        passed["timeouts"] = {name: value for name, value in passed["timeouts"].items() if name != "total"}
    with_provider = {**passed, **{key: value for key, value in outer.items() if key in _OF_THE_PROVIDER}}
    path = fields.at("targets")
    return [
        _child(fields, passed, {}, item, f"{path}[{index}]")
        if names_provider(item)
        else _child(fields, with_provider, fields.settings, item, f"{path}[{index}]")
        for index, item in enumerate(targets)
        if isinstance(item, dict)
    ]


def _child(
    parent: Fields, passed: dict[str, Any], settings: Mapping[str, Any], inner: dict[str, Any], path: str
) -> Fields:
    """An inner config with the keys and the settings that its parent passes down to it (docs/portkey.md#inheritance).

    Inner values win, parameters are merged; guards of one phase replace all inherited ones of the phase, however they
    are spelt (docs/guardrails.md#inheritance). A provider's settings are inherited only by targets that name no
    provider.
    """
    inner = {key: value for key, value in inner.items() if value is not None or key not in _GUARDS}
    for keys in GUARD_KEYS:
        if not keys.isdisjoint(inner):
            passed = {key: value for key, value in passed.items() if key not in keys}
    merged = {**passed, **inner}
    own_ones = own_settings(inner)
    if own_ones:
        settings = {**settings, **own_ones}
    number = len(merged) + (len(settings) if own_ones else 0)
    for key in ("override_params", "default_params", "timeouts"):
        above, own = passed.get(key), inner.get(key)
        # Targets without parameters of their own share those above: they are read once (LeafBuilder).
        if isinstance(above, dict) and isinstance(own, dict):
            merged[key] = {**above, **own}
            number += len(merged[key])
    if isinstance(passed.get("drop_params"), list) and isinstance(inner.get("drop_params"), list):
        merged["drop_params"] = [*passed["drop_params"], *inner["drop_params"]]
        number += len(merged["drop_params"])
    parent.budget.inherited(number)
    return Fields(merged, path, parent.budget, inner, settings, parent)


def _fallback(fields: Fields, strategy: Fields, plans: tuple[Plan, ...]) -> Fallback:
    hedge = policies.hedge(strategy)
    if hedge is not None and not all(isinstance(plan, Target) for plan in plans[:2]):
        strategy.complain("hedge", "the first two targets must not have a strategy of their own")
    return Fallback(
        fields.path,
        plans,
        strategy.status_codes("on_status_codes"),
        strategy.error_classes("on_error"),
        strategy.error_classes("return_on_error") or frozenset(),
        hedge if len(plans) > 1 else None,
        policies.timeouts(fields).total,
        _is_guarded(plans),
    )


def _policy(strategy: Fields) -> BalancePolicy:
    name = strategy.text("policy")
    known = [policy.value for policy in BalancePolicy]
    if name is None:
        return BalancePolicy.WEIGHTS
    if name not in known:
        strategy.complain("policy", f"it must be one of {', '.join(known)}")
        return BalancePolicy.WEIGHTS
    return BalancePolicy(name)


def _balance(
    fields: Fields, strategy: Fields, plans: tuple[Plan, ...], inner: list[Fields], policy: BalancePolicy
) -> Balance:
    weights = tuple(1.0 if (weight := each.number("weight", least=0)) is None else weight for each in inner)
    if plans and not sum(weights):
        fields.complain("targets", "the weights of all targets are 0: at least one must be more")
    identity = " ".join(_identities(plans))
    return Balance(
        fields.path,
        plans,
        weights,
        policy,
        policies.sticky(strategy),
        policies.timeouts(fields).total,
        _is_guarded(plans),
        identity,
    )


def _identities(plans: tuple[Plan, ...]) -> Iterator[str]:
    """What tells balanced targets from others: the identities of the leaves, of an inner balance a digest of them."""
    for plan in plans:
        match plan:
            case Target():
                yield plan.identity
            case Balance():
                yield hashlib.sha256(plan.identity.encode()).hexdigest()[:24]
            case _:
                yield from _identities(plan.targets)


def _choose(fields: Fields, strategy: Fields, plans: tuple[Plan, ...], inner: list[Fields]) -> Choose:
    conditions = strategy.array("conditions")
    if not conditions:
        plain = "No conditions passed in the query router"
        strategy.missing("conditions", "Required: at least one condition", plain=plain)
        conditions = []
    if len(conditions) > MOST_CONDITIONS:
        strategy.complain("conditions", f"there are more than {MOST_CONDITIONS}")
        conditions = []
    names = {name: index for index, each in reversed(list(enumerate(inner))) if (name := each.text("name"))}
    path, budget = strategy.at("conditions"), fields.budget
    cases: list[Case] = []
    for index, item in enumerate(conditions):
        with budget.problems.collected():
            cases.append(_case(item, f"{path}[{index}]", names, budget))
    default = strategy.text("default")
    return Choose(
        fields.path,
        plans,
        tuple(cases),
        default,
        None if default is None else names.get(default),
        policies.timeouts(fields).total,
    )


def _case(item: Any, path: str, names: dict[str, int], budget: Budget) -> Case:
    if not isinstance(item, dict):
        raise refuse(path, "it must be an object with query and then")
    fields = Fields(item, path, budget)
    fields.check_keys(CASE_KEYS, only=True)
    then = fields.text("then")
    if then is None:
        fields.missing("then", "Required: the name of the target to use")
    try:
        condition = compile_query({} if fields.is_misspelt("query") else item.get("query"), budget.queries)
    except BadQuery as bad:
        where = f"{fields.at('query')}.{bad.path}" if bad.path else fields.at("query")
        raise refuse(where, bad.reason, plain=bad.plain or PLAIN_INVALID) from None
    return Case(condition, then or "", names.get(then or ""))


def _is_guarded(plans: tuple[Plan, ...]) -> bool:
    return any(_has_breaker(plan) for plan in plans)


def _has_breaker(plan: Plan) -> bool:
    match plan:
        case Target():
            return plan.breaker is not None or plan.is_open
        case Choose():
            return _is_guarded(plan.targets)
        case _:
            return plan.is_guarded
