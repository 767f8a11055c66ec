"""Who serves a target, by each way to name it, and what is told where nobody is named (docs/portkey.md#precedence)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from penstock.core.failure import Kind
from penstock.core.secret import Secret
from targets import AUTH, refused, target, targets


@pytest.mark.parametrize(
    ("config", "header", "param", "plain", "hint"),
    [
        ({"provider": "opnai"}, None, "config.provider", "Invalid config passed", "did you mean 'openai'?"),
        ({"provider": "OpenAI"}, None, "config.provider", "Invalid config passed", "did you mean 'openai'?"),
        ({"provider": "zzz"}, None, "config.provider", "Invalid config passed", "'penstock providers' lists"),
        ({}, "grok", "x-portkey-provider", "Invalid provider passed", "did you mean 'groq'?"),
        (targets({"provider": "openai"}, {"provider": "zzz"}), None, "config.targets[1].provider", "Invalid config passed", "no provider 'zzz'"),
    ],
)  # fmt: skip
def test_a_provider_that_is_not_there(config: Any, header: str | None, param: str, plain: str, hint: str) -> None:
    failure = refused(config, provider=header)
    assert (failure.kind, failure.status, failure.param, failure.plain) == (Kind.UNKNOWN_PROVIDER, 400, param, plain)
    assert hint in failure.message


@pytest.mark.parametrize(
    "config", [{}, {"retry": {"attempts": 1}}, {"api_key": "k"}, targets({"provider": "openai"}, {}), {"provider": ""}]
)
def test_nobody_names_a_provider(config: Any) -> None:
    failure = refused(config)
    assert (failure.kind, failure.status, failure.param) == (Kind.MISSING_PROVIDER, 400, "x-portkey-provider")
    assert failure.plain == (
        "Either x-portkey-provider needs to be passed. Or the x-portkey-config header should have a valid config with "
        "provider details in it."
    )


def test_a_name_that_is_too_long_is_cut_in_the_message() -> None:
    assert len(refused({"provider": "x" * 10_000}).message) < 300
    assert len(refused({"virtual_key": "x" * 10_000}).message) < 300


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({"virtual_key": "prod"}, None),
        ({"virtualKey": "prod"}, None),
        ({"virtual_key": "@prod"}, None),
        ({"provider": "@prod"}, None),
        ({"virtual_key": "prod", "provider": "groq"}, None),
        ({"virtual_key": "prod"}, "groq"),
        ({"retry": {"attempts": 1}}, "@prod"),
        ({"provider": "@prod", "api_key": "ignored"}, None),
        ({"override_params": {"model": "@prod/gpt-4o"}}, None),
        ({"override_params": {"model": "@prod/gpt-4o"}}, "groq"),
        (targets({}, virtual_key="prod"), None),
        (targets({"override_params": {"model": "@prod/gpt-4o"}}, provider="groq", api_key="k"), None),
    ],
)
def test_a_virtual_key_by_each_of_its_names(config: Any, header: str | None) -> None:
    found = target(config, provider=header, authorization=AUTH, api_key=Secret("other"))
    assert (found.provider, found.api_key, found.virtual_key, found.models) == (
        "openai",
        Secret("sk-prod"),
        "prod",
        ("gpt-*",),
    )
    assert found.options == {"openai_project": "p"}
    assert found.default_params == {"user": b'"x"', "seed": b"1"}
    model = found.override_params.get("model")
    assert model in (None, b'"gpt-4o"')


@pytest.mark.parametrize(
    ("written", "name", "model"),
    [
        ("@prod/gpt-4o", "prod", "gpt-4o"),
        ("@hosted/meta/llama/3", "hosted", "meta/llama/3"),
        ("@prod/@x/y", "prod", "@x/y"),
    ],
)
def test_a_model_that_names_its_virtual_key_is_sent_bare(written: str, name: str, model: str) -> None:
    found = target({"override_params": {"model": written, "n": 1}})
    assert found.virtual_key == name
    assert found.override_params == {"model": msgspec.json.encode(model), "n": b"1"}


@pytest.mark.parametrize("model", ["gpt-4o", "@prod", "@prod/", "@/gpt-4o", "prod/gpt-4o", "@", 5, None, ["@prod/m"]])
def test_a_model_that_names_none_is_left_alone(model: Any) -> None:
    found = target({"provider": "echo", "override_params": {"model": model}})
    assert (found.virtual_key, found.override_params) == (None, {"model": json.dumps(model).encode()})


def test_beside_a_provider_the_model_is_a_model() -> None:
    found = target({"provider": "echo", "override_params": {"model": "@prod/gpt-4o"}})
    assert (found.provider, found.virtual_key, found.override_params) == ("echo", None, {"model": b'"@prod/gpt-4o"'})


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({"virtual_key": "prd"}, None),
        ({"provider": "@prd"}, None),
        ({"override_params": {"model": "@prd/gpt-4o"}}, None),
        ({}, "@prd"),
    ],
)
def test_an_unknown_virtual_key_gets_the_nearest(config: Any, header: str | None) -> None:
    failure = refused(config, provider=header)
    assert (failure.kind, failure.status) == (Kind.UNKNOWN_VIRTUAL_KEY, 400)
    assert "did you mean 'prod'?" in failure.message


def test_an_unknown_virtual_key_is_told_with_its_path() -> None:
    assert refused(targets({"provider": "openai"}, {"virtual_key": "x"})).param == "config.targets[1].virtual_key"


def test_with_nothing_near_the_place_to_set_it_is_told() -> None:
    assert "[virtual_keys.NAME]" in refused({"virtual_key": "zzzzzz"}).message
