"""docs/map.md as tables."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

CHANGE: Final = "to change"
MODULE: Final = "module"
PLACE: Final = "place"

Cells = tuple[str, ...]
Table = list[Cells]


class Row(NamedTuple):
    """A row below a heading: its cells, how many the heading has, and what the first of them is called."""

    cells: Cells
    width: int
    kind: str


def tables(page: str) -> list[Table]:
    """Runs of lines that begin with a bar; the first row of each is its heading, the second the line below that."""
    found: list[Table] = []
    inside = False
    for line in page.splitlines():
        if line.startswith("|"):
            if not inside:
                found.append([])
            found[-1].append(tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]))
        inside = line.startswith("|")
    return found


def rows(page: str) -> list[Row]:
    """The rows of all tables, without headings."""
    return [Row(cells, len(table[0]), table[0][0]) for table in tables(page) for cells in table[2:]]


def module_rows(page: str) -> list[Row]:
    """The rows that say what a module is."""
    return [row for row in rows(page) if row.kind == MODULE]


def paths_in(text: str) -> list[str]:
    """The files that a text names."""
    return re.findall(r"`([\w./-]+\.(?:py|md|toml|txt))`", text)
