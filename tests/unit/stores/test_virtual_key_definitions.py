"""What a virtual key must be."""

from __future__ import annotations

import pytest

from penstock.core.secret import Secret
from penstock.stores.catalogue import VirtualKey
from penstock.stores.definition import Definition, Unusable
from penstock.stores.virtual_key_definitions import virtual_key


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


@pytest.mark.parametrize("name", ["api_key", "apiKey", "key"])
def test_a_key_under_the_name_that_configs_have_for_it_is_no_setting_of_the_providers(name: str) -> None:
    problems: list[str] = []
    definition = Definition("virtual_keys", "v", {"provider": "openai", name: "sk-1"}, problems)
    assert virtual_key(definition, ("openai",), resolve).options == {}
    assert problems == [
        f"virtual_keys.v.{name}: the provider's key is credential, a reference such as env:OPENAI_API_KEY"
    ]
