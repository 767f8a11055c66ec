"""Targets of configs under rules with two virtual keys."""

from __future__ import annotations

import json
from typing import Any, Final

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.routing.parse import parse
from penstock.routing.plan import Target, leaves
from penstock.routing.rules import HeaderSettings, Rules

PROD: Final = VirtualKey(
    "prod", "openai", Secret("sk-prod"), models=("gpt-*",), default_params={"user": b'"x"', "seed": b"1"},
    options={"openai_project": "p"},
)  # fmt: skip
HOSTED: Final = VirtualKey("hosted", "groq", Secret("sk-hosted"), base_url="http://10.0.0.7:9/v1")
KEYS: Final = {"prod": PROD, "hosted": HOSTED}
RULES: Final = Rules(
    ("openai", "groq", "azure-openai", "echo"),
    AddressPolicy(LOOPBACK_NAMES),
    KEYS,
    settings=frozenset({"openai_project"}),
    undemanding=frozenset({"echo"}),
)
AUTH: Final = Secret("sk-authorization")


def parsed(config: Any, rules: Rules = RULES, **said: Any) -> list[Target] | Failure:
    plan = parse(json.dumps(config).encode(), HeaderSettings(**said), rules)
    return plan if isinstance(plan, Failure) else list(leaves(plan))


def target(config: Any, rules: Rules = RULES, **said: Any) -> Target:
    found = parsed(config, rules, **said)
    assert not isinstance(found, Failure), found
    assert len(found) == 1
    return found[0]


def refused(config: Any, rules: Rules = RULES, **said: Any) -> Failure:
    found = parsed(config, rules, **said)
    assert isinstance(found, Failure), found
    return found


def targets(*each: dict[str, Any], **outer: Any) -> dict[str, Any]:
    return {**outer, "strategy": {"mode": "fallback"}, "targets": list(each)}
