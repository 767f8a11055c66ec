from collections.abc import Mapping
from typing import Any

from penstock.core.address import AddressPolicy
from penstock.pipeline.compile import judge
from penstock.stores.saved_guardrails import problem_of, saved_guardrails
from penstock.stores.validate import Definition

CHECK = judge({}, AddressPolicy(), {})
WORDS = [{"id": "contains", "parameters": {"words": ["a"], "operator": "none"}}]


def test_a_guardrail_for_either_side() -> None:
    assert problem_of({"checks": WORDS, "actions": {"deny": True}}, CHECK) is None
    assert problem_of({"checks": [{"id": "modelWhitelist", "parameters": {"models": []}}]}, CHECK) is None
    assert "default.unknown" in (problem_of({"checks": [{"id": "unknown"}]}, CHECK) or "")
    assert problem_of({"checks": [{"id": "unknown"}]}, None) is None


def test_guardrails_of_the_file() -> None:
    problems: list[str] = []

    def definition(name: str, values: Mapping[str, Any]) -> Definition:
        return Definition("guardrails", name, dict(values), problems)

    made = saved_guardrails([definition("words", {"checks": WORDS, "id": "pg-w-1", "deny": True})], CHECK)
    assert made["words"] is made["pg-w-1"]
    assert b"contains" in made["words"].body
    assert "contains" not in repr(made["words"])
    assert problems == []
    saved_guardrails([definition("bad", {"checks": [{"id": "unknown"}], "id": "no id"})], CHECK)
    assert len(problems) == 2
