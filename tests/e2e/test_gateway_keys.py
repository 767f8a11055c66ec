"""Gateway keys fence everything: what a key's holder gets of the operator's, and what no trick gets past the lists.

Nothing is sent: a test looks at the request that would leave (``PreparedRequest``), or at its refusal.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calling import headers_of
from gateway_keys import entry, key
from penstock.app.root import build
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.dialects.registry import CALLERS
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import authenticate
from penstock.pipeline.call import Call
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.routing.plan import leaves
from penstock.server.gateway import Gateway
from penstock.settings import load

CANARY = "CANARY-ENV-KEY"
VARIABLES = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "DATABRICKS_TOKEN", "SNOWFLAKE_PAT", "HF_TOKEN",
    "AZURE_AI_API_KEY", "OPENROUTER_API_KEY",
)  # fmt: skip


FILE = f"""
[virtual_keys.cheap]
provider = "openai"
credential = "env:SECRET_OF_CHEAP"
models = ["gpt-4o-mini"]

[virtual_keys.rich]
provider = "openai"
credential = "env:SECRET_OF_RICH"

[virtual_keys.billed]
provider = "openai"
credential = "env:SECRET_OF_RICH"
forward_headers = ["OpenAI-Organization"]

[virtual_keys.router]
provider = "openrouter"
credential = "env:SECRET_OF_RICH"
models = ["openai/gpt-4o-mini"]

[virtual_keys.claude]
provider = "anthropic"
credential = "env:SECRET_OF_RICH"

[virtual_keys.azure]
provider = "azure-openai"
credential = "env:SECRET_OF_RICH"
resource_name = "ours"
deployment_id = "gpt-4o"

[virtual_keys.local]
provider = "ollama"

[configs.secretcfg]
id = "pc-secret-1a2b"
provider = "@rich"

[configs.retrying]
retry = {{ attempts = 0 }}

[configs.tokened]
azure_ad_token = "SAVED-AD-TOKEN"

[configs.forwarding]
provider = "@rich"
forward_headers = ["openai-organization"]

[configs.own-vllm]
provider = "vllm"
custom_host = "http://127.0.0.1:8000/v1"

[configs.own-ollama]
provider = "ollama"

[configs.own-azure]
provider = "azure-openai"
resource_name = "fixed-by-operator"
deployment_id = "d"

{entry("plain")}
{entry("other")}
{entry("team", 'virtual_keys = ["cheap", "router"]' + chr(10) + 'configs = ["retrying"]')}
{entry("lent", 'lend = ["openai", "azure-openai", "databricks", "cortex", "azure-ai", "huggingface"]')}
{entry("all", 'lend = ["*"]')}
{entry("local", 'hosts = ["localhost", "127.0.0.1"]')}
{entry("fenced", "inline_configs = false" + chr(10) + "custom_hosts = false" + chr(10) + 'providers = ["openai"]')}
{entry("listed", 'providers = ["echo"]' + chr(10) + 'virtual_keys = ["claude"]')}
{entry("mini", 'models = ["gpt-4o-mini", "text-embedding-*", "@azure/*"]')}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    path = tmp_path_factory.mktemp("keys") / "penstock.toml"
    path.write_text(FILE)
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.setenv(name, CANARY)
        patch.setenv("SECRET_OF_CHEAP", "sk-cheap")
        patch.setenv("SECRET_OF_RICH", "sk-rich")
        patch.setenv("AZURE_OPENAI_ENDPOINT", "https://ours.openai.azure.com/")
        yield build(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, path.parent), path)


def leaving(
    gateway: Gateway,
    holder: str | None = "plain",
    body: Any = None,
    *,
    operation: Any = Operation.CHAT,
    dialect: Any = "openai_chat",
    parameters: Any = None,
    **headers: Any,
) -> PreparedRequest | Failure:
    """The request that would leave for the first target, or why none would."""
    fields = headers_of(**headers)
    if holder is not None:
        fields.append((b"x-portkey-api-key", key(holder).encode()))
    compiler = gateway.pipeline.compiler
    caller = authenticate(dict(fields), compiler.catalogues.current)
    if isinstance(caller, Failure):
        return caller
    call = Call(
        operation, CALLERS[dialect], fields, dict(fields), b"", b"", Account(Records(), "POST", "/v1/x"), "/v1/x",
        parameters or {}, caller=caller,
    )  # fmt: skip
    if operation.has_body:
        raw = body if isinstance(body, bytes) else json.dumps({**CHAT, **(body or {})}).encode()
        request = call.dialect.reading.body(raw)
        assert not isinstance(request, Failure), request
        call.request = request
    compiled = compiler.compile(call)
    if isinstance(compiled, Failure):
        return compiled
    route = compiler.route(compiled, leaves(compiled.plan)[0], operation)
    return route if isinstance(route, Failure) else prepare(call, route)


CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
OPENAI = {"x_portkey_provider": "openai"}
AZURE = {"x_portkey_provider": "azure-openai", "x_portkey_azure_deployment_id": "d"}


def inline(**config: Any) -> dict[str, str]:
    return {"x_portkey_config": json.dumps(config)}


def sent(request: PreparedRequest | Failure) -> PreparedRequest:
    assert isinstance(request, PreparedRequest), request
    return request


def refusal(request: PreparedRequest | Failure, kind: Kind = Kind.NOT_ALLOWED) -> Failure:
    assert isinstance(request, Failure), request
    assert request.kind is kind, request
    return request


# Lending.


@pytest.mark.parametrize(
    "headers",
    [
        OPENAI,
        {"x_portkey_provider": "anthropic"},
        AZURE | {"x_portkey_azure_resource_name": "ours"},
        {"x_portkey_provider": "openrouter"},
        inline(provider="openai"),
        inline(strategy={"mode": "fallback"}, targets=[{"provider": "openai"}]),
        inline(override_params={"model": "m"}) | OPENAI,
        {"x_portkey_config": "retrying"} | OPENAI,
    ],
)
def test_a_key_gets_no_environment_key_unless_its_entry_says_so(gateway: Gateway, headers: dict[str, str]) -> None:
    refusal(leaving(gateway, "plain", {"max_tokens": 5}, **headers), Kind.MISSING_API_KEY)
    request = sent(leaving(gateway, "all", {"max_tokens": 5}, **headers))
    assert CANARY.encode() in request.headers


def test_models_are_not_listed_with_an_environment_key(gateway: Gateway) -> None:
    refusal(leaving(gateway, "plain", operation=Operation.MODELS, **OPENAI), Kind.MISSING_API_KEY)


def test_a_key_is_lent_what_its_entry_lists_and_no_more(gateway: Gateway) -> None:
    assert CANARY.encode() in sent(leaving(gateway, "lent", **OPENAI)).headers
    refusal(leaving(gateway, "lent", {"max_tokens": 5}, x_portkey_provider="anthropic"), Kind.MISSING_API_KEY)


def test_equal_requests_of_two_keys_are_not_lent_alike(gateway: Gateway) -> None:
    for _ in range(2):
        assert CANARY.encode() in sent(leaving(gateway, "lent", **OPENAI)).headers
        refusal(leaving(gateway, "plain", **OPENAI), Kind.MISSING_API_KEY)


def test_the_callers_own_key_goes_before_a_lent_one(gateway: Gateway) -> None:
    request = sent(leaving(gateway, "lent", authorization="Bearer sk-mine", **OPENAI))
    assert b"authorization: Bearer sk-mine\r\n" in request.headers.replace(b"Authorization", b"authorization")
    assert CANARY.encode() not in request.headers


@pytest.mark.parametrize(
    "headers",
    [
        AZURE | {"x_portkey_azure_resource_name": "attacker"},
        AZURE | {"x_portkey_azure_resource_name": "OURS"},
        inline(provider="azure-openai", resource_name="attacker", deployment_id="d"),
        inline(provider="azure-openai", azure_resource_name="attacker", deployment_id="d"),
        inline(provider="azure-openai", azureResourceName="attacker", deploymentId="d"),
        {"x_portkey_provider": "databricks", "x_portkey_databricks_host": "attacker.cloud.databricks.com"},
        {"x_portkey_provider": "cortex", "x_portkey_snowflake_account": "attacker"},
        {"x_portkey_provider": "azure-ai", "x_portkey_azure_foundry_url": "https://attacker.services.ai.azure.com"},
        {"x_portkey_provider": "huggingface", "x_portkey_huggingface_base_url": "https://attacker.example"},
        OPENAI | {"x_portkey_custom_host": "https://attacker.example/v1"},
    ],
)
def test_a_lent_key_goes_only_to_hosts_that_the_operator_fixed(gateway: Gateway, headers: dict[str, str]) -> None:
    request = leaving(gateway, "lent", **headers)
    if isinstance(request, PreparedRequest):
        assert CANARY.encode() not in request.headers
    else:
        assert request.kind is Kind.MISSING_API_KEY


