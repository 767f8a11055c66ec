"""Rows of requests of one kind are the rows that each of them would have by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.observe.log_extras import NO_EXTRAS, LogExtras
from penstock.observe.record import AttemptRecord, Billed, Record
from penstock.observe.record_kinds import RecordKinds
from penstock.observe.redactor import Redactor
from penstock.pipeline.records.alike_rows import AlikeRows
from penstock.pipeline.records.log_rows import Spooled, charges_of, row_of
from penstock.prices.charge import Charge
from penstock.stores.sql.request_log.entry import LogEntry, one_by_one

CHARGE = Charge(7, price_version="v", price_match="exact")
USAGE = Usage(3, 2, 5)
KINDS = RecordKinds()


def spooled(attempt: dict[str, Any], extras: LogExtras = NO_EXTRAS, **more: Any) -> Spooled:
    one = {"target": "config", "provider": "openai", "model": "m", "lane": 1, "status": 200, "began": 0.5}
    told = {
        "at": 10.0, "method": "POST", "path": "/p", "status": 200, "latency": 1.2345678, "option": "config",
        "provider": "openai", "model": "m", "usage": attempt.get("usage"), **more,
    }  # fmt: skip
    record = Record(attempts=(AttemptRecord(**{**one, "ended": 1.25, **attempt}),), **told)
    KINDS.assign(record)
    return Spooled("id", record, extras)


def charge_of(attempt: AttemptRecord, at: float) -> Charge | None:
    assert at >= 10.0
    return None if attempt.model == "unpriced" or attempt.usage is None else CHARGE


def both(several: list[Spooled], rows: AlikeRows) -> tuple[list[LogEntry], list[LogEntry]]:
    """The rows by their kinds, and by themselves."""
    alike, others = rows.gather(several, charge_of)
    assert not others
    assert len(alike) == len({each.record.kind for each in several})
    alone = [row_of(each, charges_of(each.record, charge_of), Redactor()) for each in several]
    return one_by_one(alike), alone


ALIKE = [
    spooled({}),
    spooled({"usage": USAGE}),
    spooled({"usage": Usage(3, 2, 50)}),
    spooled({"usage": USAGE, "model": "unpriced"}, model="unpriced"),
    spooled({"usage": USAGE, "first_content": 0.7}, stream=True, first_byte=0.8),
    spooled({"usage": USAGE, "first_content": 0.7, "lane": 2}),
    spooled({"usage": Usage(9, 8, None, 3, 2, 1, 4, 5), "cache": "MISS"}, cache="MISS", dialect="gemini"),
    spooled(
        {"usage": USAGE, "virtual_key": "v", "region": "eu", "billed": Billed(USAGE, 5, "w", "rule")},
        virtual_key="v", key="k", key_id="i", workspace="w", config="c", labels={"team": "red"},
    ),
    spooled({"billed": Billed(USAGE, None), "usage": USAGE}, client="::1", user_agent='say "hello"'),
    spooled({"usage": USAGE, "is_charged": False, "cache": "HIT"}, cache="HIT", usage=None),
    spooled({"is_charged": False, "cache": "REPLAYED"}, cache="REPLAYED"),
    spooled({"usage": USAGE}, operation="chat.completions", trace_id="t", status=200, latency=0.0),
]  # fmt: skip
OTHERS = [
    spooled({"usage": USAGE}, metadata={"a": "b"}),
    spooled({"usage": USAGE}, dropped=("top_k",)),
    spooled({"usage": USAGE, "ended": None}),
    spooled({"usage": USAGE, "failure": "timeout", "status": 504}, failure="timeout", status=504),
    spooled({"usage": USAGE, "is_charged": False, "is_shared": True}, usage=None),
    spooled({"usage": USAGE, "is_charged": False}, usage=None),
    spooled({"usage": USAGE, "is_charged": False, "cache": "HIT"}, cache="HIT"),
    spooled({"usage": USAGE, "billed": Billed(USAGE, 5, is_estimated=True)}),
    spooled({"usage": USAGE, "billed": Billed(Usage(1), 5)}),
    spooled({"usage": USAGE}, LogExtras(span_id="s")),
    spooled({"usage": USAGE}, option=None),
]


@pytest.mark.parametrize("each", ALIKE)
def test_the_row_of_a_kind_is_that_of_each_request(each: Spooled) -> None:
    rows = AlikeRows()
    for _ in range(2):
        by_kind, alone = both([each, each], rows)
        assert by_kind == alone


def test_requests_of_a_kind_differ_in_what_is_their_own() -> None:
    first = spooled({"usage": USAGE}, at=11.0, trace_id="a", client="1.1.1.1", latency=0.9)
    second = spooled({"usage": Usage(30, 20), "began": 0.1, "ended": 0.2}, at=12.0, trace_id="b", labels={"x": "y"})
    third = spooled({"usage": Usage(30, cache_written=9), "first_content": 2.0}, client="1.1.1.1")
    assert first.record.kind is second.record.kind is third.record.kind
    by_kind, alone = both([first, second, third, first], AlikeRows())
    assert by_kind == alone


def test_rows_of_several_kinds_in_turn_are_all_made() -> None:
    by_kind, alone = both([*ALIKE, *ALIKE], AlikeRows())
    assert sorted(by_kind, key=msgspec.json.encode) == sorted(alone, key=msgspec.json.encode)


@pytest.mark.parametrize("each", OTHERS)
def test_other_requests_are_left_to_be_told_by_themselves(each: Spooled) -> None:
    assert AlikeRows().gather([each], charge_of) == ([], [each])


def test_what_is_rare_in_one_request_is_not_taken_for_its_kind() -> None:
    rows = AlikeRows()
    unended, usual = spooled({"usage": USAGE, "ended": None}), spooled({"usage": USAGE})
    assert unended.record.kind is usual.record.kind
    for first, second in ((unended, usual), (usual, unended)):
        alike, others = rows.gather([first, second], charge_of)
        assert [each.id for each in one_by_one(alike)] == ["id"]
        assert others == [unended]


def test_what_is_remembered_is_bounded() -> None:
    rows = AlikeRows()
    for number in range(5000):
        rows.gather([spooled({"model": f"m{number}"}, model=f"m{number}", user_agent=f"a{number}")], charge_of)
        rows._price("exact", f"v{number}")
    assert max(len(rows._known), len(rows._beginnings), len(rows._prices)) <= 4096
