"""Entries of the ledger as files keep them."""

from __future__ import annotations

import pytest

from penstock.core.usage import Usage
from penstock.limits.limit import BucketKey
from penstock.stores.sql.ledger_entry import LedgerEntry, decode_entries, encode_entry

KEY = BucketKey("api_key/k/usage/cost", b"", 0, 0)


def test_an_entry_comes_back_without_what_the_ledger_does_not_hold() -> None:
    entry = LedgerEntry("r", 1, 7, "openai", Usage(3, 1, native={"big": 2**70}), 5, budgets=(KEY,))
    data = encode_entry(entry)
    assert data is not None
    assert decode_entries([data]) == [LedgerEntry("r", 1, 7, "openai", Usage(3, 1), 5, budgets=(KEY,))]


def test_what_no_file_holds_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert encode_entry(LedgerEntry("r", 1, 7, "openai", Usage(), 5, model="\ud800")) is None
    assert decode_entries([b"nonsense"]) == []
    assert "can't be read" in caplog.text
