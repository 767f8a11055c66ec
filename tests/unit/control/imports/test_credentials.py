"""Secrets are stored themselves, references to secrets as references, other settings by their value."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.admin.provider_rules import provider_rules
from penstock.control.imports.credentials import stored
from penstock.control.refusal import Refusal
from penstock.core.address import AddressPolicy
from penstock.core.secret import Secret

RULES = provider_rules(AddressPolicy())


def nothing(_: str) -> str | None:
    return None


def body(provider: str, key: str | None = None, **configurations: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"name": "x", "slug": "x", "ai_provider_id": provider}
    if key is not None:
        made["key"] = key
    return {**made, "configurations": configurations} if configurations else made


def test_a_value_of_the_source_is_stored_itself() -> None:
    kept = stored(RULES, body("openai", "env:IMPORTED_X"), {"IMPORTED_X": Secret("sk-1")}, nothing)
    assert (kept["key"], "secret_mappings" in kept) == ("sk-1", False)


def test_references_to_secrets_stay_references() -> None:
    kept = stored(RULES, body("bedrock", aws_secret_access_key="env:AWS", aws_region="eu-west-1"), {}, nothing)
    assert kept["secret_mappings"] == [{"target_field": "aws_secret_access_key", "secret_reference_id": "env:AWS"}]
    assert kept["configurations"] == {"aws_region": "eu-west-1"}
    kept = stored(RULES, body("openai", "env:OPENAI_API_KEY"), {}, nothing)
    assert kept["secret_mappings"] == [{"target_field": "key", "secret_reference_id": "env:OPENAI_API_KEY"}]
    assert "key" not in kept


def test_another_setting_has_the_value_of_its_variable() -> None:
    values = {"BASE": "https://x.example/", "HOST": "https://y.example/v1"}
    for reference, host in (("env:BASE/openai", "https://x.example/openai"), ("env:HOST", "https://y.example/v1")):
        assert stored(RULES, body("openai", custom_host=reference), {}, values.get)["configurations"] == {
            "custom_host": host
        }
    with pytest.raises(Refusal, match=r"/configurations/custom_host: .* set NOT_SET when you import"):
        stored(RULES, body("openai", custom_host="env:NOT_SET"), {}, values.get)


def test_headers_are_stored_themselves() -> None:
    headers = {"x-a": "env:IMPORTED_X", "x-b": "env:SET", "x-c": "plain"}
    secrets, values = {"IMPORTED_X": Secret("from the file")}, {"SET": "from here"}
    kept = stored(RULES, body("openai", custom_headers=headers), secrets, values.get)
    assert kept["configurations"] == {"custom_headers": {"x-a": "from the file", "x-b": "from here", "x-c": "plain"}}
    with pytest.raises(Refusal, match=r"/configurations/custom_headers/x-b: .* set SET when you import"):
        stored(RULES, body("openai", custom_headers=headers), secrets, nothing)


def test_a_provider_that_is_not_there_is_refused_elsewhere() -> None:
    assert stored(RULES, body("nowhere", "text"), {}, nothing)["key"] == "text"
