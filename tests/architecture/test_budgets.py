"""Files and functions stay small, and values have names. The exceptions below may only shrink: a listed one that fits
again fails the test."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from penstock.dialects.caller import CallerDialect
from penstock.dialects.dialect import ProviderDialect

SOURCE = Path(__file__).parents[2] / "src" / "penstock"
FILES = sorted(SOURCE.rglob("*.py"))
ROOT = SOURCE.parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"])
MAX_FILE, MAX_DIALECT, MAX_FUNCTION, MAX_SIDE = 500, 700, 60, 9
MAX_LINE = 120
LONGER_FILES: dict[str, int] = {}
LONGER_FUNCTIONS: dict[str, int] = {}
STEPS = SOURCE / "stores" / "sql" / "migrations" / "versions"
"""A migration is one list of tables and columns, as alembic writes it."""


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield f"{name(path)}:{node.name}", node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_are_short(path: Path) -> None:
    allowed = MAX_DIALECT if path.is_relative_to(SOURCE / "dialects") else MAX_FILE
    lines = len(path.read_text().splitlines())
    if name(path) in LONGER_FILES:
        assert allowed < lines <= LONGER_FILES[name(path)], "take it off the list, or make it shorter"
    else:
        assert lines <= allowed


@pytest.mark.parametrize("path", FILES, ids=name)
def test_functions_are_short(path: Path) -> None:
    for function, lines in () if path.is_relative_to(STEPS) else functions(path):
        if function in LONGER_FUNCTIONS:
            assert MAX_FUNCTION < lines <= LONGER_FUNCTIONS[function], "take it off the list, or make it shorter"
        else:
            assert lines <= MAX_FUNCTION, function


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_file_is_called_by_an_empty_name(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "manager", "service", "misc", "types"}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("side", [CallerDialect, ProviderDialect])
def test_a_side_of_a_wire_has_few_members(side: type[msgspec.Struct]) -> None:
    """A side that needs more is two things."""
    assert len(msgspec.structs.fields(side)) <= MAX_SIDE


def prose(page: Path) -> Iterator[str]:
    """The lines of a page that a person wraps: no code, no tables, no single word that is as long, such as a link."""
    is_code = False
    for line in page.read_text().splitlines():
        is_code ^= line.lstrip().startswith("```")
        if not is_code and not line.lstrip().startswith("|") and len(line.split()) > 2:
            yield line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_is_wrapped(page: Path) -> None:
    if "Written by docs/generate.py" not in page.read_text():
        assert [line for line in prose(page) if len(line) > MAX_LINE] == []


VAGUE = frozenset({"told", "said", "given"})
"""Names that say what happened to a value, and not what it is: ``usage``, ``message``, ``options``."""


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_value_is_called_what_it_is(path: Path) -> None:
    """CONTRIBUTING.md#names."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    stored = [
        (node.lineno, node.id)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    taken = [
        (node.lineno, node.arg) for function in functions for node in ast.walk(function) if isinstance(node, ast.arg)
    ]
    assert [place for place in (*stored, *taken) if place[1] in VAGUE] == []
