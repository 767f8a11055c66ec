"""Config and headers -> Plan: what wins over what, both spellings, and errors that name the path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass
from penstock.core.secret import Secret
from penstock.routing.breaker import BreakerPolicy
from penstock.routing.parse import HeaderSettings, Rules, parse
from penstock.routing.plan import (
    Balance,
    BalancePolicy,
    Choose,
    Fallback,
    HedgePolicy,
    Plan,
    RescuePolicy,
    RetryPolicy,
    StickyPolicy,
    Target,
    Timeouts,
    leaves,
    most_attempts,
)
from penstock.routing.policies import RETRIED_STATUSES

RULES = Rules(("openai", "groq", "azure-openai", "echo"), AddressPolicy(LOOPBACK_NAMES))


def plan(config: Any = None, **given: Any) -> Target:
    result = parse(None if config is None else json.dumps(config).encode(), HeaderSettings(**given), RULES)
    assert isinstance(result, Target), result
    return result


def refused(config: Any, **given: Any) -> Failure:
    raw = config if isinstance(config, bytes) else json.dumps(config).encode()
    result = parse(raw, HeaderSettings(**given), RULES)
    assert isinstance(result, Failure), result
    return result


def test_headers_alone_make_a_target() -> None:
    target = plan(
        provider="openai",
        authorization=Secret("sk-a"),
        custom_host="http://localhost:9/v1/",
        request_timeout=300.0,
        forward_headers=("x-a",),
        strict=False,
        options={"openai_project": "p"},
    )
    assert target.path == "config"
    assert target.provider == "openai"
    assert target.api_key == Secret("sk-a")
    assert target.custom_host is not None
    assert target.custom_host.path == "/v1"
    assert (target.request_timeout, target.forward_headers, target.strict) == (300.0, ("x-a",), False)
    assert target.options == {"openai_project": "p"}


@pytest.mark.parametrize(
    "config",
    [
        {
            "provider": "groq", "api_key": "k", "custom_host": "http://localhost/x", "request_timeout": 50,
            "override_params": {"maxTokens": 1}, "forward_headers": ["X-B"], "strict_open_ai_compliance": False,
        },
        {
            "provider": "groq", "apiKey": "k", "customHost": "http://localhost/x", "requestTimeout": 50,
            "overrideParams": {"maxTokens": 1}, "forwardHeaders": ["X-B"], "strictOpenAiCompliance": False,
        },
    ],
)  # fmt: skip
def test_both_spellings_are_one_key_and_parameters_keep_their_names(config: dict[str, Any]) -> None:
    target = plan(config)
    assert (target.provider, target.api_key, target.request_timeout) == ("groq", Secret("k"), 50)
    assert target.custom_host is not None
    assert target.override_params == {"maxTokens": b"1"}
    assert (target.forward_headers, target.strict) == (("x-b",), False)


def test_the_camel_case_spelling_of_custom_host_is_judged_too() -> None:
    failure = refused({"provider": "openai", "targets": [{"customHost": "http://169.254.169.254/"}]})
    assert failure.kind is Kind.INVALID_CUSTOM_HOST
    assert failure.param == "config.targets[0].custom_host"
    assert failure.plain == "Invalid custom host"


def test_a_single_target_inherits_and_its_own_settings_win() -> None:
    target = plan(
        {
            "strategy": {"mode": "single"},
            "request_timeout": 100,
            "override_params": {"a": 1, "b": 1},
            "targets": [{"provider": "openai", "api_key": "k", "override_params": {"b": 2}, "resource_name": "r"}],
        }
    )
    assert target.path == "config.targets[0]"
    assert target.request_timeout == 100
    assert target.override_params == {"a": b"1", "b": b"2"}
    assert target.options == {"resource_name": "r"}


def test_targets_without_a_mode_are_a_single_target() -> None:
    assert plan({"targets": [{"provider": "openai"}]}).path == "config.targets[0]"


def test_nested_single_targets_grow_the_path() -> None:
    nested = {"strategy": {"mode": "single"}, "targets": [{"targets": [{"provider": "echo"}]}]}
    assert plan(nested).path == "config.targets[0].targets[0]"


def test_headers_that_win_over_the_config() -> None:
    target = plan(
        {"provider": "openai", "custom_host": "http://localhost/a", "request_timeout": 5, "forward_headers": ["x"]},
        custom_host="http://localhost/b",
        request_timeout=7.0,
        forward_headers=("y",),
        strict=False,
    )
    assert target.custom_host is not None
    assert (target.custom_host.path, target.request_timeout, target.forward_headers) == ("/b", 7.0, ("y",))
    assert not target.strict


def test_a_config_that_names_its_provider_ignores_the_headers_provider_and_options() -> None:
    target = plan(
        {"provider": "groq", "api_key": "k"}, provider="openai", options={"x": "1"}, authorization=Secret("a")
    )
    assert (target.provider, target.api_key, target.options) == ("groq", Secret("k"), {})


def test_a_config_without_provider_takes_the_headers() -> None:
    given = {"provider": "openai", "options": {"x": "1"}, "authorization": Secret("a"), "api_key": Secret("p")}
    target = plan({"api_key": "k", "request_timeout": 9}, **given)
    assert (target.provider, target.api_key, target.options) == ("openai", Secret("a"), {"x": "1"})


@pytest.mark.parametrize(
    ("config", "headers", "key"),
    [
        ({"provider": "openai", "api_key": "c"}, {"authorization": "a", "api_key": "p"}, "c"),
        ({"provider": "openai"}, {"authorization": "a", "api_key": "p"}, "a"),
        ({"provider": "openai"}, {"api_key": "p"}, "p"),
        ({"request_timeout": 1}, {"provider": "openai", "api_key": "p"}, "p"),
        ({"api_key": "c"}, {"provider": "openai", "api_key": "p"}, "c"),
        ({"provider": "openai"}, {}, None),
    ],
)
def test_which_key_is_used(config: dict[str, Any], headers: dict[str, str], key: str | None) -> None:
    given: dict[str, Any] = {name: value if name == "provider" else Secret(value) for name, value in headers.items()}
    assert plan(config, **given).api_key == (None if key is None else Secret(key))


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"provider": 3}, "config.provider"),
        ({"provider": "openai", "api_key": 3}, "config.api_key"),
        ({"provider": "openai", "request_timeout": "5"}, "config.request_timeout"),
        ({"provider": "openai", "request_timeout": True}, "config.request_timeout"),
        ({"provider": "openai", "override_params": []}, "config.override_params"),
        ({"provider": "openai", "forward_headers": "x"}, "config.forward_headers"),
        ({"provider": "openai", "strict_open_ai_compliance": "false"}, "config.strict_open_ai_compliance"),
        ({"provider": "openai", "overide_params": {}}, "config.overide_params"),
        ({"strategy": {"mode": "x"}, "targets": [{"provider": "openai"}]}, "config.strategy.mode"),
        ({"strategy": {"mode": "fallback"}, "provider": "openai"}, "config.targets"),
        ({"targets": []}, "config.targets"),
        ({"targets": {}}, "config.targets"),
        ({"targets": [1]}, "config.targets[0]"),
        ({"options": {}}, "config.options"),
        ({"provider": "openai", "retry": {}}, "config.retry.attempts"),
        ({"provider": "openai", "inputGuardrails": []}, "config.input_guardrails"),
        ([1], "config"),
        (b"pc-saved-1", "config"),
        (b"{", "config"),
        (b"\xff\xfe", "config"),
        (b'{"a":' + b"[" * 100_000, "config"),
    ],
)
def test_a_bad_config_says_where(config: Any, param: str) -> None:
    failure = refused(config)
    assert (failure.kind, failure.param, failure.status) == (Kind.INVALID_CONFIG, param, 400)
    assert failure.plain


def test_schema_failures_carry_the_references_wording() -> None:
    failure = refused({"targets": [{"provider": "openai", "request_timeout": "5"}]})
    assert failure.plain == "Invalid config passed"
    assert failure.details == ("path: targets,0,request_timeout, message: Expected number, received string",)


def test_an_unknown_provider_gets_a_suggestion() -> None:
    failure = refused({"provider": "opnai", "api_key": "k"})
    assert failure.kind is Kind.UNKNOWN_PROVIDER
    assert "openai" in failure.message
    assert failure.details == (
        f"path: provider, message: Invalid 'provider' value. Must be one of: {', '.join(RULES.providers)}",
    )
    missing = parse(None, HeaderSettings(provider="nothing-like-it"), RULES)
    assert isinstance(missing, Failure)
    assert (missing.param, missing.plain, missing.details) == ("x-portkey-provider", "Invalid provider passed", ())


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ({"provider": "y"}, "provider"),
        ({"virtual_key": "y"}, "virtual_key"),
        ({"override_params": {"model": "@y/m"}}, "override_params,model"),
    ],
)
def test_whoever_a_config_names_in_vain_is_listed_with_all_other_problems(target: Any, path: str) -> None:
    other = {"provider": "openai", "custom_host": "http://10.0.0.1"}
    failure = refused({"strategy": {"mode": "x"}, "targets": [other, target]})
    assert failure.details[1] == "path: targets,0,custom_host, message: Invalid custom host"
    assert [each.partition(", message: ")[0] for each in failure.details] == [
        "path: strategy,mode", "path: targets,0,custom_host", f"path: targets,1,{path}",
    ]  # fmt: skip


@pytest.mark.parametrize("config", [{}, {"request_timeout": 5}])
def test_nobody_names_a_provider(config: Any) -> None:
    assert refused(config).kind is Kind.MISSING_PROVIDER


def tree(config: Any, **given: Any) -> Plan:
    result = parse(json.dumps(config).encode(), HeaderSettings(**given), RULES)
    assert not isinstance(result, Failure), result
    return result


def strategy(mode: str, *targets: Any, **rules: Any) -> dict[str, Any]:
    return {"strategy": {"mode": mode, **rules}, "targets": list(targets)}


OPENAI, GROQ = {"provider": "openai"}, {"provider": "groq"}

# Strategies.


def test_a_fallback() -> None:
    found = tree(
        strategy(
            "fallback", OPENAI, GROQ, on_status_codes=[429, "503"], on_error=["timeout"],
            return_on_error=["content_filter"], hedge={"delay": 2},
        )
        | {"timeouts": {"total": 9}}
    )  # fmt: skip
    assert isinstance(found, Fallback)
    assert [target.path for target in found.targets] == ["config.targets[0]", "config.targets[1]"]
    assert (found.on_status_codes, found.on_error) == (frozenset({429, 503}), frozenset({ErrorClass.TIMEOUT}))
    assert (found.return_on_error, found.hedge) == (frozenset({ErrorClass.CONTENT_FILTER}), HedgePolicy(2.0, 5.0))
    assert (found.path, found.total, found.is_guarded) == ("config", 9.0, False)


def test_a_fallback_without_rules() -> None:
    for written in (
        {"strategy": {"mode": "fallback"}, "targets": [OPENAI]},
        {"strategy": "fallback", "targets": [OPENAI]},
    ):
        found = tree(written)
        assert isinstance(found, Fallback)
        assert (found.on_status_codes, found.on_error, found.return_on_error) == (None, None, frozenset())
        assert (found.hedge, found.total) == (None, None)


def test_a_fallback_of_one_target_has_nothing_to_hedge_with() -> None:
    found = tree(strategy("fallback", OPENAI, hedge={"delay": 1}))
    assert isinstance(found, Fallback)
    assert found.hedge is None


def test_a_balancer() -> None:
    found = tree(
        strategy(
            "loadbalance", {**OPENAI, "weight": 0.95}, {**GROQ, "weight": 0}, OPENAI,
            policy="least_busy", sticky={"enabled": True, "hash_fields": ["metadata.user"], "ttl": 60},
        )
        | {"timeouts": {"total": 9}}
    )  # fmt: skip
    assert isinstance(found, Balance)
    assert (found.weights, found.policy) == ((0.95, 0.0, 1.0), BalancePolicy.LEAST_BUSY)
    assert (found.sticky, found.total) == (StickyPolicy(("metadata.user",), 60.0), 9.0)


@pytest.mark.parametrize(("policy", "tracked"), [("weights", False), ("least_latency", True), ("least_busy", True)])
def test_only_targets_that_somebody_watches_are_tracked(policy: str, tracked: bool) -> None:
    found = tree(strategy("loadbalance", strategy("fallback", OPENAI), GROQ, policy=policy))
    assert [leaf.is_tracked for leaf in leaves(found)] == [tracked, tracked]


def test_a_choice() -> None:
    conditions = [{"query": {"metadata.a": 1}, "then": "two"}, {"query": {}, "then": "nowhere"}]
    found = tree(
        strategy(
            "conditional", {**OPENAI, "name": "one"}, {**GROQ, "name": "two"}, conditions=conditions, default="one"
        )
        | {"timeouts": {"total": 9}}
    )
    assert isinstance(found, Choose)
    assert [(case.then, case.target) for case in found.cases] == [("two", 1), ("nowhere", None)]
    assert (found.default, found.default_target, found.total) == ("one", 0, 9.0)


@pytest.mark.parametrize("mode", ["single", None])
def test_single_is_the_first_target(mode: str | None) -> None:
    found = tree({**({"strategy": {"mode": mode}} if mode else {}), "targets": [OPENAI, GROQ]})
    assert isinstance(found, Target)
    assert (found.path, found.provider) == ("config.targets[0]", "openai")


def test_strategies_nest_and_the_bound_of_attempts_with_them() -> None:
    retried = {**OPENAI, "retry": {"attempts": 2}}
    found = tree(
        strategy(
            "fallback",
            strategy("loadbalance", OPENAI, retried),
            strategy("conditional", {**strategy("fallback", retried, retried), "name": "a"}, GROQ, conditions=[{"query": {}, "then": "a"}]),
            GROQ,
        )
    )  # fmt: skip
    assert [leaf.path.removeprefix("config.") for leaf in leaves(found)] == [
        "targets[0].targets[0]",
        "targets[0].targets[1]",
        "targets[1].targets[0].targets[0]",
        "targets[1].targets[0].targets[1]",
        "targets[1].targets[1]",
        "targets[2]",
    ]
    assert most_attempts(found) == 3 + 6 + 1


# Breakers: inherited from a strategy, never for the targets of a conditional (docs/portkey.md#circuit-breaker).

BREAKER = {"failure_threshold": 3}
CONDITION = [{"query": {}, "then": "a"}]


@pytest.mark.parametrize(
    ("config", "guarded"),
    [
        (strategy("fallback", OPENAI, GROQ, cb_config=BREAKER), [True, True]),
        (strategy("fallback", OPENAI, strategy("loadbalance", GROQ), cb_config=BREAKER), [True, True]),
        ({**strategy("fallback", OPENAI), "cb_config": BREAKER}, [True]),
        (strategy("fallback", {**OPENAI, "cb_config": BREAKER}, GROQ), [True, False]),
        (strategy("fallback", strategy("fallback", OPENAI, cb_config=BREAKER), GROQ), [True, False]),
        (strategy("conditional", {**OPENAI, "name": "a"}, conditions=CONDITION, cb_config=BREAKER), [False]),
        (
            strategy("conditional", strategy("fallback", OPENAI), OPENAI, conditions=CONDITION, cb_config=BREAKER),
            [True, False],
        ),
    ],
)
def test_where_a_breaker_applies(config: dict[str, Any], guarded: list[bool]) -> None:
    found = tree(config)
    assert [leaf.breaker == BreakerPolicy(failure_threshold=3, cooldown=30.0) for leaf in leaves(found)] == guarded
    assert [leaf.is_tracked for leaf in leaves(found)] == guarded
    assert isinstance(found, Choose | Target) or found.is_guarded is any(guarded)


# Inheritance (docs/portkey.md#inheritance): each setting by itself, and who wins.

Read = Callable[[Target], Any]


@pytest.mark.parametrize(
    ("key", "outer", "inner", "read", "inherited", "own"),
    [
        ("cache", {"mode": "simple", "max_age": 60}, {"mode": "simple"}, lambda leaf: leaf.cache.max_age, 60.0, 604_800.0),
        (
            "retry", {"attempts": 3, "on_status_codes": [429]}, {"attempts": 1}, lambda leaf: leaf.retry,
            RetryPolicy(3, frozenset({429})), RetryPolicy(1, RETRIED_STATUSES),
        ),
        ("request_timeout", 100, 5, lambda leaf: leaf.request_timeout, 100.0, 5.0),
        ("custom_host", "http://localhost:1", "http://localhost:2", lambda leaf: leaf.custom_host.origin.port, 1, 2),
        ("forward_headers", ["a", "b"], ["c"], lambda leaf: leaf.forward_headers, ("a", "b"), ("c",)),
        ("override_params", {"a": 1, "b": {"x": 1}}, {"b": {"y": 2}}, lambda leaf: leaf.override_params, {"a": b"1", "b": b'{"x":1}'}, {"a": b"1", "b": b'{"y":2}'}),
        ("default_params", {"a": 1, "b": 1}, {"b": 2, "c": 3}, lambda leaf: leaf.default_params, {"a": b"1", "b": b"1"}, {"a": b"1", "b": b"2", "c": b"3"}),
        ("drop_params", ["a"], ["b.c"], lambda leaf: leaf.drop_params, (("a",),), (("a",), ("b", "c"))),
        ("strict_open_ai_compliance", False, True, lambda leaf: leaf.strict, False, True),
        ("cb_config", {"failure_threshold": 1, "window": 5}, {"failure_threshold": 2}, lambda leaf: (leaf.breaker.failure_threshold, leaf.breaker.window), (1, 0.005), (2, 60.0)),
        ("timeouts", {"connect": 1, "idle": 2, "total": 3}, {"idle": 4}, lambda leaf: leaf.timeouts, Timeouts(connect=1.0, idle=2.0), Timeouts(connect=1.0, idle=4.0)),
        ("stream_rescue", {"mode": "buffer", "tokens": 5}, {"mode": "buffer"}, lambda leaf: leaf.rescue, RescuePolicy(5), RescuePolicy(None)),
    ],
)  # fmt: skip
def test_what_passes_down(key: str, outer: Any, inner: Any, read: Read, inherited: Any, own: Any) -> None:
    config = {
        **strategy("fallback", OPENAI, {**OPENAI, key: inner}, strategy("loadbalance", OPENAI, {**OPENAI, key: inner})),
        key: outer,
    }
    assert [read(leaf) for leaf in leaves(tree(config))] == [inherited, own, inherited, own]


def test_the_nearest_ancestor_counts() -> None:
    config = {
        **strategy("fallback", {**strategy("fallback", OPENAI), "request_timeout": 2}, OPENAI),
        "request_timeout": 1,
        "override_params": {"a": 1},
    }
    assert [leaf.request_timeout for leaf in leaves(tree(config))] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("key", "outer", "read", "expected"),
    [
        ("name", "a", lambda leaf: leaf.options, {}),
        ("weight", 9, lambda leaf: leaf.options, {}),
        ("is_open", True, lambda leaf: leaf.is_open, False),
        ("metadata", {"a": 1}, lambda leaf: leaf.options, {}),
        ("id", "x", lambda leaf: leaf.options, {}),
        ("on_status_codes", [500], lambda leaf: leaf.retry, None),
        ("passthrough", True, lambda leaf: leaf.options, {}),
        ("deployments", [{"deployment_id": "d"}], lambda leaf: leaf.options, {}),
        ("fetch_integrated_models", True, lambda leaf: leaf.options, {}),
        ("timeouts", {"total": 5}, lambda leaf: leaf.timeouts.total, None),
    ],
)
def test_what_does_not_pass_down(key: str, outer: Any, read: Read, expected: Any) -> None:
    (leaf,) = leaves(tree({**strategy("fallback", OPENAI), key: outer}))
    assert read(leaf) == expected


def test_weights_and_names_stay_where_they_are() -> None:
    inner = strategy("loadbalance", OPENAI, {**OPENAI, "weight": 3})
    found = tree(strategy("loadbalance", {**inner, "weight": 5}, OPENAI))
    assert isinstance(found, Balance)
    assert found.weights == (5.0, 1.0)
    assert isinstance(found.targets[0], Balance)
    assert found.targets[0].weights == (1.0, 3.0)


@pytest.mark.parametrize(
    ("inner", "provider", "key", "options"),
    [
        ({}, "openai", "outer", {"openai_project": "p"}),
        ({"api_key": "own"}, "openai", "own", {"openai_project": "p"}),
        ({"openai_project": "q"}, "openai", "outer", {"openai_project": "q"}),
        ({"provider": "groq"}, "groq", None, {}),
        ({"provider": "openai"}, "openai", None, {}),
        ({"provider": "groq", "api_key": "own"}, "groq", "own", {}),
    ],
)
def test_what_belongs_to_a_provider_goes_to_targets_that_name_none(
    inner: dict[str, Any], provider: str, key: str | None, options: dict[str, str]
) -> None:
    outer = {"provider": "openai", "api_key": "outer", "openai_project": "p"}
    for config in (
        {**strategy("fallback", inner), **outer},
        {**strategy("single", strategy("fallback", inner)), **outer},
    ):
        (leaf,) = leaves(tree(config))
        assert (leaf.provider, leaf.api_key, leaf.options) == (provider, Secret(key) if key else None, options)


def test_lists_and_objects_of_another_type_are_refused_where_they_stand() -> None:
    inner = {**OPENAI, "override_params": [1], "drop_params": {}}
    config = {**strategy("fallback", inner), "override_params": {"a": 1}, "drop_params": ["a"]}
    assert refused(config).param == "config.targets[0].override_params"


# Spellings.

EVERYTHING = {
    "strategy": {
        "mode": "fallback", "on_status_codes": [429], "on_error": ["timeout"], "return_on_error": ["content_filter"],
        "cb_config": {
            "failure_threshold": 3, "failure_threshold_percentage": 20, "minimum_requests": 5,
            "cooldown_interval": 60_000, "failure_status_codes": [503],
        },
        "hedge": {"delay": 1, "percent": 50},
    },
    "request_timeout": 5, "custom_host": "http://localhost:1/v1", "forward_headers": ["x-a"], "drop_params": ["a"],
    "override_params": {"max_tokens": 1, "topP": {"a_b": 1, "cD": 2}}, "default_params": {"max_tokens": 2, "topK": 1},
    "strict_open_ai_compliance": False, "stream_rescue": {"mode": "buffer", "max_wait": 3},
    "retry": {"attempts": 2, "on_status_codes": [500], "on_error": ["rate_limit"], "use_retry_after_header": True},
    "cache": {"mode": "simple", "max_age": 60}, "timeouts": {"first_token": 3, "connect": 1},
    "targets": [
        {"provider": "openai", "api_key": "k", "openai_project": "p", "is_open": True},
        {"provider": "groq", "virtual_key": None},
        {
            "strategy": {"mode": "loadbalance", "sticky": {"enabled": True, "hash_fields": ["metadata.user_id"], "ttl": 5}},
            "targets": [{"provider": "echo", "weight": 3}, {"provider": "echo", "request_timeout": 7}],
        },
        {
            "strategy": {
                "mode": "conditional", "default": "a_b",
                "conditions": [{"query": {"metadata.user_id": {"$in": ["x_y"]}, "params.max_tokens": 5}, "then": "a_b"}],
            },
            "targets": [{"provider": "echo", "name": "a_b"}],
        },
    ],
}  # fmt: skip
VERBATIM = {"override_params", "default_params", "conditions"}


def camel(value: Any) -> Any:
    """The same config with every key in camelCase, but what is sent or matched as it is."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda found: found[1].upper(), key): item if key in VERBATIM else camel(item)
        for key, item in value.items()
    }