def test_the_operators_account_is_fixed_by_the_environment_or_by_a_saved_config(gateway: Gateway) -> None:
    for headers in (AZURE, AZURE | {"x_portkey_azure_resource_name": "ours"}):
        request = sent(leaving(gateway, "lent", **headers))
        assert (request.origin.host, CANARY.encode() in request.headers) == ("ours.openai.azure.com", True)
    request = sent(leaving(gateway, "lent", x_portkey_config="own-azure"))
    assert (request.origin.host, CANARY.encode() in request.headers) == ("fixed-by-operator.openai.azure.com", True)


@pytest.mark.parametrize(
    "headers",
    [
        {"openai_organization": "org-x", "x_portkey_forward_headers": "openai-organization,x-team"},
        {"openai_project": "p-x", "x_portkey_forward_headers": "OpenAI-Project,x-team"},
        {"x_portkey_openai_organization": "org-x", "x_portkey_forward_headers": "x-team"},
        {"x_portkey_openai_project": "p-x", "x_portkey_forward_headers": "x-team"},
    ],
)
@pytest.mark.parametrize("credential", [("all", OPENAI), ("plain", {"x_portkey_virtual_key": "rich"})])
def test_no_caller_chooses_the_account_behind_the_operators_credential(
    gateway: Gateway, headers: dict[str, str], credential: tuple[str, dict[str, str]]
) -> None:
    holder, by = credential
    block = sent(leaving(gateway, holder, x_team="a", **headers, **by)).headers.lower()
    assert b"openai-organization" not in block
    assert b"openai-project" not in block
    assert b"x-team: a" in block


def test_the_account_is_chosen_by_who_pays_or_where_the_operator_allows_it(gateway: Gateway) -> None:
    chosen = {"openai_organization": "org-x", "x_portkey_forward_headers": "openai-organization"}
    for headers in (OPENAI | {"authorization": "Bearer sk-mine"}, {"x_portkey_virtual_key": "billed"}):
        assert b"openai-organization: org-x\r\n" in sent(leaving(gateway, **chosen, **headers)).headers
    saved = sent(leaving(gateway, openai_organization="org-x", x_portkey_config="forwarding"))
    assert b"openai-organization: org-x\r\n" in saved.headers


def test_credentials_of_a_saved_config_stay_with_its_host(gateway: Gateway) -> None:
    headers = {
        "x_portkey_provider": "azure-ai", "x_portkey_azure_foundry_url": "https://attacker.example",
        "authorization": "Bearer sk-mine", "x_portkey_config": "tokened", "x_portkey_azure_api_version": "1",
    }  # fmt: skip
    block = sent(leaving(gateway, **headers)).headers
    assert b"SAVED-AD-TOKEN" not in block
    assert b"sk-mine" in block


# Hosts.


@pytest.mark.parametrize(
    "host", ["http://localhost:8000/v1", "http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "http://a.localhost/v1",
             "http://host.docker.internal/v1"],
)  # fmt: skip
@pytest.mark.parametrize("named", ["header", "config", "camel", "inherited"])
def test_loopback_is_not_everybodys(gateway: Gateway, host: str, named: str) -> None:
    configs: dict[str, dict[str, Any]] = {
        "config": {"custom_host": host}, "camel": {"customHost": host},
        "inherited": {"custom_host": host, "strategy": {"mode": "fallback"}, "targets": [{}]},
    }  # fmt: skip
    where = {"x_portkey_custom_host": host} if named == "header" else inline(**configs[named])
    refusal(leaving(gateway, "plain", **OPENAI, **where), Kind.INVALID_CUSTOM_HOST)


def test_loopback_is_lent_to_the_key_whose_entry_says_so(gateway: Gateway) -> None:
    request = sent(leaving(gateway, "local", x_portkey_custom_host="http://localhost:8000/v1", **OPENAI))
    transport: Any = gateway.pipeline.router.upstream.transports["http"]
    assert transport._connector._policy.refuse_address(request.origin, "127.0.0.1") is None
    refusal(leaving(gateway, "local", x_portkey_custom_host="http://[::1]:8000/v1", **OPENAI), Kind.INVALID_CUSTOM_HOST)


def test_a_public_name_that_leads_to_loopback_is_refused_by_the_transports_policy(gateway: Gateway) -> None:
    for holder in ("plain", "local"):
        request = sent(leaving(gateway, holder, x_portkey_custom_host="https://rebound.example/v1", **OPENAI))
        transport: Any = gateway.pipeline.router.upstream.transports["http"]
        assert transport._connector._policy.refuse_address(request.origin, "127.0.0.1") == "it is a loopback address"


