"""The benchmark of very many keys, with a few."""

from pathlib import Path

from bench.many_keys import measured

from penstock.stores.sql.database import file_address


def test_a_gateway_with_keys_is_measured(tmp_path: Path) -> None:
    seen = measured(12, tmp_path, file_address(tmp_path / "penstock.db"))
    assert seen["keys"] == 12
    assert all(value > 0 for value in seen.values())