def untied(plan: Plan) -> str:
    """Everything of a plan; conditions are functions, which only equal themselves."""
    return re.sub(r"<[\w.]*Condition object at 0x\w+>", "a condition", repr(plan))


def test_every_key_at_every_level_has_both_spellings() -> None:
    snake, camels = tree(EVERYTHING), tree(camel(EVERYTHING))
    assert untied(snake) == untied(camels)
    first, *_ = leaves(snake)
    assert (first.api_key, first.options, first.is_open) == (Secret("k"), {"openai_project": "p"}, True)
    assert first.override_params == {"max_tokens": b"1", "topP": b'{"a_b":1,"cD":2}'}
    assert first.retry == RetryPolicy(2, frozenset({500}), frozenset({ErrorClass.RATE_LIMIT}), use_retry_after=True)


@pytest.mark.parametrize("spell", [dict, camel])
def test_a_rule_looks_at_either_spelling(spell: Callable[[Any], Any]) -> None:
    config = {"targets": [{"provider": "openai", "retry": {"attempts": 1, "on_status_codes": 5}}]}
    assert refused(spell(config)).param == "config.targets[0].retry.on_status_codes"


# Bounds.


def nested(levels: int, leaf: Any = OPENAI) -> dict[str, Any]:
    config = leaf
    for _ in range(levels):
        config = {"targets": [config]}
    return dict(config)


