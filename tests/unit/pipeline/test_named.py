"""The provider and the model of a request that was refused, as its record tells them."""

from __future__ import annotations

from typing import Any

import pytest

import calling
from calling import CHAT
from penstock.core.failure import Failure, Kind
from penstock.pipeline.account import Named
from penstock.pipeline.call import Call
from penstock.pipeline.choice import Names
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.named import named
from penstock.routing.plan import Fallback, Target

NAMES = Names({"openai", "echo"}, {"open-ai": "openai"})
REFUSED = Failure(Kind.INVALID_CONFIG, "No.")


def call(**headers: str) -> Call:
    fields: dict[str, Any] = {"x_portkey_provider": "echo", **headers}
    return calling.call(CHAT, **fields)


def test_a_plan_with_one_provider_tells_it() -> None:
    plan = CompiledPlan(
        Fallback("config", (Target("config.targets[0]", "openai"), Target("config.targets[1]", "openai")))
    )
    assert named(call(), plan, NAMES) == Named("openai", "m")


def test_of_several_providers_none_is_the_one() -> None:
    plan = CompiledPlan(
        Fallback("config", (Target("config.targets[0]", "openai"), Target("config.targets[1]", "echo")))
    )
    assert named(call(), plan, NAMES) == Named(None, "m")


@pytest.mark.parametrize(
    ("header", "provider"),
    [("openai", "openai"), ("@echo", "echo"), ("Open-AI", "openai"), ("nobody", None), ("", None)],
)
def test_without_a_plan_the_header_tells_a_provider_that_there_is(header: str, provider: str | None) -> None:
    assert named(call(x_portkey_provider=header), REFUSED, NAMES).provider == provider


def test_without_a_header_the_path_tells_it() -> None:
    asked = call(x_portkey_provider="")
    asked.path_name = "openai"
    assert named(asked, REFUSED, NAMES).provider == "openai"


def test_a_model_of_any_length_is_cut() -> None:
    asked = calling.call({**CHAT, "model": "m" * 1000}, x_portkey_provider="echo")
    assert named(asked, REFUSED, NAMES).model == "m" * 128


def test_an_attempt_with_a_model_tells_more() -> None:
    asked = call()
    attempt = asked.account.attempt(Target("config", "openai"))
    assert named(asked, REFUSED, NAMES) == Named("echo", "m")
    attempt.model = "another"
    assert named(asked, REFUSED, NAMES) == Named()
