"""LiteLLM's database, with tables as its schema makes them, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import tomllib
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from commands import run
from penstock.stores.litellm_database import read_rows
from penstock.stores.sql.database import DatabaseError
from postgres import Postgres

TABLES = """
CREATE TABLE "LiteLLM_VerificationToken" (
    token text PRIMARY KEY, key_alias text, spend double precision NOT NULL DEFAULT 0, expires timestamp(3),
    models text[], team_id text, max_budget double precision, budget_duration text, rpm_limit bigint,
    metadata jsonb NOT NULL DEFAULT '{}', blocked boolean);
CREATE TABLE "LiteLLM_TeamTable" (team_id text PRIMARY KEY, team_alias text, models text[], max_budget double precision);
"""
DIGEST = hashlib.sha256(b"sk-old-key").hexdigest()
FILE = """
model_list:
  - {model_name: a, litellm_params: {model: openai/a, api_key: os.environ/K}}
  - {model_name: b, litellm_params: {model: openai/b, api_key: os.environ/K}}
"""


@pytest.fixture
def address(postgres: Postgres) -> str:
    url = postgres.fresh()

    async def fill() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(TABLES)
            await connection.execute(
                'INSERT INTO "LiteLLM_VerificationToken" VALUES '
                "($1, 'search', 1.5, '2027-01-01', '{a}', 't', 10, '30d', 5, '{\"env\": \"prod\"}', NULL)",
                DIGEST,
            )
            await connection.execute("INSERT INTO \"LiteLLM_TeamTable\" VALUES ('t', 'Search', '{}', NULL)")
        finally:
            await connection.close()

    asyncio.run(fill())
    return url


def test_rows_are_json_values_and_a_missing_table_is_empty(address: str) -> None:
    rows = asyncio.run(read_rows(address))
    assert rows.keys == [
        {"token": DIGEST, "key_alias": "search", "spend": 1.5, "expires": "2027-01-01T00:00:00", "models": ["a"],
         "team_id": "t", "max_budget": 10, "budget_duration": "30d", "rpm_limit": 5, "metadata": {"env": "prod"},
         "blocked": None},
    ]  # fmt: skip
    assert [each["team_alias"] for each in rows.teams] == ["Search"]
    assert rows.budgets == rows.end_users == []


def test_an_old_key_is_in_the_file_by_its_digest(address: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(FILE)
    command = ("import", "litellm", str(tmp_path / "config.yaml"), "--database", address, "--toml")
    assert run(*command).exit_code == 3
    file = tomllib.loads(run(*command, "--accept").stdout)
    assert file["keys"]["search"]["hash"] == f"sha256:{DIGEST}"
    assert file["keys"]["search"]["config"] == "litellm-search"
    assert [each["name"] for each in file["configs"]["litellm-search"]["targets"]] == ["a"]


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://x/y", "nonsense", "postgresql://u:secret@127.0.0.1:1/x"])
def test_a_database_that_can_not_be_read_is_told_of_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        asyncio.run(read_rows(url))
    assert "secret" not in str(caught.value)
