"""The small form of bench/kills.py: gateways that are killed in the middle of their work, on every store (T23)."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import kills

SETTINGS = {
    "sqlite": {},
    "sqlite, two workers": {"SERVER_WORKERS": "2"},
    "postgres": {"SERVER_WORKERS": "2"},
    "redis": {"SERVER_WORKERS": "2"},
}


@pytest.mark.parametrize("store", SETTINGS)
def test_t23_a_killed_gateway_loses_nothing(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    settings = dict(SETTINGS[store])
    if store == "postgres":
        settings["STORE_DATABASE"] = request.getfixturevalue("postgres").fresh()
    if store == "redis":
        settings["STORE_REDIS"] = request.getfixturevalue("redis").address
    outcome = kills.run(2, tmp_path, settings)
    assert outcome.problems == []
    assert outcome.fates["normal 200"] > 0
