"""The benchmark of very many keys, with a few."""

from pathlib import Path

from bench.many_keys import measured


def test_a_gateway_with_keys_is_measured(tmp_path: Path) -> None:
    seen = measured(12, tmp_path)
    assert seen["keys"] == 12
    assert all(value > 0 for value in seen.values())
