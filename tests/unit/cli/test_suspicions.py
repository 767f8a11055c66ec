"""What is legal in a config but hardly meant."""

import re
from typing import Any

import pytest

from commands import run
from config_commands import FREE, PRO, TWO, routed, written


def suspected(config: dict[str, Any]) -> list[str]:
    result = run("check", written("c.json", config))
    assert result.exit_code == 0, result.output
    *warnings, _ = result.output.splitlines()
    return [re.sub(r"^c\.json:\d+: warning: ", "", line) for line in warnings]


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        (TWO, []),
        ({"provider": "echo"}, []),
        ({"retry": {"attempts": 1}}, ["config"]),
        ({**TWO, "strategy": {"mode": "fallback", "on_status_codes": []}}, ["strategy.on_status_codes"]),
        ({**TWO, "strategy": {"mode": "fallback", "on_status_codes": [], "on_error": ["timeout"]}}, []),
        ({**TWO, "strategy": {"mode": "single"}}, ["targets[1]"]),
        ({"targets": [{"targets": [{"provider": "echo"}, {"provider": "echo"}]}]}, ["targets[0].targets[1]"]),
        ({"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "echo", "weight": 0}, {"provider": "echo"}]},
         ["targets[0].weight"]),
        (routed((PRO, "a"), default="b"), []),
        (routed((PRO, "x"), default="a"), ["strategy.conditions[0].then", "targets[1]"]),
        (routed((PRO, "a"), (FREE, "b"), default="x"), ["strategy.default"]),
        (routed((PRO, "a"), (PRO, "b"), default="a"), ["strategy.conditions[1]", "targets[1]"]),
        (routed((PRO, "a"), ({}, "b"), (FREE, "a"), default="c", names="abc"), ["strategy.conditions[2]", "targets[2]"]),
        (routed((PRO, "a"), default="b", names="aba"), ["targets[2]"]),
        ({"targets": [{"provider": "openai"}, {"provider": "groq"}], "strategy": {"mode": "fallback"}},
         ["targets[0]", "targets[1]"]),
        ({"targets": [{"provider": "openai"}, {"provider": "openai"}], "strategy": {"mode": "fallback"}}, []),
        ({"provider": "azure-openai", "api_key": "k"}, ["config"]),
    ],
)  # fmt: skip
def test_suspicions(config: dict[str, Any], paths: list[str]) -> None:
    found = [line.split(": ")[0].removeprefix("config.") for line in suspected(config)]
    assert found == paths


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({"provider": "openai", "api_key": "k", "openai_organization": "o"}, []),
        ({"provider": "openai", "api_key": "k", "sparkle": "o"}, ["sparkle"]),
        ({"provider": "openai", "api_key": "k", "sparkle": {"x": 1}, "name": "n", "id": "i"}, ["sparkle"]),
        ({**TWO, "api_key": "k"}, ["api_key"]),
        ({**TWO, "api_key": None}, []),
        ({**TWO, "on_status_codes": [429]}, ["on_status_codes"]),
        ({**TWO, "openai_organization": "o"}, ["openai_organization"]),
        ({"provider": "echo", "retry": {"attempts": 2, "colour": "blue"}}, ["retry.colour"]),
        ({"provider": "echo", "weight": 1}, ["weight"]),
        ({"provider": "echo", "cacheStatus": 1, "cache": {"mode": "simple"}}, ["cache_status"]),
        ({**TWO, "strategy": {"mode": "loadbalance", "on_status_codes": [500]}}, ["strategy.on_status_codes"]),
        ({**routed((PRO, "a"), default="b"), "cb_config": {"failure_threshold": 1}}, ["cb_config"]),
        ({"strategy": {"mode": "loadbalance", "sticky": {"hash_fields": ["metadata.u"], "size": 3}}, "targets": [{"provider": "echo"}]},
         ["strategy.sticky.size"]),
    ],
)  # fmt: skip
def test_settings_without_effect(config: dict[str, Any], paths: list[str]) -> None:
    assert suspected(config) == [f"config.{path}: it has no effect here" for path in paths]


def test_a_large_config_is_not_tried_out_setting_by_setting() -> None:
    target = {"provider": "echo", "weight": 1}
    assert suspected({"strategy": {"mode": "fallback"}, "targets": [target] * 50}) != []
    assert suspected({"strategy": {"mode": "fallback"}, "targets": [target] * 51}) == []
