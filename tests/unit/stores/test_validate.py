"""What a virtual key, a config and a gateway key must be, apart from any file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from penstock.core.permissions import Permissions
from penstock.core.secret import Secret
from penstock.stores.catalogue import GatewayKey, SavedConfig, VirtualKey, digest_of
from penstock.stores.validate import Definition, Unusable, gateway_keys, name_problem, saved_configs, virtual_key

HASH = digest_of("pk-a")


def gateway_key(problems: list[str], **values: Any) -> GatewayKey:
    [key] = gateway_keys([Definition("keys", "a", {"hash": HASH, **values}, problems)], {}, {})
    return key


def resolve(reference: str) -> str:
    if reference == "env:MISSING":
        raise Unusable("there is none")
    return f"secret of {reference}"


def test_a_virtual_key_with_its_credential() -> None:
    problems: list[str] = []
    definition = Definition("virtual_keys", "v", {"provider": "openai", "credential": "env:A", "zone": 3}, problems)
    assert virtual_key(definition, ("openai",), resolve) == VirtualKey(
        "v", "openai", Secret("secret of env:A"), options={"zone": "3"}
    )
    assert problems == []


def test_settings_may_be_references_where_the_source_resolves_them() -> None:
    problems: list[str] = []
    values = {"provider": "openai", "base_url": "env:BASE/openai", "region": "env:A", "zone": "env:MISSING", "x": "env"}
    given = [Definition("virtual_keys", "v", values, problems) for _ in range(2)]
    key = virtual_key(given[0], ("openai",), resolve, {}, lambda name: f"https://{resolve(name)[-1]}/".lower())
    assert (key.base_url, key.options) == ("https://e/openai", {"region": "https://a/", "x": "env"})
    assert problems == ["virtual_keys.v.zone: there is none"]
    problems.clear()
    assert virtual_key(given[1], ("openai",), resolve).options == {"region": "env:A", "zone": "env:MISSING", "x": "env"}


def test_headers_of_a_virtual_key_may_be_references_and_are_judged() -> None:
    problems: list[str] = []
    headers = {"X-Tenant": "acme", "x-token": "env:A", "host": "h", "x-b": "env:MISSING", "x-c": 1, "x-d": "a\r\nb"}
    definition = Definition("virtual_keys", "v", {"provider": "openai", "headers": headers}, problems)
    key = virtual_key(definition, ("openai",), resolve, {}, resolve)
    assert key.headers == {"x-tenant": Secret("acme"), "x-token": Secret("secret of env:A")}
    assert problems == [
        "virtual_keys.v.headers.host: this header belongs to the gateway",
        "virtual_keys.v.headers.x-b: there is none",
        "virtual_keys.v.headers.x-c: expected text",
        "virtual_keys.v.headers.x-d: the value of header x-d holds a control character",
    ]


def test_problems_say_where_the_definition_is_from() -> None:
    problems: list[str] = []
    values = {"provider": "opnai", "credential": "env:MISSING"}
    virtual_key(Definition("virtual_keys", "v", values, problems, "in the request"), ("openai",), resolve)
    virtual_key(Definition("virtual_keys", "w", {}, problems), ("openai",), resolve)
    assert problems == [
        "virtual_keys.v.provider in the request: there is no provider opnai: did you mean openai?",
        "virtual_keys.v.credential in the request: there is none",
        "virtual_keys.w.provider: missing: a virtual key belongs to a provider",
    ]


def test_a_config_is_found_by_name_and_by_id_and_judged_beside_the_virtual_keys() -> None:
    problems: list[str] = []
    definitions = [
        Definition("configs", "good", {"id": "pc-1", "is": {"provider": "echo"}}, problems),
        Definition("configs", "bad", {"is": {"retry": 1}}, problems),
        Definition("configs", "none", {"is": []}, problems),
    ]
    virtual_keys = {"v": VirtualKey("v", "echo")}

    def check(body: bytes, beside: Mapping[str, VirtualKey]) -> str | None:
        assert beside is virtual_keys
        return "retry must be an object" if b"retry" in body else None

    configs = saved_configs(definitions, lambda values: values["is"], check, virtual_keys)
    good = SavedConfig("good", b'{"provider":"echo"}')
    assert (configs["good"], configs["pc-1"]) == (good, good)
    assert problems == ["configs.bad: retry must be an object", "configs.none: the config must be an object"]


def test_gateway_keys_name_only_what_there_is() -> None:
    problems: list[str] = []
    values = {"hash": HASH, "virtual_keys": ["prod", "prd"], "configs": ["pc-1"], "config": "c"}
    keys = gateway_keys(
        [Definition("keys", "a", values, problems)],
        {"prod": VirtualKey("prod", "echo")},
        {"c": SavedConfig("c", b"{}"), "pc-1": SavedConfig("c", b"{}")},
    )
    digest = bytes.fromhex(HASH.removeprefix("sha256:"))
    assert keys == (GatewayKey("a", digest, frozenset({"prod"}), frozenset({"c"}), "c"),)
    assert problems == ["keys.a.virtual_keys: there is no virtual key prd: did you mean prod?"]


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"team": "search", "cost centre": ""},
        {"n" * 64: "v" * 64},
        {f"label-{number}": "x" for number in range(20)},
    ],
    ids=["none", "two", "long", "many"],
)
def test_labels_of_a_gateway_key(labels: dict[str, str]) -> None:
    problems: list[str] = []
    assert gateway_key(problems, labels=labels).labels == labels
    assert problems == []


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["team"], '.labels: expected texts by name, such as { team = "search" }'),
        ({"team": 1}, '.labels: expected texts by name, such as { team = "search" }'),
        ({f"label-{number}": "x" for number in range(21)}, ".labels: there are 21 labels, and 20 at most may be set"),
        *[
            (
                {name: value},
                f".labels.{name[:64]}: name and value of a label have at most 64 characters, and the name at least one",
            )
            for name, value in (("team", "x" * 65), ("n" * 65, "x"), ("", "x"))
        ],
    ],
    ids=["a list", "a number", "too many", "long value", "long name", "no name"],
)
def test_labels_that_can_not_be_used(labels: Any, problem: str) -> None:
    problems: list[str] = []
    gateway_key(problems, labels=labels)
    assert problems == [f"keys.a{problem}"]


def test_what_a_gateway_key_permits() -> None:
    problems: list[str] = []
    key = gateway_key(
        problems,
        providers=["openai", "*"],
        models=["gpt-4o*", "@prod/*"],
        inline_configs=False,
        lend=["openai"],
        hosts=["LocalHost", "[::1]", "10.0.0.0/8"],
    )
    assert problems == []
    assert key.permissions == Permissions(
        providers=frozenset({"openai", "*"}),
        models=("gpt-4o*", "@prod/*"),
        inline_configs=False,
        hosts=("localhost", "::1", "10.0.0.0/8"),
        lent_keys=frozenset({"openai"}),
        lent_identity=frozenset({"openai"}),
    )


def test_a_gateway_key_that_says_nothing_is_lent_nothing() -> None:
    permissions = gateway_key([]).permissions
    assert permissions == Permissions()
    assert not permissions.lends_key("openai")
    assert not permissions.lends_identity("bedrock")
    assert permissions.hosts == ()


def test_the_words_of_the_admin_api_are_understood() -> None:
    problems: list[str] = []
    key = gateway_key(problems, allowed_models=["m"], allowed_providers=["echo"])
    assert (key.models, key.providers, problems) == (("m",), frozenset({"echo"}), [])
    gateway_key(problems, allowed_models=["m"], models=["m"])
    assert problems == ["keys.a.allowed_models: it is models under another name: leave one of them out"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"lend": ["opnai"]}, ".lend: there is no provider opnai: did you mean openai?"),
        ({"lend": "openai"}, ".lend: expected a list of texts"),
        ({"lend": True}, ".lend: expected a list of texts"),
        ({"providers": ["zzz"]}, ".providers: there is no provider zzz: penstock providers lists all"),
        ({"models": "gpt-4o"}, ".models: expected a list of texts"),
        ({"inline_configs": "no"}, ".inline_configs: expected true or false"),
        ({"custom_hosts": 0}, ".custom_hosts: expected true or false"),
        ({"hosts": "localhost"}, ".hosts: expected a list of texts"),
        ({"hosts": ["a b"]}, ".hosts: a b is no host, such as localhost, *.gpu.lan or 10.1.0.0/16"),
        ({"hosts": ["10.0.0.0/99"]}, ".hosts: 10.0.0.0/99 is no host, such as localhost, *.gpu.lan or 10.1.0.0/16"),
        (
            {"hosts": ["a.lan"], "custom_hosts": False},
            ".hosts: of no use with custom_hosts = false: leave one of them out",
        ),
    ],
)
def test_permissions_that_can_not_be_used(values: dict[str, Any], problem: str) -> None:
    problems: list[str] = []
    definition = Definition("keys", "a", {"hash": HASH, **values}, problems)
    gateway_keys([definition], {}, {}, ("openai", "echo"))
    assert problems == [f"keys.a{problem}"]


def test_names() -> None:
    assert name_problem("team-a.b_c") is None
    assert name_problem("-a") == (
        "a name has letters, digits, dots, dashes and underscores, and begins with a letter or digit"
    )