@pytest.mark.parametrize("provider", ["ollama", "lm-studio"])
def test_providers_on_the_gateways_machine_are_not_everybodys(gateway: Gateway, provider: str) -> None:
    refusal(leaving(gateway, "plain", x_portkey_provider=provider), Kind.INVALID_CUSTOM_HOST)
    refusal(leaving(gateway, "plain", **inline(provider=provider)), Kind.INVALID_CUSTOM_HOST)
    assert sent(leaving(gateway, "local", x_portkey_provider=provider)).origin.host == "localhost"
    hosted = sent(leaving(gateway, "plain", x_portkey_provider=provider, x_portkey_custom_host="https://o.example/v1"))
    assert hosted.origin.host == "o.example"


def test_what_the_operator_wrote_may_be_on_the_gateways_machine(gateway: Gateway) -> None:
    for headers in ({"x_portkey_config": "own-vllm"}, {"x_portkey_config": "own-ollama"}):
        assert sent(leaving(gateway, "plain", **headers)).origin.host in {"127.0.0.1", "localhost"}
    assert sent(leaving(gateway, "plain", x_portkey_virtual_key="local")).origin.host == "localhost"


def test_on_a_public_bind_nobody_reaches_the_gateways_machine(tmp_path: Path) -> None:
    settings = load({}, {"PENSTOCK_HOST": "0.0.0.0", "PENSTOCK_OPEN": "true"}, tmp_path)
    for provider in ("ollama", "lm-studio"):
        refusal(leaving(build(settings), None, x_portkey_provider=provider), Kind.INVALID_CUSTOM_HOST)


def test_a_laptop_without_keys_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    gateway = build(load({}, {}, tmp_path))
    assert CANARY.encode() in sent(leaving(gateway, None, **OPENAI)).headers
    assert sent(leaving(gateway, None, x_portkey_provider="ollama")).origin.host == "localhost"
    local = sent(leaving(gateway, None, x_portkey_custom_host="http://localhost:8000/v1", **OPENAI))
    assert CANARY.encode() not in local.headers


# What a key may name.


RICH = "Your gateway key may not use the virtual key 'rich': ask the operator of the gateway."


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {"x_portkey_virtual_key": "rich"}),
        ({}, {"x_portkey_virtual_key": "@rich"}),
        ({}, {"x_portkey_provider": "@rich"}),
        ({"model": "@rich/gpt-4o"}, {}),
        ({}, inline(virtual_key="rich")),
        ({}, inline(virtualKey="rich")),
        ({}, inline(provider="@rich")),
        ({}, inline(override_params={"model": "@rich/gpt-4o"})),
        ({}, inline(strategy={"mode": "fallback"}, targets=[{"virtual_key": "rich"}])),
        ({}, inline(strategy={"mode": "loadbalance"}, targets=[{"targets": [{"provider": "@rich"}]}])),
        # A saved config that names no provider leaves it to the caller, and the list to the key.
        ({}, {"x_portkey_config": "retrying", "x_portkey_virtual_key": "rich"}),
        ({}, {"x_portkey_config": "retrying", "x_portkey_provider": "@rich"}),
    ],
)
def test_no_way_leads_to_a_virtual_key_that_is_not_listed(
    gateway: Gateway, body: dict[str, Any], headers: dict[str, str]
) -> None:
    assert refusal(leaving(gateway, "team", body, **headers)).message == RICH
    assert b"sk-rich" in sent(leaving(gateway, "plain", body, **headers)).headers


@pytest.mark.parametrize("name", ["secretcfg", "pc-secret-1a2b"])
def test_a_config_that_is_not_listed_is_refused_by_the_name_that_was_sent(gateway: Gateway, name: str) -> None:
    failure = refusal(leaving(gateway, "team", x_portkey_config=name))
    assert failure.message == f"Your gateway key may not use the config '{name}': ask the operator of the gateway."


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"x_portkey_virtual_key": "rch"}, Kind.UNKNOWN_VIRTUAL_KEY),
        ({"x_portkey_virtual_key": "Rich"}, Kind.UNKNOWN_VIRTUAL_KEY),
        ({"x_portkey_virtual_key": "claud"}, Kind.UNKNOWN_VIRTUAL_KEY),
        (inline(virtual_key="richh"), Kind.UNKNOWN_VIRTUAL_KEY),
        ({"x_portkey_config": "secretcf"}, Kind.UNKNOWN_CONFIG),
        ({"x_portkey_config": "pc-secret-1a2c"}, Kind.UNKNOWN_CONFIG),
        ({"x_portkey_config": "tokend"}, Kind.UNKNOWN_CONFIG),
    ],
)
def test_hints_name_nothing_that_the_caller_may_not_use(gateway: Gateway, headers: dict[str, str], kind: Kind) -> None:
    message = refusal(leaving(gateway, "team", **headers), kind).message
    assert "did you mean" not in message
    assert "did you mean" in refusal(leaving(gateway, "plain", **headers), kind).message


