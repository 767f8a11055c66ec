"""Which policies apply to a request, and which bucket it falls into, of which there may be so many."""

from __future__ import annotations

import pytest

from limiting import NOON, budget, rate
from penstock.limits.limit import OVERFLOW, SINGLE, BucketKey
from penstock.limits.policy import LiveValues, Policy, PolicyCondition, limits_of, value_hash, value_key

FACTS = {
    "api_key": "k1",
    "workspace_id": "w1",
    "model": "@openai/gpt-4o",
    "provider": "openai",
    "virtual_key": "prod",
    "metadata._user": "bob",
    "metadata.team": "search",
}


def policy(*conditions: PolicyCondition, group_by: tuple[str, ...] = (), active: bool = True) -> Policy:
    return Policy(
        "p", budget(id="p", level="policy", is_grouped=bool(group_by)), conditions, group_by, is_active=active
    )


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        (PolicyCondition("metadata.team", ("search",)), True),
        (PolicyCondition("metadata.team", ("ads", "search")), True),
        (PolicyCondition("metadata.team", ("ads",)), False),
        (PolicyCondition("metadata.team", ("*",)), True),
        (PolicyCondition("metadata.team", ("ads",), excludes=True), True),
        (PolicyCondition("metadata.team", ("search",), excludes=True), False),
        (PolicyCondition("metadata.team", ("*",), excludes=True), False),
        (PolicyCondition("metadata.city", ("*",)), False),
        (PolicyCondition("metadata.city", ("Rome",), excludes=True), False),
        (PolicyCondition("model", ("@openai/gpt-4o",)), True),
        (PolicyCondition("model", ("@openai/*",)), True),
        (PolicyCondition("model", ("@azure/*",)), False),
        (PolicyCondition("model", ("@openai/gpt-4",)), False),
        (PolicyCondition("model", ("gpt-4o",)), True),
        (PolicyCondition("model", ("@openai/*",), excludes=True), False),
        (PolicyCondition("provider", ("open*",)), False),
        (PolicyCondition("provider", ("groq", "@prod")), True),
        (PolicyCondition("provider", ("@prod",), excludes=True), False),
        (PolicyCondition("provider", ("prod",)), False),
        (PolicyCondition("provider", ("@openai",)), False),
    ],
)
def test_conditions(condition: PolicyCondition, is_met: bool) -> None:
    assert condition.is_met(FACTS) is is_met
    assert [*limits_of([policy(condition)], FACTS)] == [] or is_met


def test_a_model_with_slashes_of_its_own() -> None:
    facts = {"model": "@hf/meta-llama/Llama-3"}
    assert PolicyCondition("model", ("@hf/*",)).is_met(facts)
    assert PolicyCondition("model", ("meta-llama/Llama-3",)).is_met(facts)
    assert not PolicyCondition("model", ("Llama-3",)).is_met(facts)


def test_all_conditions_must_be_met() -> None:
    user, team = PolicyCondition("metadata._user", ("*",)), PolicyCondition("metadata.team", ("ads",))
    assert policy(user).applies(FACTS)
    assert not policy(user, team).applies(FACTS)
    assert policy().applies({})
    assert not policy(user, active=False).applies(FACTS), "an archived policy stops at once"


def test_a_request_without_a_value_of_a_group_is_not_of_the_policy() -> None:
    assert policy(group_by=("metadata._user",)).applies(FACTS)
    assert not policy(group_by=("metadata._user", "metadata.city")).applies(FACTS)


@pytest.mark.parametrize("key", ["model", "provider", "virtual_key"])
def test_what_a_fallback_changes_is_judged_for_each_attempt(key: str) -> None:
    assert policy(PolicyCondition(key, ("*",))).is_per_attempt
    assert policy(group_by=(key,)).is_per_attempt
    assert not policy(PolicyCondition("metadata._user", ("*",)), group_by=("api_key", "config")).is_per_attempt


def test_buckets() -> None:
    (applied,) = limits_of([policy(group_by=("metadata._user", "model"))], FACTS)
    assert applied.value_key == "metadata._user:bob-model:@openai/gpt-4o"
    assert len(applied.value) == 32
    assert applied.key_at(NOON).value == applied.value
    (single,) = limits_of([policy()], FACTS)
    assert (single.value, single.value_key) == (SINGLE, "default")


@pytest.mark.parametrize("value", ["\ud83d", "a\udc00b", "\x00", "\U0001f600" * 100_000, "x" * 100_000])
def test_a_store_holds_the_name_of_any_value(value: str) -> None:
    (applied,) = limits_of([policy(group_by=("metadata._user",))], {**FACTS, "metadata._user": value})
    assert len(applied.value_key.encode()) < 2000
    assert "\x00" not in applied.value_key
    assert applied.value == value_hash([("metadata._user", value)])


def test_values_with_one_name_are_told_apart() -> None:
    one = [("a", "1-b:2"), ("b", "3")]
    other = [("a", "1"), ("b", "2-b:3")]
    assert value_key(one) == value_key(other)
    assert value_hash(one) != value_hash(other)
    assert value_hash([("a", "x"), ("b", "yz")]) != value_hash([("a", "xy"), ("b", "z")])
    assert value_hash([("a", "\ud800")]) != value_hash([("a", "\\ud800")])
    assert value_hash([("a", "Bob")]) != value_hash([("a", "bob")])


def test_a_million_values_of_one_policy() -> None:
    values = LiveValues(100_000)
    limit = rate(is_grouped=True)
    keys = [BucketKey(limit.id, number.to_bytes(3, "big"), 0, 0) for number in range(100_001)]
    assert sum(values.admit(keys[number % 100_001]) for number in range(1_000_000)) == 100_000
    assert values.overflow(keys[0]).value == OVERFLOW
    values.forget(keys[0])
    assert [values.admit(keys[0]), values.admit(keys[1])] == [True, False]


def test_each_limit_and_window_has_room_of_its_own() -> None:
    values = LiveValues(1)
    key = BucketKey("a", b"1", 0, 0)
    assert values.admit(key)
    assert not values.admit(key._replace(value=b"2"))
    for other in (key._replace(limit="b"), key._replace(epoch=1), key._replace(window_start=5)):
        assert values.admit(other)
    for uncounted in (key._replace(value=SINGLE), key._replace(value=OVERFLOW), key._replace(limit="c")):
        values.forget(uncounted)
    values.forget(key)
    assert values.admit(key)
