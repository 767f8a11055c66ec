"""The definition of a policy, and all that is wrong with it at once."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.money import NANOS
from penstock.core.operation import Operation
from penstock.limits.policy import Policy, PolicyCondition
from penstock.limits.policy_definition import policy
from penstock.limits.validate import LimitOwner, Reading
from penstock.limits.windows import RATE_UNITS, CalendarWindow

USAGE: dict[str, Any] = {
    "name": "search",
    "conditions": [
        {"key": "metadata.team", "value": "search"},
        {"key": "model", "value": ["@openai/*", "@azure/*"], "excludes": True},
    ],
    "group_by": [{"key": "metadata._user"}],
    "type": "cost",
    "credit_limit": 5,
    "periodic_reset": "weekly",
}
FACTS = (
    "there are api_key, organisation_id, workspace_id, virtual_key, provider, config, prompt, model, endpoint_type and "
    "metadata.NAME"
)
RATE: dict[str, Any] = {"conditions": [], "group_by": [], "type": "requests", "unit": "rpm", "value": 9}


def read(values: dict[str, Any], kind: Any = "usage") -> tuple[Policy | None, list[str]]:
    reading = Reading(LimitOwner("policy", "p1"))
    made = policy(values, kind, reading)
    return made, [str(problem) for problem in reading.problems]


def test_a_usage_policy() -> None:
    made, problems = read(USAGE)
    assert problems == []
    assert made is not None
    assert made.conditions == (
        PolicyCondition("metadata.team", ("search",)),
        PolicyCondition("model", ("@openai/*", "@azure/*"), excludes=True),
    )
    assert made.group_by == ("metadata._user",)
    assert (made.limit.level, made.limit.owner, made.limit.amount) == ("policy", "p1", 5 * NANOS)
    assert made.limit.window == CalendarWindow("week", "monday")
    assert made.limit.is_grouped
    assert made.is_active
    assert made.is_per_attempt


def test_a_rate_policy() -> None:
    made, problems = read({**RATE, "target": "mcp_tools", "status": "archived"}, "rate")
    assert problems == []
    assert made is not None
    assert made.limit.window == RATE_UNITS["rpm"]
    assert (made.target, made.is_active, made.limit.is_grouped, made.is_per_attempt) == (
        "mcp_tools",
        False,
        False,
        False,
    )


CHATS = ("chat.completions", "responses.connect")


def test_values_are_kept_as_requests_have_them() -> None:
    conditions = [
        {"key": "endpoint_type", "value": ["chatComplete", "embeddings", "*"]},
        {"key": "virtual_key", "value": "@prod"},
        {"key": "provider", "value": "@prod"},
    ]
    made, _ = read({**RATE, "conditions": conditions}, "rate")
    assert made is not None
    assert [each.values for each in made.conditions] == [(*CHATS, "embeddings", "*"), ("prod",), ("@prod",)]


def endpoint_types(*values: str) -> tuple[Policy | None, list[str]]:
    return read({**RATE, "conditions": [{"key": "endpoint_type", "value": [*values]}]}, "rate")


@pytest.mark.parametrize(
    ("value", "operations"),
    [
        ("imageGenerate", ("images.generations",)),
        ("messages", CHATS),
        ("createModelResponse", (*CHATS, "responses.compact")),
        ("rerank", ("rerank",)),
        ("realtime", ("realtime",)),
        ("proxy", ("proxy",)),
        ("chat.completions", CHATS),
        *[(each.value, (each.value,)) for each in Operation if each is not Operation.CHAT],
    ],
)
def test_an_endpoint_type_is_one_of_portkeys_or_an_operation(value: str, operations: tuple[str, ...]) -> None:
    made, problems = endpoint_types(value)
    assert problems == []
    assert made is not None
    assert made.conditions[0].values == operations


def test_an_unknown_endpoint_type_would_never_be_met() -> None:
    made, problems = endpoint_types("embed", "chatComplet", "?")
    assert made is None
    assert problems == [
        "policy.conditions[0].value: there is no endpoint type 'chatComplet': did you mean chatComplete?"
    ]
    _, problems = endpoint_types("?" * 100)
    assert problems[0].startswith(
        f"policy.conditions[0].value: there is no endpoint type '{'?' * 60}': there are chat."
    )
    assert all(each.value in problems[0] for each in Operation)


def test_a_stored_policy_with_an_unknown_endpoint_type_holds_for_the_others() -> None:
    """Earlier releases took any text: a budget must not be lost for it."""
    reading = Reading(LimitOwner("policy", "p"), is_stored=True)
    conditions = [{"key": "endpoint_type", "value": ["embed", "createBatch"]}]
    made = policy({**RATE, "conditions": conditions}, "rate", reading)
    assert reading.problems == []
    assert made is not None
    assert made.conditions[0].values == ("embeddings", "createBatch")


def test_a_rate_of_0_is_no_policy() -> None:
    assert read({**RATE, "value": 0}, "rate") == (None, [])


def test_all_problems_are_found_at_once() -> None:
    made, problems = read(
        {
            "conditions": [{"key": "modle", "value": 5, "exclude": True}, 7, {"key": "metadata.", "value": []}],
            "group_by": [{"key": 5, "values": []}],
            "type": "cost",
            "credit_limit": 0,
            "grup_by": [],
        }
    )
    assert made is None
    assert problems == [
        "policy.grup_by: unknown member: did you mean group_by?",
        "policy.credit_limit: expected a number above 0",
        "policy.conditions[1]: expected an object",
        "policy.conditions[0].exclude: unknown member: did you mean excludes?",
        "policy.conditions[0].value: expected a text, or an array of texts; * is any value",
        "policy.conditions[0].key: there is no such fact: did you mean model?",
        "policy.conditions[2].value: expected a text, or an array of texts; * is any value",
        f"policy.conditions[2].key: there is no such fact: {FACTS}",
        "policy.group_by[0].values: unknown member: there are key",
        f"policy.group_by[0].key: expected text: {FACTS}",
    ]


def test_conditions_and_groups_must_be_there_and_few() -> None:
    _, problems = read({"type": "cost", "credit_limit": 1, "group_by": {}})
    assert problems == ["policy.conditions: missing: expected an array", "policy.group_by: expected an array"]
    many = [{"key": "model", "value": ["m"] * 1001}] * 21
    _, problems = read({**USAGE, "conditions": many})
    assert problems[0] == "policy.conditions: there are 21, and 20 at most may be set"
    assert "1001 values" in problems[1]