def test_targets_may_be_nested_to_a_bound() -> None:
    assert len(leaves(tree(nested(32)))) == 1
    failure = refused(nested(33))
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "config" + ".targets[0]" * 33)
    assert "deeper than 32 levels" in failure.message


@pytest.mark.parametrize("levels", [200, 5000])
def test_very_deep_nesting_is_refused_as_any_other(levels: int) -> None:
    raw = b'{"targets":[' * levels + b'{"provider":"openai"}' + b"]}" * levels
    failure = refused(raw)
    assert (failure.kind, failure.status) == (Kind.INVALID_CONFIG, 400)


def test_there_may_be_so_many_targets() -> None:
    wide = strategy("fallback", *[strategy("loadbalance", *[OPENAI] * 100)] * 10)
    assert len(leaves(tree(wide))) == 1000
    wide["targets"].append(OPENAI)
    failure = refused(wide)
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "config")
    assert "more than 1000 targets" in failure.message


def test_there_may_be_so_many_conditions() -> None:
    conditions = [{"query": {}, "then": "a"}] * 101
    assert isinstance(tree(strategy("conditional", OPENAI, conditions=conditions[:100])), Choose)
    failure = refused(strategy("conditional", OPENAI, conditions=conditions))
    assert failure.param == "config.strategy.conditions"


