"""Headers -> compiled plan: found again by their bytes, bounded, and never a key where it must not go."""

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from calling import CHAT, call
from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.registry import CALLERS
from penstock.pipeline.authenticate import Caller, authenticate
from penstock.pipeline.call import Call
from penstock.pipeline.compile import Compiler
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.registry import PROVIDERS
from penstock.routing.parse import parse
from penstock.routing.plan import Plan, Target, leaves
from penstock.stores.catalogue import Catalogue, GatewayKey, SavedConfig
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


# What the operator gives names to.


def catalogue(**changes: Any) -> Catalogue:
    """Two saved configs, one of them over a virtual key, and two gateway keys."""
    members: dict[str, Any] = {
        "virtual_keys": {"mine": VirtualKey("mine", "openai", Secret("sk-1"))},
        "configs": {
            "plain": SavedConfig("plain", b'{"provider":"echo"}'),
            "keyed": SavedConfig("keyed", b'{"provider":"@mine"}'),
        },
        "keys": (
            GatewayKey("all", b"1" * 32, labels={"team": "a"}),
            GatewayKey("some", b"2" * 32, virtual_keys=frozenset(), configs=frozenset({"plain"})),
        ),
    }
    return Catalogue(**{**members, **changes})


@pytest.fixture
def catalogues() -> MemoryCatalogue:
    return MemoryCatalogue(catalogue())


@pytest.fixture
def named(catalogues: MemoryCatalogue) -> Compiler:
    return Compiler(PROVIDERS, AddressPolicy(LOOPBACK_NAMES), LIMITS, {}, catalogues)


ASKED: dict[str, dict[str, Any]] = {
    "none": {"x_portkey_provider": "echo"},
    "plain": {"x_portkey_config": "plain"},
    "keyed": {"x_portkey_config": "keyed"},
    "own": {"x_portkey_config": '{"provider":"@mine"}'},
}
OTHER_CONFIG = {**catalogue().configs, "plain": SavedConfig("plain", b'{"provider":"echo","request_timeout":5}')}


@pytest.mark.parametrize(
    ("change", "dropped"),
    [
        ({"configs": OTHER_CONFIG}, {"plain"}),
        ({"virtual_keys": {"mine": VirtualKey("mine", "openai", Secret("sk-2"))}}, {"keyed", "own"}),
        ({"keys": ()}, set()),
        ({"virtual_keys": {**catalogue().virtual_keys, "new": VirtualKey("new", "openai")}}, set()),
    ],
)
def test_a_change_drops_only_the_plans_that_rest_on_it(
    named: Compiler, catalogues: MemoryCatalogue, change: dict[str, Any], dropped: set[str]
) -> None:
    before = {name: compiled(named, **values) for name, values in ASKED.items()}
    catalogues.replace(catalogue(**change))
    after = {name: compiled(named, **values) for name, values in ASKED.items()}
    assert {name for name in ASKED if before[name] is not after[name]} == dropped


def test_what_a_head_came_to_is_used_while_the_catalogue_is_the_same(
    named: Compiler, catalogues: MemoryCatalogue
) -> None:
    memo = HeadMemo()

    def compile_again() -> CompiledPlan | Failure:
        asked = call(x_portkey_config="plain")
        asked.memo = memo
        if memo.catalogue is not catalogues.current:
            memo.keep_caller(asked.caller, catalogues.current)
        return named.compile(asked)

    first = compile_again()
    assert isinstance(first, CompiledPlan)
    assert compile_again() is first is memo.compiled
    catalogues.replace(catalogue(configs=OTHER_CONFIG))
    second = compile_again()
    assert isinstance(second, CompiledPlan)
    assert second.plan != first.plan
    catalogues.replace(catalogue(configs={}))
    assert isinstance(compile_again(), Failure)


def test_a_model_that_names_its_provider_is_not_served_by_another_models_plan(named: Compiler) -> None:
    memo = HeadMemo()
    plans = []
    for model in ("m", "openai/m", "@mine/m", "m"):
        asked = call({**CHAT, "model": model})
        asked.default_provider, asked.memo = "echo", memo
        request = asked.dialect.reading.body(asked.body)
        assert isinstance(request, RequestBody)
        asked.request = request
        if memo.catalogue is None:
            memo.keep_caller(asked.caller, named.catalogues.current)
        plans.append(named.compile(asked))
    assert all(isinstance(plan, CompiledPlan) for plan in plans)
    assert plans[0] is plans[3] is memo.compiled
    assert memo.compiled not in plans[1:3]


