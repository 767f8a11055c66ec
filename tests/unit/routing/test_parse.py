"""Config and headers -> Plan: what wins over what, both spellings, and errors that name the path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.secret import Secret
from penstock.routing.parse import Given, Rules, parse
from penstock.routing.plan import Target

RULES = Rules(("openai", "groq", "azure-openai", "echo"), AddressPolicy(LOOPBACK_NAMES))


def plan(config: Any = None, **given: Any) -> Target:
    result = parse(None if config is None else json.dumps(config).encode(), Given(**given), RULES)
    assert isinstance(result, Target), result
    return result


def refused(config: Any, **given: Any) -> Failure:
    raw = config if isinstance(config, bytes) else json.dumps(config).encode()
    result = parse(raw, Given(**given), RULES)
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
    missing = parse(None, Given(provider="nothing-like-it"), RULES)
    assert isinstance(missing, Failure)
    assert (missing.param, missing.plain) == ("x-portkey-provider", "Invalid provider passed")


@pytest.mark.parametrize("config", [{}, {"request_timeout": 5}])
def test_nobody_names_a_provider(config: Any) -> None:
    assert refused(config).kind is Kind.MISSING_PROVIDER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["provider", "targets", "strategy", "mode", "api_key", "customHost", "override_params", "x", "retry"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_leads_to_a_plan_or_a_400(config: Any) -> None:
    result = parse(json.dumps(config).encode(), Given(), RULES)
    assert not isinstance(result, Failure) or result.status == 400
