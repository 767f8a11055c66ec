"""Names under all their wrappings, and words for efforts that a family lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.traits import Traits
from penstock.traits import ROWS
from penstock.traits.row import EFFORTS, Row, canonical, words


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929-v1-0"),
        ("arn:aws:bedrock:eu-west-1:1234:inference-profile/eu.amazon.nova-pro-v1:0", "nova-pro-v1-0"),
        ("publishers/anthropic/models/claude-opus-4@20250514", "claude-opus-4-20250514"),
        ("claude-3-5-sonnet-latest", "claude-sonnet-3-5-latest"),
        ("claude-4.5-haiku", "claude-haiku-4-5"),
        ("claude-v2:1", "claude-2-1"),
        ("ft:gpt-4o-mini:org::id", "gpt-4o-mini-org-id"),
        ("accounts/fireworks/models/llama-v3p1-70b-instruct", "llama-3-1-70b-instruct"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3-1-8b-instruct"),
        ("meta.llama3-1-8b-instruct-v1:0", "llama-3-1-8b-instruct-v1-0"),
        ("llama3.1:8b", "llama-3-1-8b"),
        ("mistral.mistral-large-2407-v1:0", "mistral-large-2407-v1-0"),
        ("Mistral-Large-2411", "mistral-large-2411"),
        ("deepseek.r1-v1:0", "deepseek-r1-v1-0"),
        ("openai.gpt-oss-120b-1:0", "gpt-oss-120b-1-0"),
        ("zai-glm-4.7", "glm-4-7"),
        ("moonshot-v1-8k", "moonshot-1-8k"),
        ("@cf/google/gemma-3-12b-it", "gemma-3-12b-it"),
        ("", ""),
    ],
)
def test_what_hosts_put_around_a_name_is_taken_away(model: str, name: str) -> None:
    assert canonical(model) == name


@pytest.mark.parametrize(
    ("pattern", "model", "covered"),
    [
        ("gpt-5", "gpt-5-mini", True),
        ("gpt-5", "gpt-50", False),
        ("gpt-5.#", "gpt-5.7-nova", True),
        ("gpt-5.#", "gpt-5-2025-08-07", False),
        ("o1", "o1-2024-12-17", True),
        ("o1", "o100", False),
        ("claude-2", "anthropic.claude-v2:1", True),
        ("gemini-*-tts", "models/gemini-2.5-flash-preview-tts", True),
        ("j2-", "ai21.j2-mid-v1", True),
    ],
)
def test_a_pattern_covers_beginnings_and_whole_numbers(pattern: str, model: str, covered: bool) -> None:
    row = Row(pattern, Traits(), "https://example.com")
    assert (row.compiled().match(canonical(model)) is not None) is covered


@given(data=st.data(), row=st.sampled_from(ROWS))
def test_a_name_that_a_row_covers_begins_like_it(data: st.DataObject, row: Row) -> None:
    assert data.draw(st.from_regex(row.compiled(), fullmatch=True)).startswith(row.beginning())


def test_a_missing_effort_becomes_the_next_higher_and_at_the_top_the_highest() -> None:
    assert words("low", "high") == {
        "minimal": "low",
        "low": "low",
        "medium": "high",
        "high": "high",
        "xhigh": "high",
        "max": "high",
    }
    assert words("low", "medium", "high", "max")["xhigh"] == "max"


def test_none_is_a_word_only_where_the_family_knows_it() -> None:
    assert words("none", "high")["none"] == "none"
    assert words("none", "high")["minimal"] == "high"
    assert "none" not in words("high")


def test_all_of_openais_words_lead_somewhere() -> None:
    assert set(words("medium")) == set(EFFORTS)


def test_a_provider_may_refuse_more_than_the_family() -> None:
    traits = Traits(refuses=frozenset({"a"}), json_schema=True)
    row = Row("m", traits, "link", refuses_at={"here": frozenset({"b"}), "there": frozenset({"response_format"})})
    assert row.at("elsewhere") is traits
    assert (row.at("here").refuses, row.at("here").json_schema) == (frozenset("ab"), True)
    assert not row.at("there").json_schema