def test_a_config_that_is_gone_is_unknown(named: Compiler, catalogues: MemoryCatalogue) -> None:
    compiled(named, x_portkey_config="plain")
    catalogues.replace(catalogue(configs={}))
    failure = named.compile(call(x_portkey_config="plain"))
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.UNKNOWN_CONFIG


def from_caller(key: GatewayKey, header: str = "x_portkey_api_key", shown: str = "", **values: Any) -> Call:
    """A call of who shows a gateway key."""
    made = call(None, **{header: shown or key.name, **values})
    made.caller = Caller(key, header.replace("_", "-").encode())
    return made


def test_a_plan_is_forgotten_when_its_credential_becomes_a_gateway_key(
    named: Compiler, catalogues: MemoryCatalogue
) -> None:
    every, _ = catalogue().keys
    headers = {"authorization": "Bearer sk-becomes-a-key", "x_portkey_provider": "openai"}
    before = named.compile(from_caller(every, **headers))
    assert isinstance(before, CompiledPlan)
    assert named.compile(from_caller(every, **headers)) is before
    new = GatewayKey("new", hashlib.sha256(b"sk-becomes-a-key").digest())
    catalogues.replace(msgspec.structs.replace(catalogue(), keys=(*catalogue().keys, new)))
    withheld = named.compile(from_caller(every, **headers))
    assert isinstance(withheld, CompiledPlan)
    assert [leaf.api_key for leaf in leaves(withheld.plan)] == [None]
    catalogues.replace(catalogue())
    again = named.compile(from_caller(every, **headers))
    assert isinstance(again, CompiledPlan)
    assert [leaf.api_key for leaf in leaves(again.plan)] == [Secret("sk-becomes-a-key")]


def test_a_call_that_is_compiled_again_has_the_same_plan(named: Compiler, catalogues: MemoryCatalogue) -> None:
    """A list of models is, and a session each second: what the first plan held back makes no other one, and is kept
    from providers once."""
    another = GatewayKey("another", hashlib.sha256(b"another").digest())
    catalogues.replace(msgspec.structs.replace(catalogue(), keys=(*catalogue().keys, another)))
    asked = from_caller(
        catalogue().keys[0], authorization="Bearer another", x_portkey_provider="openai",
        x_portkey_forward_headers="x-mine", x_mine="another",
    )  # fmt: skip
    first = named.compile(asked)
    assert isinstance(first, CompiledPlan)
    assert named.compile(asked) is named.compile(asked) is first
    assert asked.caller.withheld == (b"x-portkey-api-key", b"authorization", b"x-mine")


def test_callers_with_other_keys_share_a_plan_and_not_what_is_open_to_them(named: Compiler) -> None:
    every, some = catalogue().keys
    for values in (ASKED["keyed"], ASKED["own"]):
        plan = named.compile(from_caller(every, **values))
        assert isinstance(plan, CompiledPlan)
        refused = named.compile(from_caller(some, **values))
        assert isinstance(refused, Failure)
        assert refused.kind is Kind.NOT_ALLOWED
        assert named.compile(from_caller(every, **values)) is plan
    shared = [named.compile(from_caller(key, **ASKED["plain"])) for key in (every, some)]
    assert isinstance(shared[0], CompiledPlan)
    assert shared[0] is shared[1]


@pytest.mark.parametrize(
    "config",
    [
        {"virtual_key": "mine"},
        {"provider": "@mine"},
        {"override_params": {"model": "@mine/m"}},
        {"strategy": {"mode": "fallback"}, "targets": [{"provider": "echo"}, {"virtual_key": "mine"}]},
    ],
)
def test_a_virtual_key_that_is_not_the_callers_is_forbidden_wherever_it_is_named(
    named: Compiler, config: dict[str, Any]
) -> None:
    every, some = catalogue().keys
    values = {"x_portkey_config": json.dumps(config)}
    refused = named.compile(from_caller(some, **values))
    assert isinstance(refused, Failure)
    assert (refused.kind, refused.status) == (Kind.NOT_ALLOWED, 403)
    assert "'mine'" in refused.message
    assert isinstance(named.compile(from_caller(every, **values)), CompiledPlan)


