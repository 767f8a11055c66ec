"""Targets bound to endpoints: their own limits before the gateway's, options under any of their names."""

from __future__ import annotations

import pytest

import calling
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.pipeline.target_route import TargetBinder, TargetRoute
from penstock.providers.registry import PROVIDERS
from penstock.routing.plan import Target, Timeouts

LIMITS = Limits(connect=1, first_byte=2, idle=3, total=4)


def bound(to: Target, lent: dict[str, Secret] | None = None, operation: Operation = Operation.CHAT) -> TargetRoute:
    route = TargetBinder(PROVIDERS, LIMITS, lent or {}).bind(to, operation)
    assert isinstance(route, TargetRoute), route
    return route


def test_a_targets_limits_come_before_the_gateways() -> None:
    assert bound(calling.target()).limits == LIMITS
    timeouts = Timeouts(connect=7, idle=8)
    assert bound(calling.target(request_timeout=2500.0, timeouts=timeouts)).limits == Limits(7, 2.5, 8, 4)


def test_routes_are_told_apart() -> None:
    same = calling.target()
    assert bound(same).serial != bound(same).serial


@pytest.mark.parametrize("name", ["resource_name", "azure_resource_name"])
def test_an_option_is_known_by_each_of_its_names(name: str) -> None:
    options = {name: "mine", "deployment_id": "d", "api_version": "v1"}
    route = bound(calling.target("azure-openai", options=options))
    assert route.endpoint.default_route.origin.host == "mine.openai.azure.com"


def test_an_empty_option_is_none() -> None:
    route = bound(calling.target("openai", options={"openai_organization": ""}))
    assert b"OpenAI-Organization" not in route.endpoint.default_route.headers


def test_a_lent_key_serves_who_brings_none() -> None:
    lent = {"nvidia": Secret("sk-lent")}
    assert b"sk-lent" in bound(calling.target(api_key=None), lent).endpoint.default_route.headers
    assert b"sk-lent" not in bound(calling.target(), lent).endpoint.default_route.headers


def test_the_configs_changes_go_with_the_route() -> None:
    changes = bound(
        calling.target(default_params={"a": b"1"}, override_params={"b": b"2"}, drop_params=(("c",),))
    ).changes
    assert changes.removed(changes.filled(Body.parse(b'{"b":0,"c":0}'))).encode() == b'{"b":2,"a":1}'


@pytest.mark.parametrize(
    ("to", "operation", "kind"),
    [
        (calling.target(api_key=None), Operation.CHAT, Kind.MISSING_API_KEY),
        (calling.target("anthropic"), Operation.EMBEDDINGS, Kind.UNSUPPORTED_OPERATION),
        (calling.target(), Operation.COUNT_TOKENS, Kind.UNSUPPORTED_OPERATION),
    ],
)
def test_a_target_that_can_not_be_bound(to: Target, operation: Operation, kind: Kind) -> None:
    failure = TargetBinder(PROVIDERS, LIMITS, {}).bind(to, operation)
    assert isinstance(failure, Failure)
    assert failure.kind is kind
