"""What a plan depends on: it is compiled anew when that changes, and kept when anything else does."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from penstock.pipeline.choice import MODEL, PATH, Choice
from penstock.pipeline.compiled_plan import compiled_plan
from penstock.pipeline.target_route import Grants
from penstock.stores.catalogue import Catalogue, CatalogueChange, GatewayKey
from playing import compiled

ECHO = {"provider": "echo", "api_key": "pk-of-somebody"}


def names(*values: str) -> frozenset[str]:
    return frozenset(values)


@pytest.mark.parametrize(
    ("change", "rests"),
    [
        (CatalogueChange(configs=names("main")), True),
        (CatalogueChange(configs=names("cfg_1")), True),
        (CatalogueChange(virtual_keys=names("prod")), True),
        (CatalogueChange(configs=names("other"), virtual_keys=names("main"), guardrails=names("prod")), False),
        (CatalogueChange(keys=names("main")), False),
    ],
)
def test_a_plan_rests_on_the_names_that_led_to_it(change: CatalogueChange, rests: bool) -> None:
    plan = compiled_plan(compiled(ECHO), Grants(), "main", "cfg_1").made_for(Choice("@prod", where=PATH), frozenset())
    assert plan.rests_on(change) is rests


def test_a_name_in_the_model_is_judged_each_time() -> None:
    plan = compiled_plan(compiled(ECHO), Grants()).made_for(Choice("@prod", where=MODEL), frozenset())
    assert not plan.rests_on(CatalogueChange(virtual_keys=names("prod")))


def test_a_plan_that_holds_a_gateway_key_rests_on_the_keys() -> None:
    def knows(key: str) -> Catalogue:
        return Catalogue(keys=(GatewayKey("app", hashlib.sha256(key.encode()).digest()),))

    plan = compiled_plan(compiled(ECHO), Grants())
    assert (plan.rests_on_keys(knows("pk-of-somebody")), plan.rests_on_keys(knows("another"))) == (True, False)
    assert plan.made_for(Choice(), frozenset({b"x-api-key"})).rests_on_keys(knows("another"))


@pytest.mark.parametrize(
    ("second", "is_cached", "forwarded"),
    [
        ({}, False, frozenset()),
        ({"cache": {"mode": "simple", "max_age": 60}}, True, frozenset()),
        ({"forward_headers": ["x-team"]}, False, frozenset({b"x-team"})),
    ],
)
def test_one_target_is_enough(second: dict[str, Any], is_cached: bool, forwarded: frozenset[bytes]) -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [ECHO, {**ECHO, **second}]}
    plan = compiled_plan(compiled(config), Grants())
    assert (plan.is_cached, plan.forwarded) == (is_cached, forwarded)