@pytest.mark.parametrize("header", ["authorization", "x_portkey_api_key", "x_api_key"])
def test_the_header_with_the_gateway_key_is_no_part_of_a_plan(named: Compiler, header: str) -> None:
    every, _ = catalogue().keys
    first = named.compile(from_caller(every, header, "gateway-1", x_portkey_provider="echo"))
    again = named.compile(from_caller(every, header, "gateway-2", x_portkey_provider="echo"))
    assert isinstance(first, CompiledPlan)
    assert first is again
    openai = named.compile(from_caller(every, header, "gateway-1", x_portkey_provider="openai"))
    assert isinstance(openai, CompiledPlan)
    assert isinstance(openai.plan, Target)
    route = named.route(openai, openai.plan, Operation.CHAT)
    assert isinstance(route, Failure) or b"gateway-1" not in route.endpoint.default_route.headers


def test_a_key_in_another_header_is_the_providers(named: Compiler) -> None:
    every, _ = catalogue().keys
    asked = from_caller(every, authorization="Bearer sk-own", x_portkey_provider="openai")
    plan = named.compile(asked)
    assert isinstance(plan, CompiledPlan)
    assert isinstance(plan.plan, Target)
    assert plan.plan.api_key == Secret("sk-own")


def test_the_config_is_told_to_the_account(named: Compiler) -> None:
    asked = call(x_portkey_config="plain")
    named.compile(asked)
    assert asked.account.config == "plain"
    other = call(x_portkey_provider="echo")
    named.compile(other)
    assert other.account.config is None


@pytest.mark.parametrize("values", [{}, {"authorization": "Bearer k"}])
def test_a_surfaces_provider_serves_who_names_none(compiler: Compiler, values: dict[str, str]) -> None:
    asked = call(None, **values)  # type: ignore[arg-type]
    refused = compiler.compile(asked)
    assert isinstance(refused, Failure)
    assert refused.kind is Kind.MISSING_PROVIDER
    asked.default_provider = "anthropic"
    plan = compiler.compile(asked)
    assert isinstance(plan, CompiledPlan)
    assert isinstance(plan.plan, Target)
    assert plan.plan.provider == "anthropic"
    named = call(None, x_portkey_provider="echo")
    named.default_provider = "anthropic"
    plan = compiler.compile(named)
    assert isinstance(plan, CompiledPlan)
    assert isinstance(plan.plan, Target)
    assert plan.plan.provider == "echo"


def test_a_default_config_comes_before_a_surfaces_provider(catalogues: MemoryCatalogue) -> None:
    made = Compiler(PROVIDERS, AddressPolicy(LOOPBACK_NAMES), LIMITS, {}, catalogues, default_config="plain")
    asked = call()
    asked.default_provider = "anthropic"
    plan = made.compile(asked)
    assert isinstance(plan, CompiledPlan)
    assert (plan.config, asked.account.config) == ("plain", "plain")


@pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
def test_a_virtual_key_before_the_model_is_taken_off(named: Compiler, dialect: CallerDialect) -> None:
    asked = call({**CHAT, "model": "@mine/org/model"}, dialect)
    plan = named.compile(asked)
    assert isinstance(plan, CompiledPlan)
    assert plan.virtual_keys == {"mine"}
    assert asked.request is not None
    assert (asked.request.model, asked.request.body.text("model")) == ("org/model", "org/model")
    unknown = named.compile(call({**CHAT, "model": "@nobody/model"}, dialect))
    assert isinstance(unknown, Failure)
    assert unknown.kind is Kind.UNKNOWN_VIRTUAL_KEY


