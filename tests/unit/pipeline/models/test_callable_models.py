"""The models that a caller can call with an address and a key alone; each that is listed can be called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from calling import LIMITS, OPENAI, TRACE, headers_of, json_reply
from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.choice import Names
from penstock.pipeline.compile import Compiler
from penstock.pipeline.models.callable_models import CallableModels
from penstock.pipeline.models.host_models import HostModels
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.upstream import Upstream
from penstock.providers.registry import ALIASES, MANY_MAKERS, PROVIDERS
from penstock.routing.plan import leaves
from penstock.stores.catalogue import Catalogue, GatewayKey, SavedConfig, VirtualKey
from penstock.stores.memory import MemoryCatalogue
from penstock.transport.base import Reply, Request

MODELS = {
    "api.openai.com": ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"],
    "api.groq.com": ["llama-3.3-70b-versatile", "openai/gpt-oss-20b"],
    "openrouter.ai": ["anthropic/claude-haiku-4.5", "openai/gpt-4o"],
    "api.anthropic.com": ["claude-haiku-4-5"],
    "generativelanguage.googleapis.com": ["models/gemini-2.5-flash"],
}
VIRTUAL: dict[str, Any] = {
    "prod": VirtualKey("prod", "openai", Secret("vk-1"), models=("gpt-4o*",)),
    "named": VirtualKey("named", "perplexity-ai", Secret("vk-2"), models=("sonar", "sonar-pro")),
    "azure": VirtualKey(
        "azure", "azure-openai", Secret("vk-3"), options={"resource_name": "r", "deployment_id": "our-gpt"}
    ),
    "router": VirtualKey("router", "openrouter", Secret("vk-4")),
}
MINI = {"override_params": {"model": "gpt-4o-mini"}}
CONFIGS: dict[str, Any] = {
    "fixed": {"provider": "@prod", **MINI},
    "free": {"provider": "@prod"},
    "balanced": {
        "strategy": {"mode": "loadbalance"},
        "targets": [{"provider": "@prod", **MINI}, {"provider": "@prod"}],
    },
    "fallback": {"strategy": {"mode": "fallback"}, "targets": [{"provider": "@prod"}, {"provider": "@named"}]},
    "choice": {
        "strategy": {
            "mode": "conditional",
            "conditions": [
                {"query": {"params.model": "fast"}, "then": "a"},
                {"query": {"params.model": {"$in": ["slow", "other"]}}, "then": "b"},
                {"query": {"params.model": {"$eq": "sonar"}}, "then": "c"},
            ],
        },
        "targets": [
            {"name": "a", "provider": "@prod", **MINI},
            {"name": "b", "provider": "@prod"},
            {"name": "c", "provider": "@named"},
        ],
    },
}


class Hosts:
    """Every host's own list. ``asked`` are the hosts that were asked, ``broken`` those that answer with an error."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken: set[str] = set()

    async def send(self, request: Request) -> Reply | Failure:
        host = request.origin.host
        self.asked.append(host)
        if host in self.broken:
            return Failure(Kind.CONNECTION_REFUSED, "No.")
        listed = [{"id": name, "object": "model"} for name in MODELS.get(host, ())]
        return json_reply(json.dumps({"data": listed}).encode())

    async def close(self) -> None:
        """Nothing is open."""


class World:
    """A gateway's compiler and its lists."""

    def __init__(
        self, *, lent: tuple[str, ...] = (), default_config: str = "", default: str | None = None, **virtual: VirtualKey
    ) -> None:
        self.hosts = Hosts()
        configs = {name: SavedConfig(name, json.dumps(body).encode()) for name, body in CONFIGS.items()}
        catalogue = MemoryCatalogue(Catalogue(virtual, configs))
        keys = {slug: Secret(f"lent-{slug}") for slug in lent}
        names = Names(PROVIDERS.keys(), ALIASES, MANY_MAKERS, default)
        self.compiler = Compiler(
            PROVIDERS, AddressPolicy(LOOPBACK_NAMES), LIMITS, keys, catalogue, names=names,
            default_config=default_config,
        )  # fmt: skip
        ways: Mapping[str, Any] = {"https": self.hosts, "http": self.hosts}
        authorizer = Authorizer(ways)
        upstream = Upstream(ways, authorizer, ModelAliases(ways, authorizer))
        self.models = CallableModels(self.compiler, HostModels(upstream))

    async def ask(
        self, name: str | None = None, *, path: str | None = None, key: GatewayKey | None = None, **headers: str
    ) -> Answer | Failure | None:
        fields = headers_of(**headers)
        call = Call(
            Operation.MODELS if name is None else Operation.MODEL, OPENAI, fields, dict(fields), b"", TRACE,
            Account(Records(), "GET", "/v1/models"), "/v1/models", {} if name is None else {"id": name},
            caller=Caller(key), path_name=path,
        )  # fmt: skip
        return await self.models.answer(call)

    async def listed(self, key: GatewayKey | None = None, **asked: Any) -> list[str]:
        answer = await self.ask(key=key, **asked)
        assert isinstance(answer, Answer), answer
        return [model["id"] for model in json.loads(answer.body)["data"]]

    def chat(self, model: str, key: GatewayKey | None = None) -> PreparedRequest | Failure:
        """The chat request for a model that leaves for one of the targets, or why none does."""
        body = json.dumps({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}).encode()
        call = Call(
            Operation.CHAT, OPENAI, [], {}, body, TRACE, Account(Records(), "POST", "/v1/chat/completions"),
            "/v1/chat/completions", caller=Caller(key), request=OPENAI.reading.body(body),  # type: ignore[arg-type]
        )  # fmt: skip
        compiled = self.compiler.compile(call)
        if isinstance(compiled, Failure):
            return compiled
        found: PreparedRequest | Failure = Failure(Kind.INTERNAL, "There is no target.")
        for target in leaves(compiled.plan):
            route = self.compiler.route(compiled, target, Operation.CHAT)
            found = route if isinstance(route, Failure) else prepare(call, route)
            if isinstance(found, PreparedRequest):
                return found
        return found


