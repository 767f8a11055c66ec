"""docs/map.md is true: every module stands in it once, its tables are whole, every path exists; docs/design, too."""

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from penstock_map import CHANGE, MODULE, PLACE, Row, module_rows, paths_in, rows, tables

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "penstock"
MAP_PAGE = ROOT / "docs" / "map.md"
MAP = MAP_PAGE.read_text("utf-8")
DECISIONS = sorted((ROOT / "docs" / "design").glob("*.md"))
MODULES = sorted(
    path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.name not in {"__init__.py"}
)


def test_every_module_stands_once_in_the_tables_of_modules() -> None:
    shown = Counter(path for row in module_rows(MAP) for path in paths_in(row.cells[0]))
    assert [path for path in MODULES if shown[path] != 1] == []
    assert [path for path, times in shown.items() if times > 1 or not (SOURCE / path).is_file()] == []


def test_modules_of_one_folder_stand_together() -> None:
    """What is in another folder, or on another floor, is in another place of the page."""
    for table in tables(MAP):
        if table[0][0] == MODULE:
            folders = [path.split("/")[0] for first, *_ in table[2:] for path in paths_in(first) if "/" in path]
            runs = [folder for folder, _ in itertools.groupby(folders)]
            assert len(set(runs)) == len(runs), runs


@pytest.mark.parametrize("pattern", ["docs/*.md", "tests/*.py", "tests/support/*/*.py"])
def test_every_page_and_every_module_of_the_tests_stands_once(pattern: str) -> None:
    shown = Counter(path for row in rows(MAP) if row.kind == PLACE for path in paths_in(row.cells[0]))
    there = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)} - {"docs/map.md"}
    assert sorted(path for path in there if shown[path] != 1) == []


@pytest.mark.parametrize("page", [MAP_PAGE, *DECISIONS, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_path_exists(page: Path) -> None:
    """From src/penstock, or from the root."""
    for path in paths_in(page.read_text("utf-8")):
        assert (SOURCE / path).exists() or (ROOT / path).exists(), path


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_is_a_page_that_says_what_was_given_up(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "What was given up"]
    assert 25 <= len(text.splitlines()) <= 45


@pytest.mark.parametrize("row", rows(MAP), ids=lambda row: row.cells[0][:40])
def test_no_row_is_cut_in_two(row: Row) -> None:
    """Each has the cells of its heading, and only the last may be empty."""
    assert len(row.cells) == row.width
    assert all(row.cells[:2])


def test_what_is_to_be_changed_is_told_in_three_columns() -> None:
    (table,) = [table for table in tables(MAP) if table[0][0] == CHANGE]
    assert table[0] == (CHANGE, "go to", "then")
    for wish, place, _ in table[2:]:
        assert "`" in place, f"{wish}: no file or name is given"
        assert not re.match(r"`[\w/]+\.py`", wish), f"{wish}: a path where a wish should stand"
    wishes = [wish for wish, *_ in table[2:]]
    assert len(set(wishes)) == len(wishes)
