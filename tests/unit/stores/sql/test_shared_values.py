"""Rows that share most of their values."""

from __future__ import annotations

from penstock.stores.sql.shared_values import whole_rows


def test_rows_are_what_they_share_and_what_is_their_own() -> None:
    shared = ("a", None, "c", None)
    assert whole_rows(shared, (1, 3), [(1, 2), (None, 4)]) == [("a", 1, "c", 2), ("a", None, "c", 4)]
    assert whole_rows(shared, (1, 3), []) == []
