"""Other names of models: what a pattern matches, and which of several patterns counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.model_aliases import ModelAlias, ModelAliases

TEXTS = st.text("ab-*1", max_size=6)


def table(*patterns: str) -> ModelAliases:
    return ModelAliases(tuple(ModelAlias(pattern, "@x") for pattern in patterns))


@pytest.mark.parametrize(
    ("pattern", "model", "matches"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("claude-*", "claude-haiku-4-5", True),
        ("claude-*", "claude-", True),
        ("claude-*", "claude", False),
        ("*-mini", "gpt-4o-mini", True),
        ("gpt-*-mini", "gpt-4o-mini", True),
        ("gpt-*-mini", "gpt-mini", False),
        ("a*a", "a", False),
        ("*", "", True),
        ("a.c", "abc", False),
        ("[ab]*", "a", False),
    ],
)
def test_a_pattern_matches_literally(pattern: str, model: str, *, matches: bool) -> None:
    assert ModelAlias(pattern, "@x").matches(model) is matches


@pytest.mark.parametrize(
    ("model", "pattern"),
    [
        ("claude-haiku-4-5", "claude-haiku-*"),
        ("claude-opus-4-8", "claude-*"),
        ("claude-x-mini", "claude-*-mini"),
        ("claude-haiku-1", "claude-haiku-1"),
        ("gpt", "*"),
    ],
)
def test_the_most_specific_pattern_counts(model: str, pattern: str) -> None:
    aliases = table("*", "claude-*", "claude-*-mini", "claude-haiku-*", "claude-haiku-1", "*-mini")
    found = aliases.find(model)
    assert found is not None
    assert found.pattern == pattern


@given(st.lists(TEXTS.filter(lambda text: text.count("*") < 2), unique=True), TEXTS)
def test_what_is_found_matches_and_nothing_longer_does(patterns: list[str], model: str) -> None:
    aliases = table(*patterns)
    found = aliases.find(model)
    matching = [each for each in aliases.entries if each.matches(model)]
    if found is None:
        assert not matching
    elif found.is_pattern:
        assert max(len(each.pattern.partition("*")[0]) for each in matching) == len(found.pattern.partition("*")[0])
    else:
        assert found.pattern == model
