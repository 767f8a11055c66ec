"""Who keeps the event loop: what is noted of each callback, and how it is told."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path

import pytest
from bench.turned import Turns, _name_of
from bench.turns import table


def test_the_longest_turn_comes_first() -> None:
    seen = {"often": [(0.0001, 0.0001)] * 99 + [(0.001, 0.0009)], "rarely": [(0.004, 0.0002)]}
    _, first, second = table(seen, 1.0)
    assert first.split() == ["4.00", "0.20", "0.20", "0", "1", "0.4%", "rarely"]
    assert second.split() == ["1.00", "0.90", "0.90", "1", "100", "1.1%", "often"]


def test_a_callback_is_noted_between_two_switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "turns.json"
    monkeypatch.setenv("BENCH_TURNS", str(file))
    turns = Turns()
    add = turns.timed(max, "add")
    assert add(1, 2) == 2
    turns.switch()
    assert [add(1, 2), add(3, 2)] == [2, 3]
    turns.collects("start", {"generation": 0})
    turns.collects("stop", {"generation": 0})
    turns.switch()
    assert add(1, 2) == 2
    seen = json.loads(file.read_text("utf-8"))
    assert {name: len(times) for name, times in seen.items()} == {"add": 2, "garbage collector, generation 0": 1}


async def test_a_task_is_named_by_its_name_or_by_its_coroutine() -> None:
    async def waits() -> None:
        await asyncio.sleep(0)

    unnamed, named = asyncio.create_task(waits()), asyncio.create_task(waits(), name="access log")
    assert _name_of(unnamed.cancel) == f"task {waits.__qualname__}"
    assert _name_of(named.cancel) == "task access log"
    await asyncio.gather(unnamed, named)


def test_a_function_is_named_by_itself_though_it_has_arguments() -> None:
    assert _name_of(table) == _name_of(functools.partial(table, {})) == "table"
