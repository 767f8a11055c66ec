"""What a gateway key must be."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.permissions import Permissions
from penstock.stores.catalogue import GatewayKey, SavedConfig, VirtualKey, digest_of
from penstock.stores.definition import Definition
from penstock.stores.gateway_key_definitions import gateway_keys

HASH = digest_of("pk-a")


def gateway_key(problems: list[str], **values: Any) -> GatewayKey:
    [key] = gateway_keys([Definition("keys", "a", {"hash": HASH, **values}, problems)], {}, {})
    return key


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
