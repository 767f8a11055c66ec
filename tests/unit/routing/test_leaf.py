"""One target: its provider, its credential, its host, its parameters, and whose word counts for each (docs/portkey.md#credentials, #precedence)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.secret import Secret
from penstock.routing.parse import parse
from penstock.routing.plan import leaves
from penstock.routing.rules import HeaderSettings, Rules
from targets import AUTH, HOSTED, RULES, parsed, refused, target, targets


def keys(config: Any, **said: Any) -> list[tuple[str, str | None]]:
    """The provider and the key of every target."""
    found = parsed(config, **said)
    assert not isinstance(found, Failure), found
    return [(each.provider, each.api_key.reveal() if each.api_key else None) for each in found]


# Whose credential.


@pytest.mark.parametrize("own", [None, "own"])
@pytest.mark.parametrize("authorization", [None, "authorization"])
@pytest.mark.parametrize("portkey", [None, "portkey"])
@pytest.mark.parametrize("from_config", [True, False])
def test_a_config_that_names_its_provider_brings_its_key_and_otherwise_authorization_is_first(
    own: str | None, authorization: str | None, portkey: str | None, from_config: bool
) -> None:
    config = {"request_timeout": 1, **({"api_key": own} if own else {})}
    said: dict[str, Any] = {
        name: Secret(text) for name, text in [("authorization", authorization), ("api_key", portkey)] if text
    }
    if from_config:
        found, order = target({"provider": "openai", **config}, provider="groq", **said), (own, authorization, portkey)
    else:
        found, order = target(config, provider="openai", **said), (authorization, own, portkey)
    assert found.provider == "openai"
    assert found.api_key == next((Secret(text) for text in order if text), None)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (targets({"provider": "openai"}, {"provider": "openai"}), [("openai", "a"), ("openai", "a")]),
        (targets({"provider": "openai"}, {"provider": "groq"}), [("openai", None), ("groq", None)]),
        (targets({"provider": "openai", "api_key": "k"}, {"provider": "groq"}), [("openai", "k"), ("groq", "a")]),
        (targets({"provider": "openai", "api_key": ""}, {"provider": "groq"}), [("openai", None), ("groq", None)]),
        (targets({"provider": "openai"}, {"virtual_key": "hosted"}), [("openai", "a"), ("groq", "sk-hosted")]),
        (targets({"virtual_key": "prod"}, {"virtual_key": "hosted"}), [("openai", "sk-prod"), ("groq", "sk-hosted")]),
        (targets({}, {"provider": "groq", "api_key": "g"}, provider="openai"), [("openai", "a"), ("groq", "g")]),
        (
            targets({"provider": "openai"}, targets({"provider": "openai"}, {"provider": "groq"})),
            [("openai", None), ("openai", None), ("groq", None)],
        ),
    ],
)
def test_the_callers_credential_goes_to_one_provider_or_to_none(
    config: dict[str, Any], expected: list[tuple[str, str | None]]
) -> None:
    assert keys(config, authorization=Secret("a")) == expected
    assert keys(config, api_key=Secret("a")) == expected


LEAF = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.sampled_from(["openai", "groq", "echo"]),
        "api_key": st.sampled_from(["", "own"]),
        "virtual_key": st.just("prod"),
        "override_params": st.sampled_from([{"model": "@hosted/m"}, {"model": "m"}]),
    },
)
TREES = st.recursive(
    LEAF, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda each: targets(*each)), max_leaves=6
)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "@prod",
        "openai",
    ],
)
@given(TREES, LEAF)
@example(targets({"provider": "groq"}, {}), {})
def test_no_config_shows_the_callers_credential_to_two_providers(
    header: str | None, tree: dict[str, Any], outer: dict[str, Any]
) -> None:
    found = parsed({**outer, **tree}, provider=header, authorization=AUTH)
    if isinstance(found, Failure):
        assert found.kind is Kind.MISSING_PROVIDER
        assert header is None
    else:
        assert len({each.provider for each in found if each.api_key == AUTH}) <= 1
        assert all(each.api_key != AUTH for each in found if each.virtual_key)


def test_the_callers_credential_is_not_shown_to_two_hosts() -> None:
    config = targets(*({"provider": "openai", "custom_host": f"http://localhost:{port}/v1"} for port in (1, 2)))
    assert AUTH.reveal() not in [key for _, key in keys(config, authorization=AUTH)]


# Providers.


# Virtual keys.


def test_a_host_that_the_admin_api_named_is_judged_and_not_trusted() -> None:
    """Its name may lead to a private address later, which is judged when a connection is made."""
    named = msgspec.structs.replace(HOSTED, base_url="https://llm.example/v1", judges_host=True)
    host = target({"virtual_key": "hosted"}, msgspec.structs.replace(RULES, virtual_keys={"hosted": named})).custom_host
    assert host is not None
    assert (host.origin.trusted, host.origin.private_hosts) == (False, LOOPBACK_NAMES)
    of_file = target({"virtual_key": "hosted"}).custom_host
    assert of_file is not None
    assert of_file.origin.trusted

    private = msgspec.structs.replace(HOSTED, judges_host=True)
    failure = refused({"virtual_key": "hosted"}, msgspec.structs.replace(RULES, virtual_keys={"hosted": private}))
    assert failure.kind is Kind.INVALID_CUSTOM_HOST
    assert "the virtual key 'hosted'" in failure.message
    trusting = msgspec.structs.replace(
        RULES, virtual_keys={"hosted": private}, saved_policy=AddressPolicy(("10.0.0.7",))
    )
    assert target({"virtual_key": "hosted"}, trusting).custom_host is not None


def test_a_virtual_key_keeps_its_address_and_settings_whatever_its_caller_says() -> None:
    config = {"virtual_key": "hosted", "custom_host": "http://localhost:1", "api_key": "k", "openai_project": "mine"}
    found = target(config, custom_host="http://localhost:2", options={"openai_project": "mine"})
    assert found.custom_host is not None
    assert found.custom_host.origin.authority == "10.0.0.7:9"
    assert (found.api_key, found.options) == (Secret("sk-hosted"), {})
    assert target({"virtual_key": "prod"}, custom_host="http://localhost:2").custom_host is None


def test_parameters_of_a_config_win_over_those_of_the_virtual_key() -> None:
    assert target({"virtual_key": "prod", "default_params": {"seed": 2}}).default_params == {
        "user": b'"x"',
        "seed": b"2",
    }


# Saved configs: the caller leads none of their credentials elsewhere.


def test_a_saved_config_goes_where_it_says() -> None:
    config = {"provider": "openai", "api_key": "sk-saved", "custom_host": "http://localhost:1"}
    found = target(config, custom_host="http://localhost:2", is_saved=True)
    assert found.custom_host is not None
    assert found.custom_host.origin.authority == "localhost:1"
    assert (
        target(
            {"provider": "openai", "api_key": "sk-saved"}, custom_host="http://localhost:2", is_saved=True
        ).custom_host
        is None
    )


def test_a_saved_key_without_a_provider_goes_to_nobody_of_the_callers_choice() -> None:
    assert target({"api_key": "sk-saved"}, provider="groq", is_saved=True).api_key is None
    assert target({"api_key": "sk-saved"}, provider="groq", authorization=AUTH, is_saved=True).api_key == AUTH


# Hosts, limits, headers.


@pytest.mark.parametrize(
    ("config", "header", "param"),
    [
        ({"provider": "openai", "custom_host": "http://10.0.0.1"}, None, "config.custom_host"),
        ({"provider": "openai", "customHost": "http://10.0.0.1"}, None, "config.custom_host"),
        (targets({"custom_host": "http://10.0.0.1"}, provider="openai"), None, "config.targets[0].custom_host"),
        ({"provider": "openai", "custom_host": "ftp://localhost"}, None, "config.custom_host"),
        ({"provider": "openai"}, "http://10.0.0.1", "x-portkey-custom-host"),
        ({"provider": "openai", "custom_host": "http://localhost"}, "http://user@localhost", "x-portkey-custom-host"),
    ],
)
def test_a_host_that_is_refused(config: Any, header: str | None, param: str) -> None:
    failure = refused(config, custom_host=header)
    assert (failure.kind, failure.status, failure.param) == (Kind.INVALID_CUSTOM_HOST, 400, param)
    assert failure.plain == "Invalid custom host"


@pytest.mark.parametrize(
    ("own", "header", "expected"),
    [(None, None, None), (50, None, 50.0), (0, None, None), (50, 7.0, 7.0), (None, -1.0, -1.0)],
)
def test_the_headers_timeout_wins(own: float | None, header: float | None, expected: float | None) -> None:
    assert target({"provider": "openai", "request_timeout": own}, request_timeout=header).request_timeout == expected


@pytest.mark.parametrize(
    ("own", "header", "expected"),
    [
        (None, None, ()),
        ([" X-A ", "x-b"], None, ("x-a", "x-b")),
        (["x-a"], ("x-c",), ("x-c",)),
        (["x-a"], (), ()),
    ],
)
def test_the_headers_list_replaces_the_configs(
    own: list[str] | None, header: tuple[str, ...] | None, expected: tuple[str, ...]
) -> None:
    assert target({"provider": "openai", "forward_headers": own}, forward_headers=header).forward_headers == expected


@pytest.mark.parametrize("key", ["forward_headers", "forwardHeaders"])
def test_a_list_of_headers_that_names_itself(key: str) -> None:
    failure = refused({"provider": "openai", key: ["x-a", "X-Portkey-Forward-Headers"]})
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "config.forward_headers")
    assert failure.plain == "forward_headers must not contain the 'x-portkey-forward-headers' header"


@pytest.mark.parametrize(
    ("own", "header", "expected"),
    [(None, True, True), (True, True, True), (False, True, False), (True, False, False), (None, False, False)],
)
def test_strictness_ends_where_either_ends_it(own: bool | None, header: bool, expected: bool) -> None:
    assert target({"provider": "openai", "strict_open_ai_compliance": own}, strict=header).strict is expected


# Settings of the provider's own, and parameters.


def test_options_are_the_scalars_under_names_of_no_other_meaning() -> None:
    config = {
        "provider": "azure-openai", "resource_name": "r", "apiVersion": "2024-10-21", "number": 5, "ratio": 0.5,
        "flag": True, "list": ["x"], "object": {"x": 1}, "nothing": None, "weight": 3, "name": "n", "metadata": {"a": "b"},
    }  # fmt: skip
    assert target(config, options={"x": "1"}).options == {
        "resource_name": "r",
        "api_version": "2024-10-21",
        "number": "5",
        "ratio": "0.5",
    }


def test_options_of_headers_go_to_the_headers_provider_only() -> None:
    said: dict[str, Any] = {"provider": "openai", "options": {"openai_project": "header", "x": "1"}}
    assert target({"openai_project": "config"}, **said).options == {"openai_project": "config", "x": "1"}
    assert target({"provider": "openai", "openai_project": "config"}, **said).options == {"openai_project": "config"}


def test_parameters_keep_their_values() -> None:
    values = {"a": 12345678901234567890123, "maxTokens": [1.5, None], "s": "é", "o": {"isOpen": {}}}
    found = target({"provider": "echo", "override_params": values, "default_params": values})
    assert {name: json.loads(raw) for name, raw in found.override_params.items()} == values
    assert found.default_params == found.override_params


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"drop_params": ["a", "a..b"]}, "config.drop_params[1]"),
        ({"drop_params": [1]}, "config.drop_params[0]"),
        ({"drop_params": "a"}, "config.drop_params"),
        ({"override_params": []}, "config.override_params"),
        ({"default_params": "x"}, "config.default_params"),
        ({"is_open": "yes"}, "config.is_open"),
        ({"virtual_key": 5}, "config.virtual_key"),
        ({"openai_projct": "x"}, "config.openai_projct"),
        ({"api_keys": "x"}, "config.api_keys"),
    ],
)
def test_what_of_a_target_is_refused(config: dict[str, Any], param: str) -> None:
    failure = refused({"provider": "openai", **config})
    assert (failure.kind, failure.param, failure.plain) == (Kind.INVALID_CONFIG, param, "Invalid config passed")


NOT_YET = """
input_guardrails output_guardrails before_request_hooks after_request_hooks input_mutators output_mutators
default_input_guardrails default_output_guardrails prompt_id
""".split()
"""Keys that are refused; those of guards only by who can't run guards."""


