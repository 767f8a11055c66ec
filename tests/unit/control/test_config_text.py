"""The text of a config: judged, with what it names and what is not there."""

from collections.abc import Mapping

import msgspec
import pytest

from penstock.control.config_text import judged
from penstock.core.virtual_key import VirtualKey

KNOWN = {"there": VirtualKey("there", "openai")}


def judge(config: bytes, keys: Mapping[str, VirtualKey]) -> str | None:
    """Wants every virtual key that a target names, and no member ``bad``."""
    value = msgspec.json.decode(config)
    for target in value.get("targets", [value]):
        name = target.get("virtual_key") or target.get("provider", "@openai").removeprefix("@")
        if name not in keys and name != "openai":
            return f"there is no {name}"
    return "bad is unknown" if "bad" in value else None


def test_an_object_and_its_text_are_the_same() -> None:
    value = {"virtual_key": "there"}
    of_object, of_text = (
        judged(value, KNOWN, ["openai"], judge),
        judged('{"virtual_key": "there"}', KNOWN, ["openai"], judge),
    )
    assert of_object.value == of_text.value == value
    assert of_object.body == '{"virtual_key":"there"}'
    assert of_text.body == '{"virtual_key": "there"}'
    assert of_text.problem is None


@pytest.mark.parametrize("config", ["{", "[]", 5, None, '{"a": 1}\x00', {"bad": 1}, {"bad": 1, "virtual_key": "later"}])
def test_what_can_t_be_used_has_a_problem(config: object) -> None:
    text = judged(config, KNOWN, ["openai"], judge)
    assert text.problem
    assert text.warnings == ()


def test_what_is_missing_is_a_warning_and_a_provider_s_own_name_is_not_missing() -> None:
    targets = [{"provider": "@later"}, {"provider": "@openai"}, {"virtual_key": "there"}, {"virtual_key": "never"}]
    text = judged({"targets": targets}, KNOWN, ["openai"], judge)
    assert text.problem is None
    assert [warning.split()[4] for warning in text.warnings] == ["@later", "@never"]


def test_guards_are_judged_twice_at_most_however_many_names_are_missing() -> None:
    guards = {
        "input_guardrails": [{"default.judge": {"provider": "@critic"}}, {"default.judge": {"provider": "@openai"}}]
    }
    targets = [{"provider": f"@later{number}"} for number in range(20)]
    with_guards = 0

    def counting(config: bytes, keys: Mapping[str, VirtualKey]) -> str | None:
        nonlocal with_guards
        with_guards += b"guardrails" in config
        return judge(config, keys)

    text = judged({"targets": targets, **guards}, KNOWN, ["openai"], counting)
    assert text.problem is None
    missing = [warning.split()[4] for warning in text.warnings]
    assert sorted(missing) == sorted(["@critic", *(f"@later{number}" for number in range(20))])
    assert with_guards == 2
