"""Headers -> compiled plan: found again by their bytes, bounded, and never a key where it must not go."""

from typing import Any

import pytest

from calling import call
from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.core.secret import Secret
from penstock.pipeline.compile import CompiledPlan, Compiler
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import Operation
from penstock.routing.plan import Target
from penstock.stores.memory import MemoryCatalogue

LIMITS = Limits(connect=1, first_byte=2, idle=3, total=4)
LENT = {"openai": Secret("sk-lent"), "azure-ai": Secret("sk-lent"), "huggingface": Secret("sk-lent")}


@pytest.fixture
def compiler() -> Compiler:
    return Compiler(PROVIDERS, AddressPolicy(LOOPBACK_NAMES), LIMITS, LENT, MemoryCatalogue(), remembered=3)


def compiled(compiler: Compiler, **values: Any) -> CompiledPlan:
    found = compiler.compile(call(None, **values))
    assert isinstance(found, CompiledPlan), found
    return found


def route(compiler: Compiler, **values: str) -> TargetRoute:
    plan = compiled(compiler, **values)
    assert isinstance(plan.plan, Target)
    found = compiler.route(plan, plan.plan, Operation.CHAT)
    assert isinstance(found, TargetRoute), found
    return found


def test_the_same_headers_are_compiled_once(compiler: Compiler) -> None:
    first = compiled(
        compiler, x_portkey_provider="openai", authorization="Bearer a", x_portkey_trace_id="1", accept="x"
    )
    again = compiled(
        compiler, x_portkey_provider="openai", authorization="Bearer a", x_portkey_trace_id="2", user_agent="y"
    )
    other = compiled(compiler, x_portkey_provider="openai", authorization="Bearer b")
    assert first is again
    assert first is not other
    assert isinstance(first.plan, Target)
    assert compiler.route(first, first.plan, Operation.CHAT) is compiler.route(again, first.plan, Operation.CHAT)


def test_what_is_remembered_is_bounded(compiler: Compiler) -> None:
    first = compiled(compiler, x_portkey_provider="echo", authorization="0")
    for number in range(1, 5):
        compiled(compiler, x_portkey_provider="echo", authorization=str(number))
    assert compiled(compiler, x_portkey_provider="echo", authorization="0") is not first


def test_refusals_are_not_remembered_as_plans(compiler: Compiler) -> None:
    for _ in range(2):
        refused = compiler.compile(call(x_portkey_provider="no-such"))
        assert isinstance(refused, Failure)
        assert refused.kind is Kind.UNKNOWN_PROVIDER


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({}, True),
        ({"authorization": "Bearer own"}, False),
        ({"x_portkey_custom_host": "http://localhost:9/v1"}, False),
        ({"x_portkey_config": '{"provider":"openai","custom_host":"http://localhost:9"}'}, False),
        ({"x_portkey_provider": "azure-ai", "x_portkey_azure_foundry_url": "https://evil.example.com/v1"}, False),
        ({"x_portkey_provider": "huggingface", "x_portkey_huggingface_base_url": "https://evil.example.com"}, False),
    ],
)
def test_a_lent_key_only_goes_to_the_providers_own_address(
    values: dict[str, str], sent: bool, compiler: Compiler
) -> None:
    plan = compiled(compiler, **{"x_portkey_provider": "openai", **values})
    assert isinstance(plan.plan, Target)
    found = compiler.route(plan, plan.plan, Operation.CHAT)
    assert (isinstance(found, TargetRoute) and b"sk-lent" in found.endpoint.default_route.headers) is sent


def test_limits_of_the_target(compiler: Compiler) -> None:
    assert route(compiler, x_portkey_provider="echo").limits == LIMITS
    limited = route(compiler, x_portkey_provider="echo", x_portkey_request_timeout="250").limits
    assert limited == Limits(connect=1, first_byte=0.25, idle=3, total=4)


@pytest.mark.parametrize("text", ["0", "", "abc", "NaN", "Infinity", "1e999"])
def test_what_is_no_timeout(text: str, compiler: Compiler) -> None:
    assert route(compiler, x_portkey_provider="echo", x_portkey_request_timeout=text).limits == LIMITS


def test_options_come_from_headers_prefixed_or_bare_and_from_configs(compiler: Compiler) -> None:
    def lines(**values: Any) -> bytes:
        return route(compiler, authorization="k", **values).endpoint.default_route.headers.lower()

    assert b"openai-beta: a" in lines(x_portkey_provider="openai", openai_beta="a")
    assert b"openai-beta: b" in lines(x_portkey_provider="openai", x_portkey_openai_beta="b")
    assert b"openai-beta: c" in lines(x_portkey_config='{"provider":"openai","openai_beta":"c"}', openai_beta="a")
    assert b"openai-organization: o" in lines(x_portkey_config='{"provider":"openai","openaiOrganization":"o"}')


def test_azures_v1_path_names_the_deployment_as_the_model(compiler: Compiler) -> None:
    found = route(
        compiler, x_portkey_provider="azure-openai", authorization="k", x_portkey_azure_resource_name="r",
        x_portkey_azure_deployment_id="d", x_portkey_azure_api_version="v1",
    )  # fmt: skip
    assert found.endpoint.default_route.override == "d"
