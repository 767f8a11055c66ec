"""Exports of Portkey's configs, which are taken as they are."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from importing import CASES, converted, from_portkey, golden, outcome
from penstock.importers.report import Outcome

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["config", "data", "name", "slug", "provider", "model"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_the_folder_becomes_what_it_became() -> None:
    assert outcome(CASES / "portkey") == golden(CASES / "portkey").read_text()


def test_a_config_is_unchanged_and_has_the_name_that_callers_know() -> None:
    imported = converted(CASES / "portkey").imported
    assert [each["name"] for each in imported.configs] == ["pc-resili-a1b2c3", "guarded", "plain"]
    assert imported.configs[0]["config"]["targets"][0] == {"virtual_key": "openai-prod"}
    assert imported.to_create == ["openai-prod", "azure-eu", "bedrock-prod"]


def test_guardrails_are_not_taken_away_in_silence() -> None:
    inline = {"default.contains": {"operator": "none", "words": ["x"]}, "deny": True}
    config = {"provider": "openai", "output_guardrails": ["pg-1", inline]}
    conversion = from_portkey({"a": config})
    assert conversion.imported.configs == [{"name": "a", "config": config}]
    lines = {line.path: line.outcome for line in conversion.report.lines}
    assert lines == {"a": Outcome.EXACT, "a.output_guardrails[0]": Outcome.NEAR}
    conversion = from_portkey({"a": {"provider": "openai", "default_input_guardrails": ["x"]}})
    assert conversion.imported.configs == []
    [line] = conversion.report.lines
    assert (line.outcome, line.path) == (Outcome.LOST, "a.default_input_guardrails")


def test_what_stands_around_a_config_is_not_dropped_in_silence() -> None:
    config = {"targets": [{"provider": "openai", "cache": {"mode": "semantic"}}]}
    live = {"slug": "pc-a", "name": "Main", "status": "active", "is_default": 1, "config": config}
    conversion = from_portkey({"a": {"data": live}, "b": {**live, "slug": "pc-b", "status": "archived"}})
    assert [each["name"] for each in conversion.imported.configs] == ["pc-a"]
    assert {line.path: line.outcome for line in conversion.report.lines} == {
        "a": Outcome.EXACT,
        "a.is_default": Outcome.NEAR,
        "a.name": Outcome.NEAR,
        "a.targets[0].cache.mode": Outcome.NEAR,
        "b.status": Outcome.NEAR,
    }


def test_names_are_told_apart() -> None:
    one = {"provider": "openai"}
    configs = from_portkey({"a": {"name": "My config", "config": one}, "b": {"name": "My config", "config": one}})
    assert [each["name"] for each in configs.imported.configs] == ["my-config", "my-config-2"]


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_any_document_is_taken_or_told_of(documents: dict[str, Any]) -> None:
    conversion = from_portkey(documents)
    names = [each["name"] for each in conversion.imported.configs]
    assert len(set(names)) == len(names)
    assert len(conversion.report.lines) >= len(documents)
