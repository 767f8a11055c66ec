"""Which core does what, and what is said of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import machine
from bench.machine import Cores


def test_the_last_core_is_the_subjects() -> None:
    assert machine.assign_cores({0, 1, 5}) == Cores(subject=frozenset({5}), load=frozenset({0, 1}))


def test_a_single_core_is_shared() -> None:
    alone = machine.assign_cores({3})
    assert alone == Cores(frozenset({3}), frozenset({3}))
    assert alone.shared


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None if name == "wrk" else str(tmp_path / name))
    assert machine.find_tools() == "wrk is not installed"
