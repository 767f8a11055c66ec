"""The default price table: converted once, kept in the data folder, used again."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import PriceTable, ProviderPrices, encode
from penstock.stores import prices
from penstock.stores.prices import DefaultPrices, PricesUnavailableError, default_table

MADE = PriceTable(encode("genai-prices-9", {"openai": ProviderPrices({"m": ModelPrices((Case({"input": 1}),))})}))


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The releases that were converted; nothing is remembered of other tests."""
    done: list[str] = []

    def run(_: object, version: str) -> bytes:
        done.append(version)
        return MADE.body

    monkeypatch.setattr(prices, "_TABLES", {})
    monkeypatch.setattr(prices, "library_version", lambda: "9")
    monkeypatch.setattr(prices._Conversion, "run", run)
    return done


def test_a_process_of_its_own_converts_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "_TABLES", {})
    table = default_table()
    found = table.find("openai", "gpt-4o")
    assert found is not None
    assert found.prices.cases[0].rates["input"] == 2_500_000
    assert default_table() is table


def test_the_gateway_never_imports_the_library() -> None:
    import subprocess
    import sys

    program = "import sys, penstock.app.root, penstock.cli.serve; print('genai_prices' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_what_was_converted_is_kept_for_the_next_start(
    conversions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prices-1-genai-prices-8.json").write_text("old")
    assert default_table(tmp_path).version == MADE.version
    monkeypatch.setattr(prices, "_TABLES", {})
    assert default_table(tmp_path).version == MADE.version
    assert conversions == ["9"]
    assert [path.name for path in tmp_path.iterdir()] == ["prices-1-genai-prices-9.json"]


def test_another_release_of_the_library_is_converted_anew(
    conversions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default_table(tmp_path)
    monkeypatch.setattr(prices, "library_version", lambda: "10")
    default_table(tmp_path)
    assert conversions == ["9", "10"]


def test_a_damaged_file_is_made_again(conversions: list[str], tmp_path: Path) -> None:
    (tmp_path / "prices-1-genai-prices-9.json").write_text("{")
    assert default_table(tmp_path).version == MADE.version
    assert conversions == ["9"]


def test_a_folder_that_can_not_be_written_is_told(
    conversions: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert default_table(tmp_path / "missing").version == MADE.version
    assert "the prices can't be kept in" in caplog.text


def test_without_the_library_there_is_no_default_table(conversions: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "library_version", lambda: None)
    with pytest.raises(PricesUnavailableError, match="genai-prices is not installed"):
        default_table()


@pytest.mark.parametrize(
    ("module", "reason"), [("penstock.nothing", "No module named"), ("penstock.core.lru", "no price table")]
)
def test_a_conversion_that_fails_says_why(module: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "_TABLES", {})
    monkeypatch.setattr(prices, "_MODULE", module)
    with pytest.raises(PricesUnavailableError, match=reason):
        default_table()


async def test_tables_are_there_after_the_start(conversions: list[str]) -> None:
    tables = DefaultPrices()
    assert (tables.is_loading, tables.table) == (True, None)
    tables.start()
    await tables.ready()
    assert tables.table is not None
    assert (tables.is_loading, tables.table.version) == (False, MADE.version)
    await tables.stop()


async def test_a_gateway_without_prices_says_so_and_goes_on(
    conversions: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prices, "library_version", lambda: None)
    tables = DefaultPrices()
    tables.start()
    await tables.ready()
    await tables.stop()
    assert (tables.is_loading, tables.table) == (False, None)
    assert "genai-prices is not installed" in caplog.text


async def test_stopping_ends_a_conversion(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The conversion is killed, and nothing is told of it."""
    monkeypatch.setattr(prices, "_TABLES", {})
    monkeypatch.setattr(prices, "_MODULE", "asyncio")
    begun = threading.Event()
    result = prices._Conversion._result

    def watched(self: prices._Conversion, popen: object) -> bytes:
        begun.set()
        return result(self, popen)  # type: ignore[arg-type]

    monkeypatch.setattr(prices._Conversion, "_result", watched)
    tables = DefaultPrices()
    tables.start()
    assert await asyncio.to_thread(begun.wait, 300)
    await tables.stop()
    assert tables.table is None
    assert not caplog.text


async def test_what_was_never_started_stops() -> None:
    tables = DefaultPrices()
    await tables.ready()
    await tables.stop()