# Refusals.

MODES = "Invalid 'mode' value. Must be one of: single, loadbalance, fallback, conditional"


@pytest.mark.parametrize(
    ("config", "param", "reason"),
    [
        (strategy("round_robin", OPENAI), "config.strategy.mode", MODES),
        (strategy("Fallback", OPENAI), "config.strategy.mode", MODES),
        ({"strategy": "random", "targets": [OPENAI]}, "config.strategy.mode", MODES),
        ({"strategy": {"on_status_codes": [429]}, "targets": [OPENAI]}, "config.strategy.mode", MODES),
        ({"strategy": {"mode": 5}, "targets": [OPENAI]}, "config.strategy.mode", "Expected string, received number"),
        ({"strategy": [], "targets": [OPENAI]}, "config.strategy", "Expected object, received array"),
        ({"strategy": {"mode": "fallback"}}, "config.targets", "Required: the targets of mode 'fallback'"),
        ({"strategy": {"mode": "conditional"}, **OPENAI}, "config.targets", "Required: the targets of mode 'conditional'"),
        (strategy("fallback"), "config.targets", "it holds no target"),
        (strategy("single"), "config.targets", "it holds no target"),
        ({"targets": "x"}, "config.targets", "Expected array, received string"),
        (strategy("fallback", OPENAI, [OPENAI]), "config.targets[1]", "it must be an object"),
        (strategy("fallback", OPENAI, None), "config.targets[1]", "it must be an object"),
        (strategy("fallback", OPENAI, on_status_code=[429]), "config.strategy.on_status_code", "did you mean 'on_status_codes'?"),
        (strategy("fallback", OPENAI, on_status_codes=["x"]), "config.strategy.on_status_codes[0]", "Expected number, received string"),
        (strategy("fallback", OPENAI, on_error=["timeot"]), "config.strategy.on_error[0]", "did you mean 'timeout'?"),
        (strategy("fallback", OPENAI, return_on_error="auth"), "config.strategy.return_on_error", "Expected array, received string"),
        (strategy("fallback", strategy("fallback", OPENAI), OPENAI, hedge={"delay": 1}), "config.strategy.hedge", "the first two targets must not have a strategy"),
        (strategy("loadbalance", {**OPENAI, "weight": "1"}), "config.targets[0].weight", "Expected number, received string"),
        (strategy("loadbalance", OPENAI, {**OPENAI, "weight": -1}), "config.targets[1].weight", "it must be at least 0"),
        (strategy("loadbalance", {**OPENAI, "weight": 0}), "config.targets", "the weights of all targets are 0"),
        (strategy("loadbalance", OPENAI, policy="fastest"), "config.strategy.policy", "weights, least_latency, least_busy"),
        (strategy("loadbalance", OPENAI, sticky={"ttl": 5}), "config.strategy.sticky.hash_fields", "at least one field"),
        (strategy("conditional", OPENAI, conditions={}), "config.strategy.conditions", "Expected array, received object"),
        (strategy("conditional", OPENAI, conditions=[5]), "config.strategy.conditions[0]", "it must be an object"),
        (strategy("conditional", OPENAI, conditions=[{"query": {}}]), "config.strategy.conditions[0].then", "Required"),
        (strategy("conditional", OPENAI, conditions=[{"query": {}, "then": 5}]), "config.strategy.conditions[0].then", "Expected string"),
        (strategy("conditional", OPENAI, conditions=[{"qury": {}, "then": "a"}]), "config.strategy.conditions[0].qury", "did you mean 'query'?"),
        (strategy("conditional", OPENAI, conditions=[{"query": {}, "then": "a", "zzz": 1}]), "config.strategy.conditions[0].zzz", "there are query, then"),
        (strategy("conditional", OPENAI, conditions=[{"query": 5, "then": "a"}]), "config.strategy.conditions[0].query", "it must be an object"),
        (strategy("conditional", {**OPENAI, "name": 5}, conditions=CONDITION), "config.targets[0].name", "Expected string"),
        (strategy("conditional", OPENAI, conditions=CONDITION, default=5), "config.strategy.default", "Expected string"),
        ({**strategy("fallback", OPENAI), "fallback": 1, "retrys": {}}, "config.retrys", "did you mean 'retry'?"),
        ({**strategy("fallback", OPENAI), "override_param": {}}, "config.override_param", "did you mean 'override_params'?"),
        (strategy("fallback", strategy("fallback", {"provider": "openai", "request_timout": 5})), "config.targets[0].targets[0].request_timout", "did you mean 'request_timeout'?"),
    ],
)  # fmt: skip
def test_a_refusal_says_where_and_what_was_meant(config: dict[str, Any], param: str, reason: str) -> None:
    failure = refused(config)
    assert (failure.kind, failure.status, failure.param) == (Kind.INVALID_CONFIG, 400, param)
    assert failure.plain == "Invalid config passed"
    assert f"{param}: " in failure.message
    assert reason in failure.message
    comma = ",".join(re.findall(r"\w+", param)[1:])
    assert [detail.split(", message: ")[0] for detail in failure.details] == [f"path: {comma}"]


