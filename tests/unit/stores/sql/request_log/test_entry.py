"""Rows by themselves, and those that have most columns in common."""

from __future__ import annotations

import msgspec

from penstock.stores.sql.request_log.entry import OWN, OWN_PLACES, AlikeEntries, LogEntry, OwnValues, one_by_one

COMMON = LogEntry(0, "", "w", model="m", status=200)
OWN_VALUES: list[OwnValues] = [
    (at, f"id{at}", "t", 5, None, 3, 1, 2, 0, 0, 3, None if at % 2 else 7, 0, "{}") for at in (10, 11, 12)
]  # fmt: skip


def test_each_row_is_the_common_one_with_its_own_values() -> None:
    entries = AlikeEntries(OWN_VALUES, COMMON)
    assert len(entries) == 3
    rows = list(entries)
    for row, own in zip(rows, OWN_VALUES, strict=True):
        assert tuple(getattr(row, name) for name in OWN) == own
        assert (row.workspace_id, row.model, row.status, row.metadata, row.content) == ("w", "m", 200, {}, None)
    assert list(OWN_PLACES) == sorted(OWN_PLACES)
    assert one_by_one([rows[0], entries, rows[2]]) == [rows[0], *rows, rows[2]]


def test_they_are_read_as_they_were_written() -> None:
    entries = AlikeEntries(OWN_VALUES, COMMON)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(entries), type=AlikeEntries) == entries
