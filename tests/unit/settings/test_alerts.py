"""Settings of alerts, as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.settings import load
from settings_sources import NOWHERE, in_file, problems


def test_from_variables() -> None:
    environ = {"PENSTOCK_ALERTS_ON": "store_down,error_rate", "PENSTOCK_ALERTS_EMAIL_TO": "a@example.com,b@example.com"}
    alerts = load({}, environ, NOWHERE).alerts
    assert (alerts.on, alerts.email_to) == (("store_down", "error_rate"), ("a@example.com", "b@example.com"))


@pytest.mark.parametrize(
    "line", ['webhook = "ftp://a"', 'on = ["everything"]', 'email_to = ["a"]', "error_rate = 2", "repeat_seconds = 1"]
)
def test_what_is_refused(tmp_path: Path, line: str) -> None:
    (problem,) = problems(cwd=in_file(tmp_path, f"[alerts]\n{line}\n"))
    assert problem.startswith(f"alerts.{line.partition(' ')[0]} in ")


def test_addresses_of_webhooks_are_secrets(tmp_path: Path) -> None:
    for problem in problems(cwd=in_file(tmp_path, '[alerts]\nslack = "hooks/T/secret"\nwebhook = "x/secret"\n')):
        assert "secret" not in problem