@pytest.mark.parametrize("key", NOT_YET)
def test_what_does_not_work_yet_is_not_ignored(key: str) -> None:
    for config, param in [
        ({"provider": "openai", key: []}, f"config.{key}"),
        (targets({"provider": "openai", key: "x"}), f"config.targets[0].{key}"),
        (targets({"provider": "openai"}, **{key: [1]}), f"config.{key}"),
    ]:
        failure = refused(config)
        assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, param)
    assert target({"provider": "openai", key: None}).provider == "openai"


# Which targets are one and the same.


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({}, {"weight": 3, "name": "x", "retry": {"attempts": 3}, "request_timeout": 5}, True),
        ({"api_key": "a"}, {"api_key": "a"}, True),
        ({"api_key": "a"}, {"api_key": "b"}, False),
        ({"provider": "groq"}, {}, False),
        ({"custom_host": "http://localhost:1"}, {"custom_host": "http://localhost:2"}, False),
        ({"custom_host": "http://localhost:1/a"}, {"custom_host": "http://localhost:1/a"}, True),
        ({"openai_project": "a"}, {"openai_project": "b"}, False),
        ({"override_params": {"model": "a"}}, {"override_params": {"model": "b"}}, False),
        ({"override_params": {"n": 1}}, {"override_params": {"n": 2}}, True),
    ],
)
def test_whose_health_is_one(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    found = parsed(targets({"provider": "openai", **one}, {"provider": "openai", **other}))
    assert not isinstance(found, Failure)
    assert (found[0].identity == found[1].identity) is same
    assert "sk-" not in found[0].identity


def test_the_retry_budget_is_that_of_the_address() -> None:
    config = targets(
        {"provider": "openai", "api_key": "a"},
        {"provider": "openai", "api_key": "b", "custom_host": "http://localhost:1/x"},
        {"provider": "openai", "api_key": "c", "custom_host": "http://localhost:1/y"},
        {"provider": "groq"},
    )
    found = parsed(config)
    assert not isinstance(found, Failure)
    addresses = [each.address for each in found]
    assert addresses[1] == addresses[2]
    assert len(set(addresses)) == 3


@pytest.mark.parametrize(
    ("providers", "lent"),
    [
        (("openai", "echo"), {"openai"}),
        (("ollama", "openai"), {"openai"}),
        (("ollama",), {"ollama"}),
        (("ollama", "echo"), set()),
        (("openai", "groq", "echo"), set()),
    ],
)
def test_who_can_do_without_a_credential_keeps_nobody_from_it(providers: tuple[str, ...], lent: set[str]) -> None:
    rules = Rules({"openai", "groq", "echo", "ollama"}, AddressPolicy(), undemanding=frozenset({"echo", "ollama"}))
    config = json.dumps(targets(*({"provider": provider} for provider in providers))).encode()
    plan = parse(config, HeaderSettings(authorization=AUTH), rules)
    assert not isinstance(plan, Failure)
    assert {leaf.provider for leaf in leaves(plan) if leaf.api_key == AUTH} == lent


def test_who_brings_a_key_borrows_none() -> None:
    given = HeaderSettings(provider="openai", api_key=Secret("lent"))
    config = json.dumps(targets({"api_key": "own"}, {"provider": "groq"})).encode()
    plan = parse(config, given, Rules({"openai", "groq"}, AddressPolicy()))
    assert not isinstance(plan, Failure)
    assert [leaf.api_key for leaf in leaves(plan)] == [Secret("own"), Secret("lent")]


def test_a_breaker_of_another_policy_has_a_circuit_of_its_own() -> None:
    breakers = [
        {"failure_threshold": 1},
        {"failure_threshold": 2},
        {"failure_threshold": 1, "failure_status_codes": [404]},
    ]
    configs = [{"provider": "openai", "api_key": "a", "cb_config": breaker} for breaker in breakers]
    found = parsed(targets(*configs, configs[0]))
    assert not isinstance(found, Failure)
    identities = [each.identity for each in found]
    assert identities[0] == identities[3]
    assert len(set(identities)) == 3


def test_a_caller_s_time_limit_is_no_judgment_for_others() -> None:
    config = targets({"provider": "openai", "api_key": "a"})
    patient, hasty = parsed(config), parsed(config, request_timeout=1.0)
    assert not isinstance(patient, Failure)
    assert not isinstance(hasty, Failure)
    assert patient[0].identity != hasty[0].identity
