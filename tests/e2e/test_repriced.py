"""A repricing while a gateway runs: budgets of penstock.toml and of its policies follow, in the memory that counts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from commands import run
from penstock.settings import Settings
from penstock.settings.store import Store
from running import RunningGateway, running_gateway
from serving import until

KEY: Final = "the-key-of-an-application"
BUDGETS: Final = f"""
[keys.app]
hash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
providers = ["echo"]
usage_limits = [{{ type = "cost", credit_limit = 1 }}]

[policies.all]
conditions = [{{ key = "organisation_id", value = "*" }}]
group_by = []
type = "cost"
credit_limit = 2
"""
CHEAP, DEAR = ('[prices."echo/echo"]\ninput = 1\noutput = 1\n', '[prices."echo/echo"]\ninput = 10\noutput = 10\n')


def used(running: RunningGateway) -> list[float]:
    """What is used of the budgets."""
    told = httpx.get(f"{running.url}/penstock/me", headers={"x-portkey-api-key": KEY}, timeout=300).json()
    return [limit["used"] for limit in told["limits"] if limit["type"] == "cost"]


def chat(running: RunningGateway) -> None:
    body = {"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]}
    headers = {"x-portkey-provider": "echo", "authorization": f"Bearer {KEY}"}
    assert httpx.post(f"{running.v1}/chat/completions", json=body, headers=headers, timeout=300).status_code == 200


def reprice(address: str, *arguments: str) -> dict[str, Any]:
    result = run("reprice", "--since", "2020-01-01", "--database", address, "--json", *arguments)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_budgets_of_the_file_and_its_policies_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file, address = tmp_path / "penstock.toml", f"sqlite:///{tmp_path / 'data' / 'penstock.db'}"
    file.write_text(BUDGETS + CHEAP)
    with running_gateway(Settings(store=Store(data_dir=str(tmp_path / "data"))), file) as running:
        chat(running)
        until(lambda: 0 not in used(running))
        before = used(running)
        until(lambda: reprice(address)["total"] == 1)
        file.write_text(BUDGETS + DEAR)
        assert reprice(address, "--apply")["corrected_balances"] == len(before)
        until(lambda: used(running) == pytest.approx([10 * each for each in before]))
        assert reprice(address, "--apply")["changed_rows"] == 0
