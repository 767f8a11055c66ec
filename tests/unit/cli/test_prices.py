"""``penstock prices``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import run
from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import PriceTable, ProviderPrices, encode
from penstock.stores import prices

OPENAI = '{"m": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.00025}, "x": {"price": 1}}}}}'
MINE = '[prices."azure/n"]\ninput = 1\nabove = [{prompt = 200000, input = 2}]\n'
LIBRARY = PriceTable(
    encode(
        "genai-prices-9",
        {
            "openai": ProviderPrices(
                {
                    "m": ModelPrices((Case({"input": 1_000_000, "unit.web_search": 10_000_000_000}, since=86_400, daily=(3600, 5400)), Case({"input": 1}))),
                    "k": ModelPrices((Case({"image.hd.default": 80_000_000_000}),)),
                }
            )
        },
    )
)  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, another one for data, and a library with two models."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(prices, "library_version", lambda: "9")
    monkeypatch.setattr(prices, "_TABLES", {"9": LIBRARY})
    return tmp_path / "work"


def test_prices_are_loaded_before_the_librarys(place: Path) -> None:
    (place / "openai.json").write_text(OPENAI)
    loaded = run("prices", "load", "openai.json")
    assert loaded.exit_code == 0
    assert "1 models of 1 providers are in force as loaded@" in loaded.stdout
    assert "openai.m.pricing_config.pay_as_you_go.x: unknown member, left out" in loaded.stderr
    shown = run("prices", "show", "openai", "m").stdout
    assert shown.startswith("openai/m (exact, loaded@")
    assert "any prompt:\n  input                    $2.5 / 1M tokens\n" in shown
    assert run("prices", "show", "openai", "k").stdout.startswith("openai/k (exact, genai-prices-9@")


def test_loading_adds_to_what_was_loaded(place: Path) -> None:
    (place / "openai.json").write_text(OPENAI)
    (place / "mine.toml").write_text(MINE)
    run("prices", "load", "openai.json")
    told = json.loads(run("prices", "load", "mine.toml", "--json").stdout)
    assert told["providers"] == {"azure-openai": 1}
    listed = run("prices", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [["azure-openai", "1"], ["openai", "1"], ["openai", "2"]]
    shown = run("prices", "show", "azure", "n").stdout
    assert "prompts of more than 200000 tokens:\n  input                    $2 / 1M tokens" in shown


def test_loaded_prices_are_taken_out_of_force(place: Path) -> None:
    (place / "openai.json").write_text(OPENAI)
    run("prices", "load", "openai.json")
    assert run("prices", "unload").exit_code == 0
    assert "(exact, genai-prices-9@" in run("prices", "show", "openai", "m").stdout


def test_a_price_says_when_it_holds() -> None:
    shown = run("prices", "show", "openai", "m").stdout
    assert "any prompt, from 1970-01-02 on, from 01:00 to 01:30 UTC:" in shown
    assert "unit.web_search          $0.01\n" in shown
    assert "input                    $0.000001 / 1M tokens" in shown


def test_a_price_as_json() -> None:
    told = json.loads(run("prices", "show", "openai", "k", "--json").stdout)
    assert (told["price_match"], told["cases"][0]["picodollars"]) == ("exact", {"image.hd.default": 80_000_000_000})


def test_the_overlay_of_penstock_toml_counts(place: Path) -> None:
    (place / "penstock.toml").write_text('[prices."vllm/llama"]\ninput = 0.1\n')
    assert run("prices", "show", "vllm", "llama").stdout.startswith("vllm/llama (overlay, overlay@")
    assert run("prices", "list", "vllm").stdout.split()[:3] == ["llama", "input", "$0.1"]
    (place / "penstock.toml").write_text('[prices."vllm/llama"]\n')
    assert "holds no price" in run("prices", "show", "vllm", "llama").stderr
    (place / "penstock.toml").write_text("[")
    assert "penstock.toml is not valid TOML" in run("prices", "show", "vllm", "llama").stderr


def test_models_of_a_provider_are_listed() -> None:
    lines = run("prices", "list", "openai").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["k", "m"]
    assert [each["model"] for each in json.loads(run("prices", "list", "openai", "--json").stdout)] == ["k", "m"]


def test_the_librarys_prices_are_kept_for_repricing(place: Path) -> None:
    told = json.loads(run("prices", "update", "--json").stdout)
    assert told == {"version": LIBRARY.version, "models": 2}
    assert run("prices", "update").stdout == f"2 models of 1 providers are kept as {LIBRARY.version}.\n"
    assert "(exact, genai-prices-9@" in run("prices", "show", "openai", "m").stdout


def test_a_database_that_is_named(place: Path) -> None:
    (place / "openai.json").write_text(OPENAI)
    address = f"sqlite:///{place / 'own.db'}"
    run("prices", "load", "openai.json", "--database", address)
    assert "loaded@" in run("prices", "show", "openai", "m", "--database", address).stdout
    assert "loaded@" not in run("prices", "show", "openai", "m").stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["show", "openai", "nobody"], "no price of openai/nobody is known"),
        (["list", "nobody"], "no price of nobody is known"),
        (["load", "bad.json"], "bad: no JSON"),
        (["load", "missing.json"], "does not exist"),
        (["load", "openai.json", "--database", "mysql://x"], "expected sqlite:///FILE"),
    ],
)
def test_problems(arguments: list[str], problem: str, place: Path) -> None:
    (place / "openai.json").write_text(OPENAI)
    (place / "bad.json").write_text("{")
    done = run("prices", *arguments)
    assert done.exit_code != 0
    assert problem in done.stderr


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "library_version", lambda: None)
    assert "Warning: the library genai-prices is not installed" in run("prices", "list").stderr
    assert "there is nothing to keep" in run("prices", "update").stderr


def test_without_a_home(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    (place / "openai.json").write_text(OPENAI)
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("HOME")
    assert "there is no database" in run("prices", "load", "openai.json").stderr
    assert run("prices", "show", "openai", "k").exit_code == 0
