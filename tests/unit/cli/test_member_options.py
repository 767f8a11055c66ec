"""Options that stand for limits and for values by name."""

from __future__ import annotations

from typing import Any

import click
import pytest

from penstock.cli.member_options import limits_of, pairs

NOTHING: dict[str, Any] = dict.fromkeys(("budget", "reset", "rpm", "tpm", "concurrency"))


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ({}, {}),
        ({"budget": 5.0}, {"usage_limits": {"type": "cost", "credit_limit": 5}}),
        ({"budget": 0.5, "reset": "weekly"},
         {"usage_limits": {"type": "cost", "credit_limit": 0.5, "periodic_reset": "weekly"}}),
        ({"rpm": 1, "tpm": 2, "concurrency": 3},
         {"rate_limits": [{"type": "requests", "unit": "rpm", "value": 1}, {"type": "tokens", "unit": "rpm", "value": 2}],
          "concurrency_limit": 3}),
    ],
)  # fmt: skip
def test_options_become_members(given: dict[str, Any], limits: dict[str, Any]) -> None:
    assert limits_of({**NOTHING, **given}) == limits


def test_a_reset_without_a_budget_is_refused() -> None:
    with pytest.raises(click.ClickException, match="--reset belongs to a budget"):
        limits_of({**NOTHING, "reset": "weekly"})


def test_a_text_that_names_nothing_is_refused_and_not_repeated() -> None:
    assert pairs(["a=b", "c=d=e"]) == {"a": "b", "c": "d=e"}
    with pytest.raises(click.ClickException) as refused:
        pairs(["=canary"])
    assert "canary" not in refused.value.message
