"""Rows of the request log as a file: JSON lines or CSV, made in pages as it is fetched."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from penstock.background import in_slices
from penstock.control.actor import Actor
from penstock.control.logs.candidates import Place
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import LogFilter, for_actor
from penstock.control.logs.logs import read_cursor, rows_of
from penstock.control.logs.rows import item
from penstock.control.plane import ControlPlane
from penstock.control.refusal import Problem, invalid
from penstock.core.http import NDJSON
from penstock.core.json_text import write_json
from penstock.core.whole_number import whole_number

MOST: Final = 50_000
"""Rows of an export, as in Portkey."""
_MOST_AT_ONCE: Final = 1_000_000
"""Rows of a file that is fetched without an export."""
FORMATS: Final = {"jsonl": NDJSON.decode(), "csv": "text/csv; charset=utf-8"}
_PAGE: Final = 500
_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
"""How a formula begins, in full width, too: https://owasp.org/www-community/attacks/CSV_Injection."""
_FORMULA: Final = re.compile(rf'[\s"]*[{_SIGNS}]|[\t\r\n]')
_GAP: Final = re.compile(rf'([;\s"]+)([{_SIGNS}]?)')
_SEPARATORS: Final = frozenset(";\t\r\n")
"""What begins a cell within a text where a spreadsheet separates cells by semicolons or tabs, as in most of Europe:
quotation marks in the middle of such a cell do not hold a text together."""
MEMBERS: Final = (
    "id", "created_at", "trace_id", "span_id", "parent_span_id", "span_name", "workspace_id", "api_key_id",
    "api_key_name", "source", "request_method", "request_url", "operation", "ai_org", "ai_model", "virtual_key",
    "config", "response_status_code", "is_success", "error", "error_message", "response_time", "time_to_first_token",
    "upstream_response_time", "stream_mode", "cache_status", "attempts", "retry_success_count", "is_fallback",
    "last_used_option", "req_units", "res_units", "total_units", "cached_units", "reasoning_units", "cost",
    "cost_currency", "metadata", "has_content",
)  # fmt: skip
"""The members of a row in a file, in their order."""


class LogFile(msgspec.Struct, frozen=True):
    """What a file holds: at most ``most`` rows of a filter, the newest ``after`` a place of the list; these members of
    each, in a format of ``FORMATS``."""

    wanted: LogFilter
    members: Sequence[str] = MEMBERS
    format: str = "jsonl"
    most: int = MOST
    after: Place | None = None


def read_file(query: Mapping[str, str]) -> LogFile:
    """The file that a query asks for with the filters of the list, its ``cursor``, ``format`` and ``page_size``. Raises
    Refusal."""
    format_ = query.get("format", "jsonl")
    if format_ not in FORMATS:
        raise invalid([Problem("/format", f"expected one of {', '.join(FORMATS)}")])
    size = whole_number(query.get("page_size", str(_MOST_AT_ONCE)))
    if not size:
        raise invalid([Problem("/page_size", f"expected a whole number from 1 to {_MOST_AT_ONCE}")])
    after = read_cursor(query.get("cursor"))
    return LogFile(read_filter(query), format=format_, most=min(size, _MOST_AT_ONCE), after=after)


async def pieces_of(plane: ControlPlane, actor: Actor, file: LogFile) -> AsyncGenerator[bytes]:
    """The bytes of a file. Rows that come meanwhile are newer than the first one, and left out. Raises
    DatabaseError."""
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, file.wanted)
    # It goes out with the first rows: whether these can be had is known before anything is sent.
    heading = _csv([file.members]) if file.format == "csv" else b""
    after, left = file.after, file.most
    while left > 0:
        async with plane.database.read() as connection:
            rows = await rows_of(connection, wanted, after, min(left, _PAGE))
        if not rows:
            break
        after, left = Place(rows[-1].at, rows[-1].id), left - len(rows)
        pieces, heading = [heading], b""

        def add(row: sa.Row[Any], pieces: list[bytes] = pieces) -> None:
            pieces.append(_line(file, item(row)))

        # Requests have their turn meanwhile: a page takes as long as some of them.
        await in_slices(deque(rows), add)
        yield b"".join(pieces)
    if heading:
        yield heading


def _line(file: LogFile, row: Mapping[str, Any]) -> bytes:
    if file.format == "csv":
        return _csv([[_cell(row[name]) for name in file.members]])
    return write_json({name: row[name] for name in file.members}) + b"\n"


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = _without_inner_formulas(value)
        return f"'{text}" if _FORMULA.match(text) else text
    return _without_inner_formulas(write_json(value).decode())


def _without_inner_formulas(text: str) -> str:
    """A text with an apostrophe before each sign that would begin a formula where its cell is taken for several."""
    return text if _SEPARATORS.isdisjoint(text) else _GAP.sub(_kept_apart, text)


def _kept_apart(gap: re.Match[str]) -> str:
    between, sign = gap.groups()
    return between + sign if not sign or _SEPARATORS.isdisjoint(between) else f"{between}'{sign}"