def test_a_refusal_is_remembered_until_the_catalogue_changes(
    named: Compiler, catalogues: MemoryCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = named.compile(call(x_portkey_config="new"))
    assert isinstance(refused, Failure)
    with monkeypatch.context() as patch:
        patch.setattr(Compiler, "_compile", None)
        assert named.compile(call(x_portkey_config="new")) is refused
    configs = {**catalogues.current.configs, "new": SavedConfig("new", b'{"provider":"echo"}')}
    catalogues.replace(msgspec.structs.replace(catalogues.current, configs=configs))
    assert isinstance(named.compile(call(x_portkey_config="new")), CompiledPlan)


def test_refusals_are_remembered_within_a_bound(compiler: Compiler) -> None:
    first = compiler.compile(call(x_portkey_config="{" + "x" * 60_000))
    for number in range(20):
        compiler.compile(call(x_portkey_config="{" + str(number) * 60_000))
    assert compiler.compile(call(x_portkey_config="{" + "x" * 60_000)) is not first


def test_a_plan_is_remembered_by_its_size_in_memory() -> None:
    """Headers of two kilobytes each, and plans of half a megabyte."""
    compiler = Compiler(PROVIDERS, AddressPolicy(LOOPBACK_NAMES), LIMITS, {}, MemoryCatalogue(), remembered=1024)

    def plan(number: int) -> CompiledPlan:
        config = {"strategy": {"mode": "fallback"}, "targets": [{}] * 500, "weight": number}
        return compiled(compiler, x_portkey_provider="echo", x_portkey_config=json.dumps(config))

    first = plan(0)
    assert plan(0) is first
    for number in range(1, 6):
        plan(number)
    assert plan(0) is not first


def test_a_request_names_a_bounded_number_of_headers_to_forward(compiler: Compiler) -> None:
    names = ",".join(f"x-{number}" for number in range(101))
    refused = compiler.compile(call(x_portkey_provider="echo", x_portkey_forward_headers=names))
    assert isinstance(refused, Failure)
    assert refused.param == "x-portkey-forward-headers"


# Requests, workspaces and revisions.

IN_A, IN_B = "workspace-a", "workspace-b"


def of_workspaces() -> Catalogue:
    """Two workspaces with a provider and a config each, a key of each, and one that pins its config."""
    names = {"a": IN_A, "b": IN_B}
    return Catalogue(
        {name: VirtualKey(name, "openai", Secret(f"sk-{name}"), workspace=at) for name, at in names.items()},
        {
            f"pc-{name}": SavedConfig(f"pc-{name}", f'{{"provider":"@{name}"}}'.encode(), at)
            for name, at in names.items()
        },
        (
            GatewayKey("app", digest("pk-a"), id="1", workspace=IN_A),
            GatewayKey("app", digest("pk-b"), id="2", workspace=IN_B),
            GatewayKey("pinned", digest("pk-p"), id="3", workspace=IN_A, config="pc-a", pins_config=True),
        ),
        default_workspace=IN_A,
    )


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def caller_of(catalogue: Catalogue, key: str) -> Caller:
    found = authenticate({b"x-portkey-api-key": key.encode()}, catalogue)
    assert isinstance(found, Caller)
    return found


@pytest.fixture
def tenants() -> Compiler:
    return Compiler(PROVIDERS, AddressPolicy(()), LIMITS, {}, MemoryCatalogue(of_workspaces()))


def outcome_of(compiler: Compiler, key: str, **values: Any) -> str:
    """The credential of the only target, or what is told of the failure."""
    asked = call(None, **values)
    asked.caller = caller_of(compiler.catalogues.current, key)
    found = compiler.compile(asked)
    if isinstance(found, Failure):
        return f"{found.status} {found.message}"
    (target,) = leaves(found.plan)
    return "" if target.api_key is None else target.api_key.reveal()


@pytest.mark.parametrize(
    "values", [{"x_portkey_virtual_key": "{}"}, {"x_portkey_provider": "@{}"}, {"x_portkey_config": "pc-{}"},
    {"x_portkey_config": '{{"provider":"@{}"}}'}],
)  # fmt: skip
def test_a_name_of_another_workspace_is_like_one_that_nobody_has(tenants: Compiler, values: dict[str, str]) -> None:
    def asked(key: str, name: str) -> str:
        return outcome_of(tenants, key, **{header: text.format(name) for header, text in values.items()})

    for _ in range(2):  # the second time what was compiled is remembered
        assert (asked("pk-a", "a"), asked("pk-b", "b")) == ("sk-a", "sk-b")
        for key, foreign in (("pk-a", "b"), ("pk-b", "a")):
            told = asked(key, foreign)
            assert told.startswith("400 ")
            assert told == asked(key, "z").replace("z'", f"{foreign}'")


def test_a_config_of_a_workspace_knows_the_names_of_its_workspace_alone(tenants: Compiler) -> None:
    catalogue = of_workspaces()
    foreign = SavedConfig("pc-a", b'{"provider":"@b"}', IN_A)
    assert isinstance(tenants.catalogues, MemoryCatalogue)
    tenants.catalogues.replace(msgspec.structs.replace(catalogue, configs={"pc-a": foreign}))
    assert outcome_of(tenants, "pk-a", x_portkey_config="pc-a").startswith("400 There is no virtual key 'b'")


def test_a_key_that_pins_its_config_takes_nothing_else(tenants: Compiler) -> None:
    assert outcome_of(tenants, "pk-p") == "sk-a"
    for name, values in {
        "x-portkey-config": {"x_portkey_config": "pc-a"},
        "x-portkey-provider": {"x_portkey_provider": "openai"},
        "x-portkey-virtual-key": {"x_portkey_virtual_key": "a"},
    }.items():
        told = outcome_of(tenants, "pk-p", **values)
        assert told == (
            f"400 Your gateway key pins its config, which serves all of its requests: name nothing in {name}."
        )
        assert outcome_of(tenants, "pk-a", **values) != told


@pytest.mark.parametrize("is_seen_first", [True, False])
def test_no_request_mixes_two_revisions(tenants: Compiler, is_seen_first: bool) -> None:
    """A request that began before a change is answered as before it, and leaves nothing behind."""
    catalogues = tenants.catalogues
    assert isinstance(catalogues, MemoryCatalogue)
    before = catalogues.current
    begun = call(None, x_portkey_config="pc-a")
    begun.caller = caller_of(before, "pk-a")
    after = msgspec.structs.replace(
        before,
        virtual_keys={"a2": VirtualKey("a2", "openai", Secret("sk-a2"), workspace=IN_A)},
        configs={"pc-a": SavedConfig("pc-a", b'{"provider":"@a2"}', IN_A)},
    )
    catalogues.replace(after)
    if is_seen_first:
        assert outcome_of(tenants, "pk-a", x_portkey_config="pc-a") == "sk-a2"
    for _ in range(2):
        found = tenants.compile(begun)
        assert isinstance(found, CompiledPlan)
        (target,) = leaves(found.plan)
        assert target.api_key == Secret("sk-a")
    assert outcome_of(tenants, "pk-a", x_portkey_config="pc-a") == "sk-a2"


LONG = json.dumps({"targets": [{"provider": "@mine", "override_params": {"user": "x" * 600}}]})


def reading(monkeypatch: pytest.MonkeyPatch, during: Callable[[], object] = lambda: None) -> list[threading.Thread]:
    """The threads in which configs are read from now on; ``during`` is called in each, before its end."""
    threads: list[threading.Thread] = []

    def read(*arguments: Any) -> Plan | Failure:
        threads.append(threading.current_thread())
        plan = parse(*arguments)
        during()
        return plan

    monkeypatch.setattr("penstock.pipeline.compile.parse", read)
    return threads


async def test_a_long_config_is_compiled_in_a_thread_once(named: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = reading(monkeypatch)
    for _ in range(2):
        asked = call(x_portkey_config=LONG)
        assert named.is_long(asked)
        await named.read_ahead(asked)
        assert isinstance(named.compile(asked), CompiledPlan)
    assert [thread is threading.current_thread() for thread in threads] == [False]


async def test_a_long_config_that_is_refused_is_read_in_a_thread_once(
    named: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = reading(monkeypatch)
    asked = call(x_portkey_config=LONG.replace("targets", "target"))
    await named.read_ahead(asked)
    assert isinstance(named.compile(asked), Failure)
    assert len(threads) == 1


async def test_a_plan_that_was_read_before_a_change_is_not_remembered(
    named: Compiler, catalogues: MemoryCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = catalogue(virtual_keys={"mine": VirtualKey("mine", "groq", Secret("gsk"))})
    reading(monkeypatch, lambda: catalogues.replace(other))
    asked = call(x_portkey_config=LONG)
    await named.read_ahead(asked)
    found = named.compile(asked)
    assert isinstance(found, CompiledPlan)
    assert [leaf.provider for leaf in leaves(found.plan)] == ["groq"]


async def test_reading_ahead_leaves_the_model_to_the_compiler(named: Compiler) -> None:
    config = json.dumps({"override_params": {"user": "x" * 600}})
    asked = call({**CHAT, "model": "@mine/m"}, x_portkey_config=config)
    request = asked.dialect.reading.body(asked.body)
    assert isinstance(request, RequestBody)
    asked.request = request
    await named.read_ahead(asked)
    assert asked.request is request
    assert isinstance(named.compile(asked), CompiledPlan)
    assert asked.request.model == "m"


def test_short_configs_are_compiled_at_once(named: Compiler) -> None:
    assert not named.is_long(call(x_portkey_config='{"provider":"echo"}'))
    assert not named.is_long(call(x_portkey_provider="echo"))


def guards(header: str, words: int = 200) -> dict[str, Any]:
    checks = [{"default.contains": {"words": ["x" * words, "y" * words, "z" * words], "operator": "any"}}]
    return {"x_portkey_provider": "echo", header: json.dumps(checks)}


@pytest.mark.parametrize("header", ["x_portkey_default_input_guardrails", "x_portkey_default_output_guardrails"])
async def test_long_guards_of_headers_are_compiled_in_a_thread(
    header: str, named: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = reading(monkeypatch)
    asked = call(**guards(header))
    assert named.is_long(asked)
    assert not named.is_long(call(**guards(header, words=1)))
    asked.ahead = await named.read_ahead(asked)
    assert isinstance(named.compile(asked), CompiledPlan)
    assert [thread is threading.current_thread() for thread in threads] == [False]


@pytest.mark.parametrize("changes_before", [True, False], ids=["before", "during"])
async def test_the_catalogue_changes_while_a_long_config_is_compiled_or_before(
    changes_before: bool, named: Compiler, catalogues: MemoryCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is the request's own: it is compiled once, with the catalogue that the request began with."""
    other = catalogue(virtual_keys={"mine": VirtualKey("mine", "groq", Secret("gsk"))})
    asked = call(x_portkey_config=LONG)
    asked.caller = Caller(catalogue=catalogues.current)
    if changes_before:
        catalogues.replace(other)
    threads = reading(monkeypatch, lambda: catalogues.replace(other))
    asked.ahead = await named.read_ahead(asked)
    for _ in range(2):
        found = named.compile(asked)
        assert isinstance(found, CompiledPlan)
        assert [leaf.provider for leaf in leaves(found.plan)] == ["openai"]
    assert [thread is threading.current_thread() for thread in threads] == [False]
    later = call(x_portkey_config=LONG)
    later.ahead = asked.ahead
    found = named.compile(later)
    assert isinstance(found, CompiledPlan)
    assert [leaf.provider for leaf in leaves(found.plan)] == ["groq"]


async def test_a_plan_that_is_too_heavy_to_be_remembered_is_compiled_once(
    catalogues: MemoryCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = Compiler(PROVIDERS, AddressPolicy(LOOPBACK_NAMES), LIMITS, {}, catalogues, remembered=0)
    threads = reading(monkeypatch)
    asked = call(x_portkey_config=LONG)
    asked.ahead = await compiler.read_ahead(asked)
    assert isinstance(compiler.compile(asked), CompiledPlan)
    assert [thread is threading.current_thread() for thread in threads] == [False]


async def test_a_head_with_a_plan_is_compiled_in_a_thread_for_another_target(
    named: Compiler, catalogues: MemoryCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.dumps({"override_params": {"user": "x" * 600}, "provider": "echo"})
    memo = HeadMemo()
    memo.keep_caller(Caller(catalogue=catalogues.current), catalogues.current)
    first, again, other = (call({**CHAT, "model": model}, x_portkey_config=config) for model in ("m", "m", "@mine/m"))
    first.memo = again.memo = other.memo = memo
    assert isinstance(named.compile(first), CompiledPlan)
    assert memo.is_long
    assert await named.read_ahead(again) is None
    threads = reading(monkeypatch)
    other.ahead = await named.read_ahead(other)
    named.compile(other)
    assert [thread is threading.current_thread() for thread in threads] == [False]


async def test_a_long_saved_config_is_compiled_in_a_thread_after_each_change(
    named: Compiler, catalogues: MemoryCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not named.is_long(call(x_portkey_config="plain"))
    threads = reading(monkeypatch)
    for user in ("x" * 600, "y" * 600):
        body = json.dumps({"provider": "echo", "override_params": {"user": user}}).encode()
        catalogues.replace(catalogue(configs={"plain": SavedConfig("plain", body)}))
        for _ in range(2):
            asked = call(x_portkey_config="plain")
            assert named.is_long(asked)
            asked.ahead = await named.read_ahead(asked)
            assert isinstance(named.compile(asked), CompiledPlan)
    assert [thread is threading.current_thread() for thread in threads] == [False, False]
