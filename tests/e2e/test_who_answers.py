"""Who answers a request that can set its address, its key and its model only; and that no such way leads around the
fences of gateway keys.

Nothing is sent: a test looks at the request that would leave (``PreparedRequest``), or at its refusal.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
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
from penstock.settings import SettingsError, load
from running import catalogue_file

KEYS = {
    "OPENAI_API_KEY": "sk-lent-openai", "ANTHROPIC_API_KEY": "sk-lent-anthropic", "GEMINI_API_KEY": "lent-gemini",
    "OPENROUTER_API_KEY": "sk-lent-openrouter", "GROQ_API_KEY": "lent-groq", "TOGETHER_API_KEY": "lent-together",
}  # fmt: skip
VIRTUAL = """
[virtual_keys.prod]
provider = "openai"
credential = "env:SECRET"

[virtual_keys.secret-one]
provider = "openai"
credential = "env:SECRET"

[virtual_keys.router]
provider = "openrouter"
credential = "env:SECRET"

[virtual_keys.groq]
provider = "openai"
credential = "env:SECRET"

[configs.cheap]
provider = "@prod"
override_params = { model = "gpt-4o-mini" }

[configs.secret-config]
provider = "@secret-one"
"""


FENCED = f"""{VIRTUAL}
{entry("all", 'lend = ["*"]')}
{entry("none")}
{entry("google", 'providers = ["gemini"]' + chr(10) + 'lend = ["gemini"]')}
{entry("prod", 'virtual_keys = ["prod"]' + chr(10) + 'configs = ["cheap"]' + chr(10) + 'providers = ["openai"]')}
{entry("mini", 'models = ["gpt-4o-mini"]' + chr(10) + 'lend = ["*"]')}
{entry("closed", "inline_configs = false" + chr(10) + "custom_hosts = false" + chr(10) + 'providers = ["echo"]')}
"""
CHAT = {"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}


def running(folder: Path, text: str = "", **variables: str) -> Gateway:
    path = folder / "penstock.toml"
    path.write_text(text)
    return build(load({}, {"PENSTOCK_ACCESS_LOG": "false", **variables}, folder), path)


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "SECRET": "sk-of-the-virtual-key"}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def open_gateway(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    return running(tmp_path_factory.mktemp("open"), VIRTUAL)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    return running(tmp_path_factory.mktemp("guarded"), FENCED)


def leaving(
    gateway: Gateway,
    model: str = "gpt-4o",
    path: str | None = None,
    *,
    holder: str | None = None,
    dialect: str = "openai_chat",
    default: str | None = None,
    **headers: str,
) -> PreparedRequest | Failure:
    """The request that would leave for the first target, or why none would."""
    fields = headers_of(**headers)
    if holder is not None:
        fields.append((b"x-portkey-api-key", key(holder).encode()))
    compiler = gateway.pipeline.compiler
    caller = authenticate(dict(fields), compiler.catalogues.current)
    assert not isinstance(caller, Failure), caller
    call = Call(
        Operation.CHAT, CALLERS[dialect], fields, dict(fields), b"", b"", Account(Records(), "POST", "/v1/x"), "/v1/x",
        caller=caller, default_provider=default, path_name=path,
    )  # fmt: skip
    request = call.dialect.reading.body(json.dumps({**CHAT, "model": model}).encode())
    assert not isinstance(request, Failure), request
    call.request = request
    compiled = compiler.compile(call)
    if isinstance(compiled, Failure):
        return compiled
    route = compiler.route(compiled, leaves(compiled.plan)[0], Operation.CHAT)
    return route if isinstance(route, Failure) else prepare(call, route)


def sent(request: PreparedRequest | Failure) -> tuple[str, str, str]:
    """Host, model and credential of a request that leaves."""
    assert isinstance(request, PreparedRequest), request
    lines = dict(line.split(b": ", 1) for line in request.headers.split(b"\r\n") if line)
    fields = {name.lower(): value for name, value in lines.items()}
    shown = fields.get(b"authorization") or fields.get(b"x-api-key") or fields.get(b"x-goog-api-key") or b""
    payload = json.loads(request.payload)
    model = payload.get("model") or request.target.decode().rpartition("/")[2].partition(":")[0]
    return request.origin.host, model, shown.decode().removeprefix("Bearer ")


OPENAI, ANTHROPIC, GOOGLE = "api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com"
ROUTER, GROQ, TOGETHER = "openrouter.ai", "api.groq.com", "api.together.xyz"
VIRTUAL_KEY = "sk-of-the-virtual-key"

CHOICES: list[tuple[str, str | None, tuple[str, str, str]]] = [
    ("openai/gpt-4o", None, (OPENAI, "gpt-4o", "sk-lent-openai")),
    ("@openai/gpt-4o", None, (OPENAI, "gpt-4o", "sk-lent-openai")),
    ("gemini/gemini-2.5-flash", None, (GOOGLE, "gemini-2.5-flash", "lent-gemini")),
    ("@gemini/gemini-2.5-flash", None, (GOOGLE, "gemini-2.5-flash", "lent-gemini")),
    ("claude/claude-haiku-4-5", None, (ANTHROPIC, "claude-haiku-4-5", "sk-lent-anthropic")),
    ("together_ai/meta-llama/Llama-4", None, (TOGETHER, "meta-llama/Llama-4", "lent-together")),
    ("openrouter/openai/gpt-4o", None, (ROUTER, "openai/gpt-4o", "sk-lent-openrouter")),
    ("@prod/gpt-4o", None, (OPENAI, "gpt-4o", VIRTUAL_KEY)),
    # A virtual key has its name before a provider, but only behind an @ and in the path.
    ("@groq/gpt-4o", None, (OPENAI, "gpt-4o", VIRTUAL_KEY)),
    ("groq/llama", None, (GROQ, "llama", "lent-groq")),
    ("gpt-4o", "groq", (OPENAI, "gpt-4o", VIRTUAL_KEY)),
    ("gpt-4o", "prod", (OPENAI, "gpt-4o", VIRTUAL_KEY)),
    ("anything", "cheap", (OPENAI, "gpt-4o-mini", VIRTUAL_KEY)),
    ("gpt-4o", "openai", (OPENAI, "gpt-4o", "sk-lent-openai")),
    ("gemini-2.5-flash", "gemini", (GOOGLE, "gemini-2.5-flash", "lent-gemini")),
    ("openai/gpt-4o", "openrouter", (ROUTER, "openai/gpt-4o", "sk-lent-openrouter")),
    ("openai/gpt-4o", "router", (ROUTER, "openai/gpt-4o", VIRTUAL_KEY)),
]


@pytest.mark.parametrize(("model", "path", "expected"), CHOICES)
def test_the_path_and_the_model_say_who_answers(
    model: str, path: str | None, expected: tuple[str, str, str], open_gateway: Gateway
) -> None:
    assert sent(leaving(open_gateway, model, path)) == expected
    assert sent(leaving(open_gateway, model, path, authorization="Bearer sk-placeholder")) == expected


@pytest.mark.parametrize(
    ("model", "path", "headers", "expected"),
    [
        # A slash belongs to the model of a host that a header names.
        ("openai/gpt-4o", None, {"x_portkey_provider": "openrouter"}, (ROUTER, "openai/gpt-4o")),
        ("openai/gpt-4o", None, {"x_portkey_provider": "@router"}, (ROUTER, "openai/gpt-4o")),
        ("openai/gpt-oss-20b", None, {"x_portkey_provider": "together"}, (TOGETHER, "openai/gpt-oss-20b")),
        ("openai/gpt-4o", None, {"x_portkey_config": '{"provider":"openrouter"}'}, (ROUTER, "openai/gpt-4o")),
        ("@openai/gpt-4o", None, {"x_portkey_provider": "openrouter"}, (ROUTER, "@openai/gpt-4o")),
        # A header wins over the path, as it wins over a config.
        ("llama", "openai", {"x_portkey_provider": "groq"}, (GROQ, "llama")),
        ("gpt-4o", "groq", {"x_portkey_virtual_key": "prod"}, (OPENAI, "gpt-4o")),
        ("llama", "cheap", {"x_portkey_config": '{"provider":"groq"}'}, (GROQ, "llama")),
        ("llama", "no-such", {"x_portkey_provider": "groq"}, (GROQ, "llama")),
        # The path's name is the provider of a config that names none.
        ("llama", "together", {"x_portkey_config": '{"retry":{"attempts":1}}'}, (TOGETHER, "llama")),
        # Aliases stand wherever slugs do.
        ("m", None, {"x_portkey_provider": "gemini"}, (GOOGLE, "m")),
        ("m", None, {"x_portkey_config": '{"provider":"claude"}'}, (ANTHROPIC, "m")),
        ("m", None, {"x_portkey_config": '{"override_params":{"model":"@gemini/x"}}'}, (GOOGLE, "x")),
    ],
)
def test_headers_come_first(
    model: str, path: str | None, headers: dict[str, str], expected: tuple[str, str], open_gateway: Gateway
) -> None:
    assert sent(leaving(open_gateway, model, path, **headers))[:2] == expected


def test_a_prefix_comes_before_the_provider_that_is_usual_at_a_path(open_gateway: Gateway) -> None:
    ask: dict[str, Any] = {"dialect": "anthropic", "default": "anthropic"}
    assert sent(leaving(open_gateway, "openai/gpt-4o", **ask))[:2] == (OPENAI, "gpt-4o")
    assert sent(leaving(open_gateway, "claude-haiku-4-5", **ask))[0] == ANTHROPIC


@pytest.mark.parametrize(
    ("default", "model", "expected"),
    [
        ("openai", "gpt-4o", (OPENAI, "gpt-4o")),
        ("@prod", "gpt-4o", (OPENAI, "gpt-4o")),
        ("gemini", "gemini-2.5-flash", (GOOGLE, "gemini-2.5-flash")),
        ("openai", "anthropic/claude-haiku-4-5", (ANTHROPIC, "claude-haiku-4-5")),
        ("openai", "@groq/llama", (OPENAI, "llama")),
        ("openai", "meta-llama/Llama-4", (OPENAI, "meta-llama/Llama-4")),
        # Names of these hosts hold slashes: only an @ leads elsewhere.
        ("openrouter", "anthropic/claude-haiku-4-5", (ROUTER, "anthropic/claude-haiku-4-5")),
        ("together", "openai/gpt-oss-20b", (TOGETHER, "openai/gpt-oss-20b")),
        ("@router", "openai/gpt-4o", (ROUTER, "openai/gpt-4o")),
        ("openrouter", "@openai/gpt-4o", (OPENAI, "gpt-4o")),
        ("openrouter", "@cf/meta/llama", (ROUTER, "@cf/meta/llama")),
    ],
)
def test_a_default_provider_needs_no_file(default: str, model: str, expected: tuple[str, str], tmp_path: Path) -> None:
    gateway = running(tmp_path, VIRTUAL, PENSTOCK_DEFAULT_PROVIDER=default)
    assert sent(leaving(gateway, model))[:2] == expected
    assert sent(leaving(gateway, model, dialect="anthropic", default="anthropic"))[0] == expected[0]


def test_the_flag_names_the_default_provider(tmp_path: Path) -> None:
    settings = load({"provider": "groq"}, {"PENSTOCK_ACCESS_LOG": "false"}, tmp_path)
    assert settings.routing.default_provider == "groq"
    assert sent(leaving(build(settings), "llama"))[0] == GROQ


@pytest.mark.parametrize(
    ("name", "hint"), [("opnai", "did you mean 'openai'?"), ("@prd", "no [virtual_keys.prd]"), ("gpt-4o", "providers")]
)
def test_a_default_provider_must_exist(name: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"routing\.default_provider") as caught:
        running(tmp_path, VIRTUAL, PENSTOCK_DEFAULT_PROVIDER=name)
    assert hint in str(caught.value)


def test_a_default_config_keeps_slashes_and_at_leads_elsewhere(tmp_path: Path) -> None:
    config = '\n[configs.main]\nprovider = "openrouter"\n'
    gateway = running(tmp_path, VIRTUAL + config, PENSTOCK_ROUTING_DEFAULT_CONFIG="main")
    assert sent(leaving(gateway, "openai/gpt-4o")) == (ROUTER, "openai/gpt-4o", "sk-lent-openrouter")
    assert sent(leaving(gateway, "@openai/gpt-4o"))[:2] == (OPENAI, "gpt-4o")
    assert sent(leaving(gateway, "x", authorization="Bearer dummy"))[2] == "sk-lent-openrouter"


# Placeholders and lent keys.


@pytest.mark.parametrize("shown", ["x", "none", "dummy", "sk-placeholder", "sk-no-key-required", "EMPTY", "null", ""])
def test_a_placeholder_is_no_key_where_one_is_lent(shown: str, open_gateway: Gateway) -> None:
    for headers in ({"authorization": f"Bearer {shown}"}, {"x_api_key": shown}, {"x_portkey_api_key": shown}):
        assert sent(leaving(open_gateway, "openai/gpt-4o", **headers))[2] == "sk-lent-openai"


@pytest.mark.parametrize("shown", ["sk-mine", "sk-proj-4fJ7dK2mQ9", "k", "team-a-key"])
def test_what_may_be_a_key_is_never_replaced(shown: str, open_gateway: Gateway) -> None:
    assert sent(leaving(open_gateway, "openai/gpt-4o", authorization=f"Bearer {shown}"))[2] == shown


def test_a_placeholder_goes_on_where_nothing_is_lent(open_gateway: Gateway) -> None:
    local = {"x_portkey_custom_host": "http://localhost:9/v1", "x_portkey_provider": "openai"}
    assert sent(leaving(open_gateway, "m", authorization="Bearer x", **local))[2] == "x"
    assert sent(leaving(open_gateway, "deepseek/m", authorization="Bearer sk-dummy"))[2] == "sk-dummy"


def test_a_virtual_keys_credential_is_the_operators(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "dummy")
        gateway = running(tmp_path, VIRTUAL)
    assert sent(leaving(gateway, "@prod/gpt-4o"))[2] == "dummy"


# Fences: the same ones, whichever way a target is named.


def refusal(request: PreparedRequest | Failure, *kinds: Kind) -> Failure:
    assert isinstance(request, Failure), request
    assert request.kind in kinds, request
    return request


WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "header": lambda name: {"x_portkey_provider": name},
    "header with @": lambda name: {"x_portkey_provider": f"@{name}"},
    "path": lambda name: {"path": name},
    "model": lambda name: {"model": f"{name}/gpt-4o"},
    "model with @": lambda name: {"model": f"@{name}/gpt-4o"},
    "config": lambda name: {"x_portkey_config": json.dumps({"provider": name})},
    "model of a config": lambda name: {
        "x_portkey_config": json.dumps({"override_params": {"model": f"@{name}/gpt-4o"}})
    },
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("holder", "name"),
    [
        ("google", "openai"), ("google", "claude"), ("google", "anthropic"), ("google", "vertex_ai"),
        ("google", "echo"), ("prod", "gemini"), ("prod", "google"), ("prod", "openrouter"), ("closed", "openai"),
        ("closed", "azure"), ("closed", "ollama"),
    ],
)  # fmt: skip
def test_no_way_leads_to_a_provider_that_is_not_permitted(way: str, holder: str, name: str, guarded: Gateway) -> None:
    refusal(leaving(guarded, holder=holder, **WAYS[way](name)), Kind.NOT_ALLOWED)


@pytest.mark.parametrize("ask", [
    {"path": "secret-one"}, {"model": "@secret-one/gpt-4o"}, {"x_portkey_provider": "@secret-one"},
    {"x_portkey_virtual_key": "secret-one"}, {"path": "secret-config"}, {"x_portkey_config": "secret-config"},
    {"path": "cheap", "x_portkey_provider": "@secret-one", "x_portkey_config": "{}"},
    {"path": "prod", "x_portkey_virtual_key": "secret-one"}, {"path": "router"}, {"path": "groq"},
    {"model": "@groq/gpt-4o"},
])  # fmt: skip
def test_no_way_leads_to_what_is_not_listed(ask: dict[str, Any], guarded: Gateway) -> None:
    refusal(leaving(guarded, holder="prod", **ask), Kind.NOT_ALLOWED)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "config" and "config" not in way])
def test_a_permitted_provider_is_reached_every_way(way: str, guarded: Gateway) -> None:
    assert sent(leaving(guarded, holder="google", **WAYS[way]("gemini")))[::2] == (GOOGLE, "lent-gemini")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("holder", ["none", "prod", "closed"])
def test_no_way_borrows_a_key_that_is_not_lent(way: str, holder: str, guarded: Gateway) -> None:
    for shown in ("", "Bearer x", "Bearer sk-placeholder"):
        found = leaving(guarded, holder=holder, **WAYS[way]("openai"), **({"authorization": shown} if shown else {}))
        if isinstance(found, PreparedRequest):
            assert b"lent" not in found.headers
            assert b"virtual-key" not in found.headers
        else:
            assert found.kind in {Kind.MISSING_API_KEY, Kind.NOT_ALLOWED}


@pytest.mark.parametrize("ask", [
    {"model": "openai/gpt-4o"}, {"model": "@openai/gpt-4o"}, {"path": "openai"}, {"model": "openai/gpt-4o-mini,gpt-4o"},
    {"model": "@openai/@openai/gpt-4o-mini"}, {"model": "openai/openai/gpt-4o-mini"}, {"path": "prod"},
    {"path": "openai", "model": "openai/gpt-4o-mini"}, {"model": "@prod/gpt-4o"},
])  # fmt: skip
def test_models_are_judged_without_what_names_the_provider(ask: dict[str, Any], guarded: Gateway) -> None:
    refusal(leaving(guarded, holder="mini", **ask), Kind.MODEL_NOT_ALLOWED)
    assert sent(leaving(guarded, "openai/gpt-4o-mini", holder="mini"))[1] == "gpt-4o-mini"


@pytest.mark.parametrize("default", ["openai", "@secret-one", "azure"])
def test_a_default_provider_is_fenced_like_any_other(default: str, tmp_path: Path) -> None:
    gateway = running(tmp_path, FENCED, PENSTOCK_DEFAULT_PROVIDER=default)
    refusal(leaving(gateway, holder="google"), Kind.NOT_ALLOWED)


@pytest.mark.parametrize("ask", [
    {"path": "secret-on"}, {"model": "@secret-on/m"}, {"x_portkey_provider": "@secret-on"}, {"path": "secret-confg"},
    {"path": "openrouterr"}, {"model": "@openrouterr/m"}, {"x_portkey_provider": "openrouterr"},
])  # fmt: skip
def test_no_error_suggests_what_the_caller_may_not_use(ask: dict[str, Any], guarded: Gateway) -> None:
    failure = refusal(leaving(guarded, holder="prod", **ask), Kind.UNKNOWN_PROVIDER, Kind.UNKNOWN_VIRTUAL_KEY)
    told = failure.message.replace(next(iter(ask.values())).strip("@").partition("/")[0], "")
    assert not any(name in told for name in ("secret-one", "secret-config", "openrouter"))


def test_a_hint_names_what_the_caller_may_use(guarded: Gateway) -> None:
    failure = refusal(leaving(guarded, path="chep", holder="prod"), Kind.UNKNOWN_PROVIDER)
    assert "did you mean 'cheap'?" in failure.message
    assert failure.param == "path"


def test_a_gateway_key_is_no_name(guarded: Gateway) -> None:
    failure = refusal(leaving(guarded, path=key("prod"), holder="prod"), Kind.UNKNOWN_PROVIDER)
    assert failure.status == 400


@pytest.mark.parametrize("name", ["gemini", "@gemini"])
def test_a_new_virtual_key_takes_over_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "penstock.toml"
    gateway = running(tmp_path, VIRTUAL)
    ask: dict[str, Any] = {"path": "gemini"} if name == "gemini" else {"model": "@gemini/m"}
    assert sent(leaving(gateway, **ask))[0] == GOOGLE
    path.write_text(f'{VIRTUAL}\n[virtual_keys.gemini]\nprovider = "openai"\ncredential = "env:SECRET"\n')
    asyncio.run(catalogue_file(gateway)._reread(path))
    assert sent(leaving(gateway, **ask))[::2] == (OPENAI, VIRTUAL_KEY)
