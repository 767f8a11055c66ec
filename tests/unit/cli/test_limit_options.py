"""Options that stand for limits: all that limits can be over HTTP."""

from __future__ import annotations

from typing import Any

import click
import pytest

from penstock.cli.limit_options import LIMIT_OPTIONS, budgets_of, limits_of, rates_of
from penstock.cli.member_options import with_options
from penstock.limits import validate


def given(*arguments: str) -> dict[str, Any]:
    """What a command with the options of limits gets of some arguments."""
    found: dict[str, Any] = {}
    command = click.command()(with_options(*LIMIT_OPTIONS)(lambda **values: found.update(values)))
    command.main(list(arguments), standalone_mode=False)
    return found


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        ("", {}),
        ("--budget 5", {"usage_limits": {"type": "cost", "credit_limit": 5}}),
        ("--budget 0.5 --reset weekly",
         {"usage_limits": {"type": "cost", "credit_limit": 0.5, "periodic_reset": "weekly"}}),
        ("--tokens 9 --reset 30 --reset-at 2030-01-01T00:00:00Z",
         {"usage_limits": {"type": "tokens", "credit_limit": 9, "periodic_reset_days": 30,
                           "next_usage_reset_at": "2030-01-01T00:00:00Z"}}),
        ("--budget 5 --requests 7 --window 12h --strict --alert 4 --exceeded-status 402",
         {"usage_limits": [
             {"type": "cost", "credit_limit": 5, "penstock_window": "12h", "alert_threshold": 4, "strict": True,
              "exceeded_status": 402},
             {"type": "requests", "credit_limit": 7, "penstock_window": "12h", "alert_threshold": 4, "strict": True,
              "exceeded_status": 402}]}),
        ("--budget 5 --unknown-price tokens --token-price 0.5",
         {"usage_limits": {"type": "cost", "credit_limit": 5, "unknown_price": "tokens", "token_price": 0.5}}),
        ("--rpm 1 --tpm 2 --concurrency 3",
         {"rate_limits": [{"type": "requests", "unit": "rpm", "value": 1}, {"type": "tokens", "unit": "rpm", "value": 2}],
          "concurrency_limit": 3}),
        ("--rate 100/rps --rate 20/5m --token-rate 9/rpd --fixed --strict --exceeded-status 403",
         {"rate_limits": [
             {"type": "requests", "value": 100, "unit": "rps", "window": "fixed", "strict": True, "exceeded_status": 403},
             {"type": "requests", "value": 20, "penstock_window": "5m", "window": "fixed", "strict": True,
              "exceeded_status": 403},
             {"type": "tokens", "value": 9, "unit": "rpd", "window": "fixed", "strict": True, "exceeded_status": 403}]}),
    ],
)  # fmt: skip
def test_options_become_members(arguments: str, limits: dict[str, Any]) -> None:
    assert limits_of(given(*arguments.split())) == limits


def test_every_member_of_a_limit_has_an_option() -> None:
    told = "--budget 1 --reset 30 --window 12h --reset-at T --alert 1 --unknown-price tokens --token-price 1 --strict"
    budgets = [
        *budgets_of(given(*told.split(), "--exceeded-status", "402")),
        *budgets_of(given("--budget", "1", "--reset", "daily")),
    ]
    assert {name for budget in budgets for name in budget} == set(validate._OF_USAGE)
    rates = rates_of(given(*"--rpm 1 --rate 1/5m --fixed --strict --exceeded-status 402".split()))
    assert {name for rate in rates for name in rate} == set(validate._OF_RATE)


@pytest.mark.parametrize("option", ["--reset weekly", "--window 12h", "--alert 1", "--unknown-price allow"])
def test_what_belongs_to_a_budget_is_refused_without_one(option: str) -> None:
    with pytest.raises(click.ClickException, match=f"{option.split()[0]} belongs to a budget"):
        limits_of(given(*option.split(), "--rpm", "1"))


@pytest.mark.parametrize("text", ["100", "rps", "/rps", "1.5/rps", "-1/rps", "100/"])
def test_a_rate_without_a_number_and_a_unit_is_refused(text: str) -> None:
    with pytest.raises(click.ClickException, match="is no rate"):
        limits_of(given(f"--rate={text}"))
