import json
from collections.abc import Mapping
from typing import Any

from penstock.core.address import AddressPolicy
from penstock.pipeline.compile import judge
from penstock.stores.definition import Definition, Unusable
from penstock.stores.saved_guardrails import problem_of, saved_guardrails

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

    made = saved_guardrails([definition("words", {"checks": WORDS, "id": "pg-w-1", "deny": True})], CHECK, str)
    assert made["words"] is made["pg-w-1"]
    assert b"contains" in made["words"].body
    assert "contains" not in repr(made["words"])
    assert problems == []
    saved_guardrails([definition("bad", {"checks": [{"id": "unknown"}], "id": "no id"})], CHECK, str)
    assert len(problems) == 2


def test_references_of_credentials() -> None:
    """What a reference in credentials leads to takes its place; any other text is what it says."""
    problems: list[str] = []

    def resolve(reference: str) -> str:
        if reference == "env:NONE":
            raise Unusable("there is no NONE")
        return f"what {reference} is"

    def definition(values: Mapping[str, Any]) -> Definition:
        return Definition("guardrails", "g", values, problems)

    parameters = {"credentials": {"apiKey": "env:LAKERA"}, "projectID": "env:x"}
    values = {"credentials": {"pii": {"apiKey": "env:A"}}, "checks": [{"id": "lakera.guard", "parameters": parameters}]}
    body = json.loads(saved_guardrails([definition(values)], None, resolve)["g"].body)
    assert body["credentials"] == {"pii": {"apiKey": "what env:A is"}}
    found = {"credentials": {"apiKey": "what env:LAKERA is"}, "projectID": "env:x"}
    assert body["checks"][0]["parameters"] == found
    assert saved_guardrails([definition({"credentials": {"k": "env:NONE"}})], None, resolve) == {}
    assert problems == ["guardrails.g.credentials: there is no NONE"]
