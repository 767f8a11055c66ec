"""Every row, by the same yardstick: each has its say, and says it with evidence."""

from __future__ import annotations

from typing import get_args

import pytest

from penstock.core.chat import Owner
from penstock.core.traits import Thinking
from penstock.traits import ROWS, Row, resolve, row_of
from penstock.traits.row import EFFORTS

OWNERS = {Owner.ANTHROPIC, Owner.GOOGLE, Owner.AMAZON, Owner.OPENAI, Owner.UNKNOWN}
PARAMETERS = {
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "stop",
    "temperature",
    "top_k",
    "top_logprobs",
    "top_p",
}


def named(row: Row) -> str:
    return f"{row.pattern}@{row.provider}"


each_row = pytest.mark.parametrize("row", ROWS, ids=named)


@each_row
def test_a_row_is_reached_by_the_plainest_name_that_it_covers(row: Row) -> None:
    """Also says that no earlier row covers all that this one does."""
    name = row.pattern.replace("*", "-x").replace("#", "9")
    assert row_of(name, row.provider) is row


@each_row
def test_a_row_shows_its_evidence(row: Row) -> None:
    assert row.link.startswith("https://")
    assert " " not in row.link
    assert not row.reason.endswith(".")


@each_row
def test_a_rows_facts_agree_with_each_other(row: Row) -> None:
    facts = row.traits
    assert facts.family
    assert facts.owner in OWNERS
    assert facts.thinking in get_args(Thinking)
    assert bool(facts.efforts) == (facts.thinking in ("adaptive", "level", "effort"))
    assert facts.budgets or facts.thinking != "budget"
    assert facts.can_stop_thinking or facts.thinks_unasked
    assert facts.refuses | facts.refuses_thinking <= PARAMETERS
    assert not facts.refuses & facts.refuses_thinking


@each_row
def test_every_effort_has_a_word_or_a_budget_that_grows_with_it(row: Row) -> None:
    facts = row.traits
    if facts.efforts:
        assert set(EFFORTS) <= set(facts.efforts)
    if facts.budgets:
        spent = [facts.budgets[effort] for effort in EFFORTS]
        assert spent == sorted(spent)
        assert spent[0] >= facts.min_budget


def test_one_family_means_one_thing_at_one_provider() -> None:
    seen: dict[tuple[str, str], Row] = {}
    for row in ROWS:
        first = seen.setdefault((row.traits.family, row.provider), row)
        assert first.traits == row.traits, row.pattern


@pytest.mark.parametrize(
    ("model", "owner"),
    [
        ("claude-3-opus-20240229", Owner.ANTHROPIC),
        ("us.anthropic.claude-opus-5-5", Owner.ANTHROPIC),
        ("gemini-1.5-pro", Owner.GOOGLE),
        ("gemini-3.1-pro-preview", Owner.GOOGLE),
        ("amazon.nova-2-lite-v1:0", Owner.AMAZON),
        ("gpt-5.6-sol", Owner.OPENAI),
        ("gpt-oss-120b", Owner.UNKNOWN),
        ("gemma-3-27b-it", Owner.UNKNOWN),
        ("deepseek.r1-v1:0", Owner.UNKNOWN),
    ],
)
def test_opaque_values_belong_to_who_can_read_them(model: str, owner: str) -> None:
    assert resolve(model).owner == owner
