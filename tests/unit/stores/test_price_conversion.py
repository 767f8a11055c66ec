"""The program that converts the library."""

import subprocess
import sys

import pytest

from penstock.prices.table import PriceTable
from penstock.stores import price_conversion


def test_the_program_writes_a_price_table() -> None:
    version = price_conversion.library_version()
    assert version is not None
    command = [sys.executable, "-m", "penstock.stores.price_conversion", version]
    table = PriceTable(subprocess.run(command, capture_output=True, check=True).stdout)
    assert table.source == f"genai-prices-{version}"
    assert len(table.providers) > 30


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_conversion, "version_of", lambda _: None)
    assert price_conversion.library_version() is None
