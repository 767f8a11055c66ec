"""Requests whose plan takes long to compile are told by their headers, and by what these name."""

import json
from typing import Any

import pytest

from calling import call
from penstock.core.model_aliases import ModelAliases
from penstock.core.permissions import EVERYTHING
from penstock.guards.read import GuardPolicy
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.long_plans import LongPlans
from penstock.stores.catalogue import Catalogue, GatewayKey, SavedConfig, SavedGuardrail

LONG_CONFIG = b'{"provider":"echo","override_params":{"user":"%s"}}' % (b"x" * 600)
SHORT_CONFIG = b'{"provider":"echo"}'
GUARDED = b'{"provider":"echo","inputGuardrails":["pg-short"]}'
LONG_GUARD = json.dumps({"checks": [{"id": "default.contains", "parameters": {"words": ["x" * 600]}}]}).encode()
SHORT_GUARD = b'{"checks":[]}'
SAVED = {
    "pc-long": SavedConfig("pc-long", LONG_CONFIG),
    "pc-short": SavedConfig("pc-short", SHORT_CONFIG),
    "pc-guarded": SavedConfig("pc-guarded", GUARDED),
}


def key(**members: Any) -> GatewayKey:
    return GatewayKey("k", b"d" * 32, **members)


def is_long(
    headers: dict[str, str],
    *,
    guard: bytes = SHORT_GUARD,
    default: str = "",
    guards: GuardPolicy = GuardPolicy(),  # noqa: B008 (frozen)
    gateway_key: GatewayKey | None = None,
    path_name: str | None = None,
    configs: dict[str, SavedConfig] = SAVED,
    aliases: ModelAliases | None = None,
) -> bool:
    long_plans = LongPlans(default, guards, EVERYTHING)
    saved = {name: SavedGuardrail(name, guard) for name in ("pg-short", "general")}
    long_plans.note(Catalogue(configs=configs, saved_guardrails=saved, aliases=aliases))
    fields: dict[str, Any] = {name.replace("-", "_"): value for name, value in headers.items()}
    asked = call(None, **fields)
    asked.caller, asked.path_name = Caller(gateway_key), path_name
    return long_plans.concerns(asked)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-portkey-provider": "echo"}, False),
        ({"x-portkey-config": SHORT_CONFIG.decode()}, False),
        ({"x-portkey-config": LONG_CONFIG.decode()}, True),
        ({"x-portkey-config": "pc-short"}, False),
        ({"x-portkey-config": " pc-long "}, True),
        ({"x-portkey-config": "no-such"}, False),
        ({"x-portkey-default-input-guardrails": "[" + 600 * " " + "]"}, True),
        ({"x-portkey-default-output-guardrails": '["pg-short"]'}, False),
    ],
)
def test_headers_bring_what_is_long_or_name_it(headers: dict[str, str], expected: bool) -> None:
    assert is_long(headers) is expected


@pytest.mark.parametrize(
    "headers",
    [
        {"x-portkey-default-output-guardrails": '["pg-short"]'},
        {"x-portkey-config": GUARDED.decode()},
        {"x-portkey-config": "pc-guarded"},
    ],
)
def test_what_names_guardrails_is_long_where_any_is(headers: dict[str, str]) -> None:
    assert not is_long(headers)
    assert is_long(headers, guard=LONG_GUARD)
    assert not is_long({"x-portkey-config": "pc-short"}, guard=LONG_GUARD)


def test_what_holds_for_all_requests_makes_each_long() -> None:
    assert is_long({}, guard=LONG_GUARD, guards=GuardPolicy(default_output=("general",)))
    assert is_long({}, guard=LONG_GUARD, gateway_key=key(input_guardrails=("general",)))
    assert not is_long({}, guard=LONG_GUARD, gateway_key=key())


def test_a_config_is_named_by_the_path_the_key_or_the_operator() -> None:
    assert is_long({}, path_name="pc-long")
    assert is_long({}, path_name="c/pc-long")
    assert not is_long({}, path_name="pc-short")
    assert is_long({}, default="pc-long")
    assert is_long({}, gateway_key=key(config="pc-long"), default="pc-short")
    assert not is_long({}, gateway_key=key(config="pc-short"), default="pc-long")


def test_an_alias_may_stand_for_any_config() -> None:
    aliases = ModelAliases(())
    assert is_long({}, aliases=aliases)
    assert is_long({}, gateway_key=key(aliases=aliases))
    assert not is_long({"x-portkey-provider": "echo"}, aliases=aliases, configs={})