def test_hints_still_name_what_the_caller_may_use(gateway: Gateway) -> None:
    failure = refusal(leaving(gateway, "team", x_portkey_virtual_key="cheep"), Kind.UNKNOWN_VIRTUAL_KEY)
    assert failure.message == "There is no virtual key 'cheep': did you mean 'cheap'?"
    failure = refusal(leaving(gateway, "team", x_portkey_config="retryin"), Kind.UNKNOWN_CONFIG)
    assert "did you mean 'retrying'?" in failure.message
    failure = refusal(leaving(gateway, "listed", x_portkey_provider="anthropi"), Kind.UNKNOWN_PROVIDER)
    assert "did you mean" not in failure.message


@pytest.mark.parametrize(
    ("holder", "headers", "words"),
    [
        ("fenced", {"x_portkey_provider": "anthropic"}, "use the provider 'anthropic'"),
        ("fenced", {"x_portkey_virtual_key": "claude"}, "use the virtual key 'claude'"),
        ("fenced", inline(provider="openai"), "bring a config of its own"),
        ("fenced", inline(), "bring a config of its own"),
        ("fenced", OPENAI | {"x_portkey_custom_host": "https://a.example/v1"}, "name a host"),
        ("fenced", OPENAI | {"x_portkey_huggingface_base_url": "https://a.example"}, "name a host"),
        ("fenced", OPENAI | {"x_portkey_azure_foundry_url": "https://a.example"}, "name a host"),
        ("listed", OPENAI, "use the provider 'openai'"),
        ("listed", inline(provider="openai"), "use the provider 'openai'"),
        (
            "listed",
            inline(strategy={"mode": "fallback"}, targets=[{"provider": "openai"}]),
            "use the provider 'openai'",
        ),
        ("listed", {"x_portkey_config": "retrying"} | OPENAI, "use the provider 'openai'"),
        ("listed", {"x_portkey_virtual_key": "rich"}, "use the virtual key 'rich'"),
    ],
)
def test_what_an_entry_forbids(gateway: Gateway, holder: str, headers: dict[str, str], words: str) -> None:
    failure = refusal(leaving(gateway, holder, authorization="Bearer sk-mine", **headers))
    assert failure.message == f"Your gateway key may not {words}: ask the operator of the gateway."


def test_what_an_entry_leaves_open(gateway: Gateway) -> None:
    assert b"sk-mine" in sent(leaving(gateway, "fenced", authorization="Bearer sk-mine", **OPENAI)).headers
    assert b"sk-rich" in sent(leaving(gateway, "fenced", x_portkey_config="secretcfg")).headers
    assert b"sk-rich" in sent(leaving(gateway, "fenced", x_portkey_virtual_key="rich")).headers
    claude = sent(
        leaving(gateway, "listed", {"model": "claude-sonnet-4-5", "max_tokens": 5}, x_portkey_virtual_key="claude")
    )
    assert claude.origin.host == "api.anthropic.com"


# Models.


