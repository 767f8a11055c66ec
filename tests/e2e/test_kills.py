"""The small form of bench/kills.py: a gateway that is killed in the middle of its work."""

from __future__ import annotations

from pathlib import Path

from bench import kills


def test_a_killed_gateway_loses_nothing(tmp_path: Path) -> None:
    outcome = kills.run(2, tmp_path, {})
    assert outcome.problems == []
    assert outcome.fates["normal 200"] > 0