@pytest.mark.parametrize(
    ("config", "plain"),
    [
        (
            {"options": {}},
            "This version of config is not supported in this route. Please migrate to the latest version",
        ),
        (strategy("conditional", OPENAI), "No conditions passed in the query router"),
        (strategy("conditional", OPENAI, conditions=[]), "No conditions passed in the query router"),
        (
            strategy("conditional", OPENAI, conditions=[{"query": {"params.a": {"$foo": 1}}, "then": "a"}]),
            "Unsupported operator used in the query router: $foo",
        ),
        (b"pc-saved", "Invalid config passed. You need to pass a valid json"),
        (b"", "Invalid config passed. You need to pass a valid json"),
        (b'{"a":1}x', "Invalid config passed. You need to pass a valid json"),
        ({**OPENAI, "custom_host": "http://10.0.0.1"}, "Invalid custom host"),
        ([], "Invalid config passed"),
        ("x", "Invalid config passed"),
    ],
)
def test_the_references_own_wordings(config: Any, plain: str) -> None:
    assert refused(config).plain == plain


# Whatever comes.

KEYS = """
provider targets strategy mode api_key apiKey customHost custom_host override_params defaultParams drop_params x retry
attempts cache max_age weight name conditions query then default cb_config failure_threshold sticky hash_fields hedge
delay timeouts total connect stream_rescue tokens request_timeout forward_headers on_status_codes on_error isOpen
virtual_key is_open policy percent window strictOpenAiCompliance options metadata.user $and $regex params.n
""".split()
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 600)
    | st.sampled_from([2**63, 2**64, 10**30, 0.5, -0.0, 1e308, 5e-324])
    | st.sampled_from(
        ["openai", "groq", "@prod", "@a/b", "fallback", "loadbalance", "conditional", "single", "simple", "buffer", "timeout", "http://localhost", "", "é"]
    )
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)
TARGETS = st.lists(ANYTHING | st.fixed_dictionaries({"provider": st.just("openai")}), min_size=1, max_size=3)
CONFIGS = ANYTHING | st.fixed_dictionaries(
    {"strategy": st.fixed_dictionaries({"mode": st.sampled_from(["fallback", "loadbalance", "conditional"])}), "targets": TARGETS}
)  # fmt: skip