BYPASSES: dict[str, tuple[Any, dict[str, Any]]] = {
    "another": ({"model": "gpt-4o"}, {}),
    "a longer name": ({"model": "gpt-4o-mini-x"}, {}),
    "another case": ({"model": "GPT-4o-mini"}, {}),
    "white space": ({"model": " gpt-4o-mini"}, {}),
    "a list in a name": ({"model": "gpt-4o-mini,gpt-4o"}, {}),
    "override": ({"model": "gpt-4o-mini"}, {"override_params": {"model": "gpt-4o"}}),
    "override with a list": ({"model": "gpt-4o-mini"}, {"override_params": {"model": ["gpt-4o"]}}),
    "override with null": ({"model": "gpt-4o-mini"}, {"override_params": {"model": None}}),
    "default": ({"model": None}, {"default_params": {"model": "gpt-4o"}}),
    "dropped": ({"model": "gpt-4o-mini"}, {"drop_params": ["model"]}),
    "dropped for models": (
        {"model": "gpt-4o-mini"}, {"drop_params": ["model"], "override_params": {"models": ["gpt-4o"]}},
    ),
    "models": ({"model": "gpt-4o-mini", "models": ["gpt-4o"]}, {}),
    "models beside an allowed one": ({"model": "gpt-4o-mini", "models": ["gpt-4o-mini", "gpt-4o"]}, {}),
    "models by override": ({"model": "gpt-4o-mini"}, {"override_params": {"models": ["gpt-4o"]}}),
    "models by default": ({"model": "gpt-4o-mini"}, {"default_params": {"models": ["gpt-4o"]}}),
    "models as text": ({"model": "gpt-4o-mini", "models": "gpt-4o"}, {}),
    "models as objects": ({"model": "gpt-4o-mini", "models": [{"name": "gpt-4o"}]}, {}),
    "member in another case": ({"model": "gpt-4o-mini", "Model": "gpt-4o"}, {}),
    "member in capitals": ({"model": "gpt-4o-mini", "MODEL": "gpt-4o"}, {}),
    "member with a long s": ({"model": "gpt-4o-mini", "model\u017f": ["gpt-4o"]}, {}),
    "model_id": ({"model": "gpt-4o-mini", "model_id": "gpt-4o"}, {}),
    "modelId": ({"model": "gpt-4o-mini", "modelId": "gpt-4o"}, {}),
    "draft model": ({"model": "gpt-4o-mini", "draft_model": "gpt-4o"}, {}),
    "fallbacks": ({"model": "gpt-4o-mini", "fallbacks": ["gpt-4o"]}, {}),
    "preset": ({"model": "gpt-4o-mini", "preset": "operators"}, {}),
    "adapter": ({"model": "gpt-4o-mini", "adapter_id": "a"}, {}),
    "agent": ({"model": "gpt-4o-mini", "agent_id": "a"}, {}),
    "extra_body": ({"model": "gpt-4o-mini", "extra_body": {"preset": "x"}}, {}),
    "nested": ({"model": "gpt-4o-mini", "providerOptions": {"gateway": {"models": ["gpt-4o"]}}}, {}),
    "compound": ({"model": "gpt-4o-mini", "compound_custom": {"models": {"answering_model": "gpt-4o"}}}, {}),
    "in a list": ({"model": "gpt-4o-mini", "plugins": [{"id": "p", "analysis_models": ["gpt-4o"]}]}, {}),
    "tool of the provider": (
        {"model": "gpt-4o-mini", "tools": [{"type": "advisor_20260301", "name": "advisor", "model": "gpt-4o"}]}, {},
    ),
    "doubled": (b'{"model":"gpt-4o-mini","messages":[],"model":"gpt-4o"}', {}),
    "escaped": (b'{"messages":[],"\\u006dodel":"gpt-4o"}', {}),
    "escaped and doubled": (b'{"model":"gpt-4o-mini","messages":[],"\\u006d\\u006fdel":"gpt-4o"}', {}),
    "a number": (b'{"model":"gpt-4o-mini","messages":[],"model_id":7}', {}),
    "unreadable": (b'{"model":"gpt-4o-mini","messages":[],"models":["gpt-4o\\ud800"]}', {}),
}  # fmt: skip


@pytest.mark.parametrize("name", BYPASSES)
@pytest.mark.parametrize("by", ["virtual key", "gateway key"])
def test_the_final_body_is_what_a_list_of_models_judges(gateway: Gateway, name: str, by: str) -> None:
    body, config = BYPASSES[name]
    holder, provider = ("plain", {"virtual_key": "cheap"}) if by == "virtual key" else ("mini", {"provider": "openai"})
    asked = leaving(gateway, holder, body, authorization="Bearer sk-mine", **inline(**provider, **config))
    assert refusal(asked, Kind.MODEL_NOT_ALLOWED).param


