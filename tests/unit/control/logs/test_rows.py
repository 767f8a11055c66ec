"""Rows of the request log as the admin API shows them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from penstock.control.logs import rows
from penstock.core.usage import Usage
from penstock.observe.log_extras import NO_EXTRAS
from penstock.observe.record import AttemptRecord, Billed, Record
from penstock.observe.redactor import Redactor
from penstock.pipeline.records import log_rows
from penstock.pipeline.records.log_rows import Spooled, row_of
from penstock.prices.charge import Charge

USAGE = Usage(30, 20, 50)


def shown(record: Record, charge: Charge | None) -> Any:
    """A row as a whole, as the database gives it back."""
    entry = row_of(Spooled("id", record, NO_EXTRAS), [charge], Redactor())
    columns = msgspec.structs.asdict(entry) | {"has_content": False, "metadata": "{}"}
    return rows.entry(SimpleNamespace(**columns), "o", "s", None, [])  # type: ignore[arg-type]


@pytest.mark.parametrize("charge", [Charge(7_000_000, "v", "exact"), None])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"lane": 2, "first_content": 0.25, "cache": "MISS"},
        {"virtual_key": "prod", "model": None},
        {"billed": Billed(USAGE, 99, "v1", "rule")},
        {"billed": Billed(USAGE, None)},
        {"usage": None},
        {"cache": "HIT", "is_charged": False},
        {"cache": "REPLAYED", "is_charged": False, "usage": None},
    ],
)
def test_an_attempt_that_the_columns_tell_is_shown_as_any_other(
    charge: Charge | None, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = AttemptRecord("config", "openai", "m", 1, 200, 0.0012, ended=1.4, usage=USAGE)
    attempt = msgspec.structs.replace(attempt, **change)
    record = Record(
        10.0, "POST", "/p", 200, 1.5, provider="openai", model=attempt.model, option="config",
        usage=attempt.usage if attempt.is_charged else None,
        virtual_key=attempt.virtual_key, cache=attempt.cache, attempts=(attempt,),
    )  # fmt: skip
    by_columns = shown(record, charge if attempt.usage else None)
    monkeypatch.setattr(log_rows, "is_told_by_columns", lambda *_: False)
    assert by_columns == shown(record, charge if attempt.usage else None)
    assert len(by_columns["attempts"]) == 1