@settings(max_examples=400)
@given(CONFIGS, st.sampled_from([None, "openai", "@prod"]))
def test_any_json_leads_to_a_plan_or_a_refusal(config: Any, provider: str | None) -> None:
    result = parse(
        json.dumps(config).encode(), HeaderSettings(provider=provider, authorization=Secret("sk-hidden")), RULES
    )
    if isinstance(result, Failure):
        assert 400 <= result.status < 500
        assert result.message.endswith((".", "?"))
        assert not result.message.endswith("?.")
    assert "sk-hidden" not in repr(result)


@pytest.mark.parametrize("key", ["request_timeout", "weight"])
def test_a_number_beyond_all_bounds_is_refused(key: str) -> None:
    config = {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "openai", key: 10**400}]}
    assert refused(config).status == 400


@given(st.binary(max_size=40))
@example(b'{"provider":"\\ud800"}')
@example(b'\xef\xbb\xbf{"provider":"openai"}')
@example(b'{"provider":"openai","provider":"openai"}')
@example(b'{"a":1e400}')
def test_any_bytes_lead_to_a_plan_or_a_refusal(config: bytes) -> None:
    result = parse(config, HeaderSettings(), RULES)
    assert not isinstance(result, Failure) or 400 <= result.status < 500


@pytest.mark.parametrize("mode", ["fallback", "loadbalance", "conditional", "single"])
def test_a_target_that_is_refused_leaves_its_parents_without_it(mode: str) -> None:
    """The parents of a refused target are read to their end, so that all problems are told at once."""
    strategy = {"mode": mode, **({"conditions": [], "default": "a"} if mode == "conditional" else {})}
    config: dict[str, Any] = {"name": "a", "provider": "openai"}
    for _ in range(40):
        config = {"name": "a", "strategy": strategy, "targets": [config]}
    assert "nested deeper than" in refused(config).message