def gateway_key(**limits: Any) -> GatewayKey:
    return GatewayKey("team", b"1" * 32, **limits)


LENT = ("openai", "groq", "anthropic", "google")
KEYS: dict[str, GatewayKey | None] = {
    "nobody's": None,
    "plain": gateway_key(),
    "lent": gateway_key(lend=frozenset({"*"})),
    "one provider": gateway_key(lend=frozenset({"*"}), providers=frozenset({"groq"})),
    "one virtual key": gateway_key(virtual_keys=frozenset({"named"}), providers=frozenset()),
    "some models": gateway_key(lend=frozenset({"*"}), models=("gpt-4o-mini", "@named/sonar*", "claude-*")),
    "a config": gateway_key(config="fixed", configs=frozenset({"fixed"})),
    "a condition": gateway_key(config="choice", lend=frozenset({"groq"})),
    "no config": gateway_key(configs=frozenset(), lend=frozenset({"*"})),
}
WORLDS: dict[str, dict[str, Any]] = {
    "nothing set": {},
    "lent": {"lent": LENT},
    "virtual keys": VIRTUAL,
    "both": {"lent": (*LENT, "openrouter"), **VIRTUAL},
    "default provider": {"lent": LENT, "default": "openai", **VIRTUAL},
    "default host of many makers": {"lent": (*LENT, "openrouter"), "default": "openrouter", **VIRTUAL},
    "default virtual key": {"lent": LENT, "default": "@router", **VIRTUAL},
    "a virtual key of a provider's name": {"lent": LENT, "groq": VIRTUAL["prod"], **VIRTUAL},
    **{f"default config {name}": {"lent": LENT, "default_config": name, **VIRTUAL} for name in CONFIGS},
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("holder", KEYS)
async def test_each_model_that_is_listed_can_be_called_and_asked_for(world: str, holder: str) -> None:
    made, key = World(**WORLDS[world]), KEYS[holder]
    for name in await made.listed(key):
        assert isinstance(made.chat(name, key), PreparedRequest), name
        answer = await made.ask(name, key=key)
        assert isinstance(answer, Answer), answer
        assert json.loads(answer.body)["id"] == name


OF_VIRTUAL_KEYS = [
    "@prod/gpt-4o", "@prod/gpt-4o-mini", "@named/sonar", "@named/sonar-pro", "@azure/our-gpt",
    "@router/anthropic/claude-haiku-4.5", "@router/openai/gpt-4o",
]  # fmt: skip
OF_OPENAI = ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"]


@pytest.mark.parametrize(
    ("world", "holder", "expected"),
    [
        ("nothing set", "nobody's", ["echo/echo"]),
        (
            "lent",
            "nobody's",
            [
                "anthropic/claude-haiku-4-5",
                "google/gemini-2.5-flash",
                "groq/llama-3.3-70b-versatile",
                "groq/openai/gpt-oss-20b",
                *(f"openai/{name}" for name in OF_OPENAI),
                "echo/echo",
            ],
        ),
        ("virtual keys", "nobody's", [*OF_VIRTUAL_KEYS, "echo/echo"]),
        ("both", "plain", [*OF_VIRTUAL_KEYS, "echo/echo"]),
        ("both", "one virtual key", ["@named/sonar", "@named/sonar-pro"]),
        ("lent", "one provider", ["groq/llama-3.3-70b-versatile", "groq/openai/gpt-oss-20b"]),
        (
            "both",
            "some models",
            [
                "@prod/gpt-4o-mini",
                "@named/sonar",
                "@named/sonar-pro",
                "anthropic/claude-haiku-4-5",
                "openai/gpt-4o-mini",
            ],
        ),
        ("virtual keys", "a config", ["gpt-4o-mini", *OF_VIRTUAL_KEYS, "@echo/echo"]),
        ("default config fixed", "plain", ["gpt-4o-mini", *OF_VIRTUAL_KEYS, "@echo/echo"]),
        ("default config free", "plain", ["gpt-4o", "gpt-4o-mini", *OF_VIRTUAL_KEYS, "@echo/echo"]),
        ("default config balanced", "plain", ["gpt-4o-mini", "gpt-4o", *OF_VIRTUAL_KEYS, "@echo/echo"]),
        (
            "default config fallback",
            "plain",
            ["gpt-4o", "gpt-4o-mini", "sonar", "sonar-pro", *OF_VIRTUAL_KEYS, "@echo/echo"],
        ),
        ("default config choice", "plain", ["fast", "sonar", *OF_VIRTUAL_KEYS, "@echo/echo"]),
        ("default config fixed", "no config", None),
        ("default provider", "plain", [*OF_VIRTUAL_KEYS, "echo/echo"]),
    ],
)
async def test_what_is_listed(world: str, holder: str, expected: list[str] | None) -> None:
    made = World(**WORLDS[world])
    listed = await made.listed(KEYS[holder])
    if expected is None:  # the config is not the caller's to use
        assert "gpt-4o-mini" not in listed
        assert "@openai/gpt-4o-mini" in listed
    else:
        assert sorted(listed) == sorted(expected)


async def test_a_default_providers_models_have_their_own_names() -> None:
    listed = await World(**WORLDS["default provider"]).listed()
    assert listed[:3] == OF_OPENAI
    assert "openai/gpt-4o" not in listed
    assert "groq/llama-3.3-70b-versatile" in listed
    of_many = await World(**WORLDS["default host of many makers"]).listed()
    assert of_many[:2] == ["anthropic/claude-haiku-4.5", "openai/gpt-4o"]
    assert "@groq/llama-3.3-70b-versatile" in of_many


async def test_a_host_that_fails_is_left_out() -> None:
    world = World(lent=("openai", "groq"))
    world.hosts.broken.add("api.openai.com")
    assert await world.listed() == ["groq/llama-3.3-70b-versatile", "groq/openai/gpt-oss-20b", "echo/echo"]


async def test_the_callers_own_key_is_for_no_provider_that_it_does_not_name() -> None:
    world = World(lent=("groq",))
    listed = await world.listed(authorization="Bearer sk-4fJ7dK2mQ9")
    assert {name.partition("/")[0] for name in listed} == {"groq", "echo"}


async def test_lists_are_asked_for_once() -> None:
    world = World(lent=("openai",))
    await world.listed()
    await world.listed()
    assert world.hosts.asked.count("api.openai.com") == 1


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("openai/gpt-4o", True),
        ("@openai/gpt-4o", True),
        ("gemini/gemini-2.5-flash", True),
        ("@gemini/gemini-2.5-flash", True),
        ("claude/claude-haiku-4-5", True),
        ("groq/openai/gpt-oss-20b", True),
        ("gpt-4o", False),
        ("openai/gpt-9", False),
        ("mistral/x", False),
        ("echo-429", False),
    ],
)
async def test_one_model(name: str, found: bool) -> None:
    answer = await World(lent=LENT).ask(name)
    if found:
        assert isinstance(answer, Answer)
        assert json.loads(answer.body)["id"] == name
        assert isinstance(World(lent=LENT).chat(name), PreparedRequest)
    else:
        assert isinstance(answer, Failure)
        assert (answer.kind, answer.status, answer.param) == (Kind.MODEL_NOT_FOUND, 404, "model")


