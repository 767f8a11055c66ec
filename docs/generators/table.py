"""Pieces of pages: the note at the top, tables, code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

NOTE: Final = "<!-- Written by docs/generate.py: change the code and run `make docs`. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, its heading and its rows; bars in cells are escaped."""
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join([_line(head), "|" + "---|" * len(head), *map(_line, escaped)]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def codes(listed: str) -> str:
    """Names between commas, each as code."""
    return ", ".join(f"`{item}`" for item in listed.split(", ")) if listed else ""
