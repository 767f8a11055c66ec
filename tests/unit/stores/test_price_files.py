"""Files that an operator loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.prices.classes import PriceError
from penstock.prices.rates import Case
from penstock.stores.price_files import merged, read_files

PORTKEY = '{"m": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0001}}}}}'
TOML = '[prices."azure/n"]\ninput = 2.5\n'
JSON = '{"prices": {"groq/o": {"input": 0.1}}}'


def test_all_files_of_a_folder(tmp_path: Path) -> None:
    for name, text in {"openai.json": PORTKEY, "mine.toml": TOML, "more.json": JSON, "README.md": "no prices"}.items():
        (tmp_path / name).write_text(text)
    files = read_files([tmp_path], {"azure": "azure-openai"})
    assert [*files.providers] == ["openai"]
    assert {slug: [*models] for slug, models in files.models.items()} == {"azure-openai": ["n"], "groq": ["o"]}
    table = merged(files, None)
    assert {slug: table.models(slug) for slug in table.providers} == {
        "azure-openai": ["n"],
        "groq": ["o"],
        "openai": ["m"],
    }


def test_a_file_replaces_a_provider_and_a_section_a_model(tmp_path: Path) -> None:
    first, second = tmp_path / "openai.json", tmp_path / "one.toml"
    first.write_text(PORTKEY)
    second.write_text('[prices."openai/n"]\ninput = 1\n')
    before = merged(read_files([first, second], {}), None)
    assert before.models("openai") == ["m", "n"]
    second.write_text('[prices."openai/m"]\ninput = 3\n[prices."groq/o"]\ninput = 1\n')
    after = merged(read_files([second], {}), before)
    found = after.find("openai", "m")
    assert found is not None
    assert found.prices.cases == (Case({"input": 3_000_000}),)
    assert after.models("openai") == ["m", "n"]
    assert merged(read_files([first], {}), after).models("openai") == ["m"]
    assert merged(read_files([first], {}), after).models("groq") == ["o"]


def test_the_version_tells_the_content(tmp_path: Path) -> None:
    path = tmp_path / "openai.json"
    path.write_text(PORTKEY)
    assert merged(read_files([path], {}), None).version == merged(read_files([path], {}), None).version


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("openai.json", "{", "openai: no JSON"),
        (
            "openai.json",
            '{"m": {"pricing_config": {"pay_as_you_go": 1}}}',
            "openai.m.pricing_config.pay_as_you_go: expected an object",
        ),
        ("mine.toml", "[prices", "no TOML"),
        ("mine.toml", "[server]\nport = 1\n", "and nothing else"),
        ("mine.toml", '[prices."a/b"]\n', "prices.a/b: holds no price"),
        ("mine.csv", "a,b", "expected a .json or .toml file"),
        ("openai.json", "{}", ""),
    ],
)
def test_what_can_not_be_loaded(name: str, text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    if not reason:
        assert read_files([path], {}).providers["openai"].models == {}
        return
    with pytest.raises(PriceError, match=reason):
        read_files([path], {})


def test_a_folder_without_prices(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match="no price to load"):
        read_files([tmp_path], {})


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff")
    with pytest.raises(PriceError, match=r"x\.json"):
        read_files([tmp_path], {})
    with pytest.raises(PriceError, match="No such file"):
        read_files([tmp_path / "missing.json"], {})
