"""The rules are those of the provider rows and of the address policy."""

from __future__ import annotations

import pytest

from penstock.admin.provider_rules import provider_rules
from penstock.core.address import LOOPBACK_NAMES, AddressPolicy

RULES = provider_rules(AddressPolicy())


@pytest.mark.parametrize(
    ("name", "slug"),
    [("openai", "openai"), ("azure", "azure-openai"), ("vertex_ai", "vertex-ai"), (" aws ", "bedrock")],
)
def test_a_provider_is_found_by_each_of_its_names(name: str, slug: str) -> None:
    row = RULES.find(name)
    assert row is not None
    assert row.slug == slug


def test_an_unknown_provider_is_not_found() -> None:
    assert RULES.find("opnai") is None


def test_hosts_are_judged_by_the_policy() -> None:
    assert RULES.judge_host("https://llm.example/v1") is None
    assert RULES.judge_host("http://169.254.169.254/v1") == "it is a cloud metadata address"
    assert RULES.judge_host("http://localhost:11434") == "the name belongs to a private network"
    assert provider_rules(AddressPolicy(LOOPBACK_NAMES)).judge_host("http://localhost:11434") is None
