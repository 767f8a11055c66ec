"""What the drill of the request log asks, of a few rows."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path

from bench import log_rows
from bench.log_questions import PERIODS, questions

from penstock.stores.sql.database import file_address


def test_each_question_has_an_answer(tmp_path: Path) -> None:
    address = file_address(tmp_path / "penstock.db")
    how = {"rows": 400, "days": 2, "end": 1_790_000_000, "seed": 1, "only": None, "times": 1, "server": None}
    arguments = Namespace(database=address, matching="s, 24 hours", **how)
    took = asyncio.run(log_rows.run(arguments))
    assert len(took) > 20
    assert all(one.clock > 0 for one in took.values())


def test_each_period_of_the_console_is_asked_for() -> None:
    asked = questions(1_790_000_000_000_000, 60)
    assert all(f"overview, {name}" in asked and f"list by key, {name}" in asked for name in PERIODS)
