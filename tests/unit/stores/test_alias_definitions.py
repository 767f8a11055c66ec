"""What an alias of models must be, and what is told of one that can't be used."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.model_aliases import ModelAlias
from penstock.stores import alias_definitions
from penstock.stores.alias_definitions import AliasNames, aliases_of, with_aliases
from penstock.stores.catalogue import GatewayKey
from penstock.stores.definition import Definition

NAMES = AliasNames(("openai", "groq", "prod"), {"main": "main", "pc-1": "main"})


def read(**entries: Any) -> tuple[tuple[ModelAlias, ...], list[str]]:
    problems: list[str] = []
    definitions = [Definition("models", name, values, problems) for name, values in entries.items()]
    table = aliases_of(definitions, NAMES)
    return (() if table is None else table.entries), problems


def test_without_entries_there_is_no_table() -> None:
    assert aliases_of([], NAMES) is None


def test_targets_configs_and_names_are_read() -> None:
    entries, problems = read(
        **{
            "claude-*": {"target": "@prod"},
            "fast": {"target": "@groq/openai/gpt-oss-120b", "show": "Fast"},
            "best": {"config": "pc-1", "hide": True},
        }
    )
    assert not problems
    assert entries == (
        ModelAlias("claude-*", "@prod"),
        ModelAlias("fast", "@groq", "openai/gpt-oss-120b", None, "Fast"),
        ModelAlias("best", None, None, "main", None, hide=True),
    )


@pytest.mark.parametrize(
    ("pattern", "values", "problem"),
    [
        ("x", {}, "one of them says who answers"),
        ("x", {"target": "@prod", "config": "main"}, "say one of them"),
        ("x", {"target": "prod"}, "begins with @, as in @prod"),
        ("x", {"target": "@prodd"}, "did you mean prod?"),
        ("x", {"target": "@prod/"}, "expected a model after the /"),
        ("x", {"target": 3}, "expected text"),
        ("x", {"config": "mian"}, "did you mean main?"),
        ("x", {"target": "@prod", "shwo": "X"}, "did you mean show?"),
        ("x", {"target": "@prod", "hide": "yes"}, "expected true or false"),
        ("x", {"target": "@prod", "show": "n" * 300}, "at most 256 characters"),
        ("*x*", {"target": "@prod"}, "one * at most"),
        ("@x", {"target": "@prod"}, "is no alias"),
        ("", {"target": "@prod"}, "printable characters"),
        ("a\nb", {"target": "@prod"}, "printable characters"),
    ],
)
def test_what_is_wrong_is_told(pattern: str, values: dict[str, Any], problem: str) -> None:
    _, problems = read(**{pattern: values})
    assert len(problems) == 1
    assert problem in problems[0]
    assert problems[0].startswith(f"models.{pattern}")


def test_a_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alias_definitions, "MOST", 2)
    entries, problems = read(**{name: {"target": "@prod"} for name in "abc"})
    assert len(entries) == 2
    assert "2 aliases at most" in problems[0]


def test_a_gateway_key_has_its_own() -> None:
    problems: list[str] = []
    definitions = [
        Definition("keys", "a", {"aliases": {"fast": {"target": "@groq/x"}}}, problems, "in penstock.toml"),
        Definition("keys", "b", {}, problems),
        Definition("keys", "c", {"aliases": ["fast"]}, problems),
        Definition("keys", "d", {"aliases": {"fast": {"target": "@nope"}}}, problems, "in penstock.toml"),
    ]
    keys = [GatewayKey(name, name.encode()) for name in "abcd"]
    a, b, c, d = with_aliases(keys, definitions, NAMES)
    assert a.aliases is not None
    assert a.aliases.find("fast") == ModelAlias("fast", "@groq", "x")
    assert b.aliases is None
    assert c.aliases is None
    assert d.aliases is not None
    assert [problem.partition(":")[0] for problem in problems] == [
        "keys.c.aliases", "keys.d.aliases.fast.target in penstock.toml"
    ]  # fmt: skip