@pytest.mark.parametrize(
    "asked", [{"x_portkey_provider": "groq"}, {"path": "groq"}, {"x_portkey_virtual_key": "router"}]
)
async def test_a_named_provider_answers_itself(asked: dict[str, Any]) -> None:
    world = World(lent=LENT, **VIRTUAL)
    assert await world.ask(**asked) is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"path": "prod"}, ["gpt-4o", "gpt-4o-mini"]),
        ({"path": "fixed"}, ["gpt-4o-mini"]),
        ({"x_portkey_config": "choice"}, ["fast", "sonar"]),
        ({"x_portkey_config": json.dumps({"provider": "@named"})}, ["sonar", "sonar-pro"]),
        ({"x_portkey_provider": "anthropic"}, ["claude-haiku-4-5"]),
        ({"path": "claude"}, ["claude-haiku-4-5"]),
    ],
)
async def test_the_models_of_a_target_that_is_named(asked: dict[str, Any], expected: list[str]) -> None:
    assert await World(lent=LENT, **VIRTUAL).listed(**asked) == expected


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"path": "no-such"}, Kind.UNKNOWN_PROVIDER),
        ({"x_portkey_provider": "perplexity-ai", "authorization": "Bearer k"}, Kind.UNSUPPORTED_OPERATION),
        ({"x_portkey_provider": "openai"}, Kind.NOT_ALLOWED),
        ({"path": "prod"}, Kind.NOT_ALLOWED),
        ({"x_portkey_config": "free"}, Kind.NOT_ALLOWED),
    ],
)
async def test_what_is_refused(asked: dict[str, Any], kind: Kind) -> None:
    key = gateway_key(
        providers=frozenset({"groq", "perplexity-ai"}), virtual_keys=frozenset(), configs=frozenset({"fixed"})
    )
    answer = await World(lent=LENT, **VIRTUAL).ask(key=key, **asked)
    assert isinstance(answer, Failure)
    assert answer.kind is kind