@pytest.mark.parametrize(
    ("body", "config"),
    [
        ({"model": "gpt-4o-mini"}, {}),
        ({"model": "gpt-4o"}, {"override_params": {"model": "gpt-4o-mini"}}),
        ({"model": None}, {"default_params": {"model": "gpt-4o-mini"}}),
        ({"model": "gpt-4o-mini", "models": ["gpt-4o-mini"]}, {}),
        ({"model": "gpt-4o-mini", "models": None}, {}),
        ({"model": "gpt-4o-mini", "metadata": {"model": "gpt-4o"}, "user": "model"}, {}),
        ({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "model", "model": "x"}]}, {}),
        (
            {
                "model": "gpt-4o-mini",
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"model": {}}}}}],
                "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"title": "model"}}},
            },
            {},
        ),
        ({"model": "gpt-4o-mini", "store": True}, {"drop_params": ["store", "models"]}),
    ],
)
def test_what_a_list_of_models_does_not_mind(gateway: Gateway, body: Any, config: dict[str, Any]) -> None:
    for holder, provider in (("plain", {"virtual_key": "cheap"}), ("mini", {"provider": "openai"})):
        headers = inline(**provider, **config)
        request = sent(leaving(gateway, holder, body, authorization="Bearer sk-mine", **headers))
        assert json.loads(request.payload)["model"] == "gpt-4o-mini"


def test_openrouters_second_list(gateway: Gateway) -> None:
    config = {
        "virtual_key": "router", "drop_params": ["model"],
        "override_params": {"models": ["anthropic/claude-opus-4.1"]},
    }  # fmt: skip
    refusal(leaving(gateway, "team", {"model": "openai/gpt-4o-mini"}, **inline(**config)), Kind.MODEL_NOT_ALLOWED)


def test_models_in_paths_and_settings_are_judged_too(gateway: Gateway) -> None:
    one = {"operation": Operation.MODEL, "authorization": "Bearer k"}
    refusal(leaving(gateway, "mini", parameters={"id": "gpt-4o"}, **one, **OPENAI), Kind.MODEL_NOT_ALLOWED)
    asked = leaving(gateway, "mini", parameters={"id": "gpt-4o-mini"}, **one, **OPENAI)
    assert sent(asked).target == b"/v1/models/gpt-4o-mini"
    azure = {**AZURE, "x_portkey_azure_resource_name": "r", "authorization": "Bearer k"}
    mini = {"model": "gpt-4o-mini"}
    refusal(
        leaving(gateway, "mini", mini, **azure | {"x_portkey_azure_deployment_id": "gpt-4o"}), Kind.MODEL_NOT_ALLOWED
    )
    sent(leaving(gateway, "mini", mini, **azure | {"x_portkey_azure_deployment_id": "gpt-4o-mini"}))
    v1 = azure | {"x_portkey_azure_api_version": "v1", "x_portkey_azure_deployment_id": "gpt-4o"}
    refusal(leaving(gateway, "mini", mini, **v1), Kind.MODEL_NOT_ALLOWED)
    # The entry allows every model of this virtual key.
    sent(leaving(gateway, "mini", mini, x_portkey_virtual_key="azure"))


def test_embeddings_and_translated_chats_are_judged(gateway: Gateway) -> None:
    raw = b'{"model":"text-embedding-3-small","input":"x","models":["gpt-4o"]}'
    asked = {"operation": Operation.EMBEDDINGS, "authorization": "Bearer k"} | OPENAI
    refusal(leaving(gateway, "mini", raw, **asked), Kind.MODEL_NOT_ALLOWED)
    sent(leaving(gateway, "mini", raw.replace(b',"models":["gpt-4o"]', b""), **asked))
    claude = {"x_portkey_provider": "anthropic", "authorization": "Bearer k"}
    refusal(leaving(gateway, "mini", {"model": "claude-opus-4-1", "max_tokens": 5}, **claude), Kind.MODEL_NOT_ALLOWED)
    refusal(
        leaving(gateway, "mini", {"model": "gpt-4o-mini", "max_tokens": 5, "models": ["claude-x"]}, **claude),
        Kind.MODEL_NOT_ALLOWED,
    )
    lane_2 = sent(leaving(gateway, "mini", {"model": "gpt-4o-mini", "max_tokens": 5}, **claude))
    assert lane_2.lane == 2


@pytest.mark.parametrize("name", ["x-model", "azureml-model-deployment", "x-portkey-config", "x-litellm-model-id"])
def test_a_forwarded_header_names_no_model_beside_a_list(gateway: Gateway, name: str) -> None:
    value = {"x-portkey-config": '{"override_params":{"model":"gpt-4o"}}'}.get(name, "gpt-4o")
    headers = {name.replace("-", "_"): value, "x_portkey_forward_headers": f"{name},x-team", "x_team": "a"}
    headers |= {} if name == "x-portkey-config" else {"x_portkey_virtual_key": "cheap"}
    if name == "x-portkey-config":
        headers["x_portkey_config"] = json.dumps({"virtual_key": "cheap"})
    block = sent(leaving(gateway, "plain", {"model": "gpt-4o-mini"}, **headers)).headers
    assert name.encode() not in block
    assert b"x-team: a" in block


