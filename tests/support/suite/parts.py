"""``--part 2/6``: one of six parts of the suite, for machines with several cores (.ci/run): every sixth file, from the
second on. Each file is in one part.

``-m recordings`` reads only the files that name the mark: importing all others takes longer than these tests.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import pytest

MARK: Final = "recordings"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", metavar="N/OF", type=part, help="run every OF-th file, from the N-th on")


def part(text: str) -> tuple[int, int]:
    """The number of a part, which begins at 1, and the number of parts. Raises ValueError."""
    number, of = map(int, text.split("/"))
    if not 1 <= number <= of:
        raise ValueError(f"there is no part {text}")
    return number, of


@functools.cache
def files_of(folder: Path, number: int, of: int) -> frozenset[Path]:
    """The files of a part of the tests below a folder. Neighbours, which take equally long, are in different parts."""
    return frozenset(sorted(folder.rglob("test_*.py"))[number - 1 :: of])


@functools.cache
def names_the_mark(file: Path) -> bool:
    return MARK in file.read_text()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    if config.option.markexpr == MARK and not names_the_mark(collection_path):
        return True
    if (wanted := config.getoption("part")) is None:
        return None
    folders = [Path(config.rootpath, each) for each in config.getini("testpaths")]
    return True if all(collection_path not in files_of(folder, *wanted) for folder in folders) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that has the mark and whose file doesn't name it: ``-m recordings`` would miss that test."""
    for item in items:
        if item.get_closest_marker(MARK) and not names_the_mark(item.path):
            raise pytest.UsageError(f"{item.nodeid} has the mark {MARK!r}, and its file doesn't name the mark")
