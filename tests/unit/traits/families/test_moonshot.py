"""Where a Kimi can be sampled."""

from __future__ import annotations

from penstock.traits import resolve


def test_a_kimi_is_sampled_freely_away_from_home() -> None:
    assert "temperature" in resolve("kimi-k2.6", "moonshot").refuses
    assert not resolve("kimi-k2.6", "fireworks-ai").refuses
