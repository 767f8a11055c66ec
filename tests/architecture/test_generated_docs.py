"""The reference pages that come from the code say what the code says now."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from generate import PAGES
from penstock.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == PAGES[name](), "run make docs"


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith(".md")])
def test_every_row_of_a_table_has_all_its_cells(name: str) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", PAGES[name](), re.MULTILINE):
        assert len({row.replace("\\|", "").count("|") for row in table.splitlines()}) == 1


def test_the_example_holds_the_defaults() -> None:
    example = PAGES["penstock.example.toml"]()
    written = tomllib.loads(re.sub(r"^#(\w+ = )", r"\1", example, flags=re.MULTILINE))
    settings = msgspec.convert(written, Settings)
    unset = {"providers": Settings().providers, "security": Settings().security, "limits": Settings().limits}
    assert msgspec.structs.replace(settings, **unset) == Settings()
    assert settings.providers.env_keys is not None
    assert settings.security.trusted_hosts
    assert settings.limits.week_starts


def test_the_example_as_it_is_sets_nothing() -> None:
    assert msgspec.convert(tomllib.loads(PAGES["penstock.example.toml"]()), Settings) == Settings()