# A gateway key in a second place.


def spelled(text: str) -> dict[str, str]:
    basic = base64.b64encode(f"user:{text}".encode()).decode()
    return {
        "bare": text, "bearer": f"Bearer {text}", "lower case": f"bearer  {text}", "another scheme": f"Token {text}",
        "basic": f"Basic {basic}", "in a list": f"a, {text}", "a cookie": f"session={text}; b=c", "quoted": f'"{text}"',
        "in a URL": f"https://a.example/?key={text}&x=1",
    }  # fmt: skip


@pytest.mark.parametrize("spelling", spelled(""))
@pytest.mark.parametrize("whose", ["plain", "other"])
@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-goog-api-key", "api-key", "x-mine", "x-token"])
def test_no_header_with_a_gateway_key_reaches_a_provider(
    gateway: Gateway, name: str, whose: str, spelling: str
) -> None:
    value = spelled(key(whose))[spelling]
    headers = {name.replace("-", "_"): value, "x_portkey_forward_headers": f"{name},x-team", "x_team": "a"}
    headers |= {"x_portkey_custom_host": "https://a.example/v1"} | OPENAI
    request = sent(leaving(gateway, "plain", **headers))
    assert key(whose).encode() not in request.headers
    assert base64.b64encode(f"user:{key(whose)}".encode()) not in request.headers
    assert b"x-team: a" in request.headers


@pytest.mark.parametrize("whose", ["plain", "other"])
def test_no_setting_of_the_wire_holds_a_gateway_key(gateway: Gateway, whose: str) -> None:
    """Anthropic's callers turn on features by a header of their wire, which goes on to Anthropic's hosts."""
    headers = {"x_portkey_provider": "anthropic", "authorization": "Bearer sk-mine"}
    asked: dict[str, Any] = {"dialect": "anthropic", "body": {"model": "claude-sonnet-4-5", "max_tokens": 5}} | headers
    block = sent(leaving(gateway, anthropic_beta=f"a-1,{key(whose)}", **asked)).headers
    assert key(whose).encode() not in block
    assert b"anthropic-beta: a-1\r\n" in sent(leaving(gateway, anthropic_beta="a-1", **asked)).headers


@pytest.mark.parametrize("name", ["azure_ad_token", "openai_organization", "custom_host", "api_key"])
@pytest.mark.parametrize("whose", ["plain", "other"])
def test_no_setting_sends_a_gateway_key_to_a_provider(gateway: Gateway, name: str, whose: str) -> None:
    value = f"https://a.example/{key(whose)}/v1" if name == "custom_host" else key(whose)
    failure = refusal(leaving(gateway, **inline(provider="openai", **{name: value})), Kind.INVALID_CONFIG)
    assert key(whose) not in failure.message
    header = {f"x_portkey_{name}": value} | OPENAI if name != "api_key" else OPENAI
    request = leaving(gateway, "plain", authorization="Bearer sk-mine", **header)
    assert key(whose).encode() not in sent(request).headers + sent(request).target


def test_a_provider_key_beside_the_gateway_key_is_the_callers(gateway: Gateway) -> None:
    assert b"sk-mine" in sent(leaving(gateway, authorization="Bearer sk-mine", **OPENAI)).headers


@pytest.mark.parametrize(
    "name", ["cookie", "Cookie", "accept-encoding", "content-encoding", "content-length", "transfer-encoding", "host"]
)
def test_headers_that_never_leave(gateway: Gateway, name: str) -> None:
    headers = {name.lower().replace("-", "_"): "value", "authorization": "Bearer sk-mine"} | OPENAI
    block = sent(leaving(gateway, x_portkey_forward_headers=name, **headers)).headers
    assert name.lower().encode() + b":" not in block.lower()


def test_a_worker_that_starts_after_the_keys_are_gone_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor found keys, and hands this on: the file of a worker that starts later may be empty by then."""
    monkeypatch.setenv("PENSTOCK_GUARDED", "file")
    (tmp_path / "penstock.toml").write_text("")
    gateway = build(load({}, {"PENSTOCK_GUARDED": "file"}, tmp_path), tmp_path / "penstock.toml")
    assert gateway.is_guarded
    for holder in (None, "plain"):
        refusal(leaving(gateway, holder, x_portkey_provider="echo"), Kind.INVALID_GATEWAY_KEY)
