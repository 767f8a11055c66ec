"""The request log on its way from records to the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.observe.log_extras import NO_EXTRAS, Content, LogExtras
from penstock.observe.record import AttemptRecord, Record
from penstock.observe.record_kinds import RecordKinds
from penstock.observe.redactor import Redactor
from penstock.observe.spool import Spool
from penstock.pipeline.records import request_log as module
from penstock.pipeline.records.log_rows import Spooled, row_of
from penstock.pipeline.records.request_log import RequestLog, requests_in
from penstock.prices.charge import Charge
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.request_log.entry import AlikeEntries, Entries, LogEntry, OwnValues, one_by_one


class Table:
    def __init__(self) -> None:
        self.rows: dict[str, LogEntry] = {}
        self.repeated: list[bool] = []
        self.is_down = False
        self.sizes: list[list[int]] = []
        """How many rows each entry of a batch has."""
        self.refused = ""

    async def write(self, entries: Sequence[Entries], is_repeated: bool) -> None:
        if self.is_down:
            raise DatabaseError("the database is down")
        self.repeated.append(is_repeated)
        self.sizes.append([1 if isinstance(entry, LogEntry) else len(entry) for entry in entries])
        for entry in one_by_one(entries):
            if entry.trace_id == self.refused:
                raise ValueError("a value that the table does not take")
        self.rows |= {entry.id: entry for entry in one_by_one(entries)}

    @property
    def traces(self) -> list[str]:
        return sorted(entry.trace_id for entry in self.rows.values())


def spooled(folder: Path) -> list[Path]:
    return list(folder.glob("*.spool"))


async def nothing() -> None:
    pass


def log_of(table: Table, folder: Path | None = None) -> RequestLog:
    return RequestLog(Spool(folder, "requests", 1 << 20), table.write, lambda *_: None, Redactor(), nothing)


def record(trace: str, **more: Any) -> Record:
    attempt = AttemptRecord("config", "openai", "m", 1, 200, 0.1, usage=Usage(1, 1, native={"x": [1, {"y": None}]}))
    return Record(at=1.0, method="POST", path="/", status=200, latency=0.1, trace_id=trace, attempts=(attempt,), **more)


async def test_what_is_kept_is_written_by_the_time_it_stops() -> None:
    table = Table()
    log = log_of(table)
    log.start()
    for number in range(600):
        log.keep(record(f"{number:03}"), LogExtras(), random_id())
    assert log.waiting == 600
    await log.stop()
    assert table.traces == [f"{number:03}" for number in range(600)]
    assert not any(table.repeated)
    assert (log.waiting, log.lost) == (0, 0)


async def test_while_the_database_is_down_rows_wait_for_it_and_for_the_next_process(tmp_path: Path) -> None:
    table = Table()
    table.is_down = True
    log = log_of(table, tmp_path)
    log.keep(record("a"), LogExtras(), random_id())
    log.start()
    await log.stop()
    assert spooled(tmp_path)
    table.is_down = False
    following = log_of(table, tmp_path)
    following.start()
    await following.stop()
    assert (table.traces, table.repeated) == (["a"], [True])
    assert not spooled(tmp_path)


async def test_what_a_process_left_that_ends_after_this_one_has_begun_is_written_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was killed keeps the lock on its spool until it has its last turn of the processor."""
    monkeypatch.setattr(module, "_INTERVAL", 0.001)
    monkeypatch.setattr(module, "_FIRST_RECOVERY", 0.001)
    dying = Spool(tmp_path, "requests", 1 << 20)
    log_of_dying = RequestLog(dying, Table().write, lambda *_: None, Redactor(), nothing)
    log_of_dying.keep(record("a"), LogExtras(), random_id())
    is_written, table = asyncio.Event(), Table()

    async def write(entries: Sequence[Entries], is_repeated: bool) -> None:
        await table.write(entries, is_repeated)
        is_written.set()

    log = RequestLog(Spool(tmp_path, "requests", 1 << 20), write, lambda *_: None, Redactor(), nothing)
    log.start()
    assert log.waiting == 0, "the other one still has its spool"
    dying.close()
    async with asyncio.timeout(300):
        await is_written.wait()
    await log.stop()
    assert (table.traces, table.repeated) == (["a"], [True])
    assert not spooled(tmp_path)


async def test_what_comes_while_rows_are_written_waits_for_the_next_turn(tmp_path: Path) -> None:
    """Under load there always is more: a file and a transaction for each handful of rows cost more than the rows."""
    table = Table()

    async def keep_and_write(entries: Sequence[Entries], is_repeated: bool) -> None:
        if len(table.rows) < 3:
            log.keep(record(f"later {len(table.rows)}"), LogExtras(), random_id())
        await table.write(entries, is_repeated)

    spool = Spool(tmp_path, "requests", 1 << 20)
    log = RequestLog(spool, keep_and_write, lambda *_: None, Redactor(), nothing)
    log.keep(record("a"), LogExtras(), random_id())
    log.keep(record("b"), LogExtras(), random_id())
    await log._drain()
    assert (table.traces, log.waiting) == (["a", "b"], 1)
    await log._drain(to_the_end=True)
    assert (table.traces, log.waiting) == (["a", "b", "later 0", "later 2"], 0)
    assert not spooled(tmp_path)


async def test_the_spool_holds_rows_and_requests_whose_rows_wait(tmp_path: Path) -> None:
    """What a killed process has left: rows, and requests as an earlier version wrote all of them."""
    spool, table = Spool(tmp_path, "requests", 1 << 20), Table()
    log = RequestLog(spool, table.write, lambda *_: None, Redactor(), nothing)
    log.keep(record("row", metadata={"team": "a"}, key="k"), LogExtras(span_id="s"), random_id())
    log.keep(record("content"), LogExtras(content=Content(10, [])), random_id())
    early = Spooled(random_id(), record("early"), LogExtras(message="no"))
    spool.extend([msgspec.msgpack.encode(early)])
    spool.close()
    following = log_of(table, tmp_path)
    following.start()
    await following.stop()
    assert table.repeated == [True]
    by_trace = {row.trace_id: row for row in table.rows.values()}
    assert set(by_trace) == {"row", "content", "early"}
    assert by_trace["early"] == row_of(early, [None], Redactor())
    row = by_trace["row"]
    assert (row.metadata, row.key_name, row.span_id, row.attempts) == ({"team": "a"}, "k", "s", 1)
    assert by_trace["content"].content is not None


@pytest.mark.parametrize("requests", [module._HANDFUL, module._HANDFUL + 1])
async def test_rows_of_many_requests_that_end_in_one_turn_are_made_later(requests: int) -> None:
    table = Table()
    log = log_of(table)
    log.start()
    for number in range(requests):
        log.keep(record(f"{number:03}"), LogExtras(), random_id())
    await asyncio.sleep(0)
    segment = log.spool.take()
    assert segment is not None
    assert {type(item) for item in segment.items or ()} == {LogEntry if requests == module._HANDFUL else Spooled}
    await log.stop()
    assert table.traces == [f"{number:03}" for number in range(requests)]


async def test_a_batch_whose_end_was_not_heard_of_is_written_as_a_repeated_one() -> None:
    table = Table()
    log = log_of(table)
    log.keep(record("a"), LogExtras(), random_id())
    table.is_down = True
    await log._drain()
    table.is_down = False
    await log._drain()
    assert table.repeated == [True]
    log.keep(record("b"), LogExtras(), random_id())
    await log._drain()
    assert table.repeated == [True, False]


async def test_texts_that_are_no_utf_8_cost_no_row() -> None:
    table = Table()
    log = log_of(table)
    log.keep(record("c", labels={"\udfff": "x"}, model="\ud800"), LogExtras(), random_id())
    log.keep(record("a\ud800", metadata={"x": "\udfff"}), LogExtras(span_name="\ud800"), random_id())
    log.keep(record("b"), LogExtras(), random_id())
    await log.stop()
    assert table.traces == ["a?", "b", "c"]
    assert {row.model for row in table.rows.values()} == {"m", "?"}


async def test_an_entry_that_cant_be_read_is_counted_as_lost(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    log = log_of(table)
    log.spool.extend([b"\xc1"])
    log.keep(record("b"), LogExtras(), random_id())
    await log.stop()
    assert (table.traces, log.lost) == (["b"], 1)
    assert "1 requests are missing in the request log" in caplog.text


async def test_old_rows_are_deleted_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CLEANING", 0.0)
    cleaned = asyncio.Event()
    calls = 0

    async def clean() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise DatabaseError("down")
        cleaned.set()

    log = RequestLog(Spool(None, "r", 1 << 20), Table().write, lambda *_: None, Redactor(), clean)
    log.start()
    await asyncio.wait_for(cleaned.wait(), 300)
    await log.stop()


async def test_rows_are_the_same_whether_their_records_are_still_in_memory_or_not(tmp_path: Path) -> None:
    """A spool of small segments holds the records of the first one alone."""
    table, written = Table(), Table()
    usage = Usage(3, 2, native={"service_tier": "flex"})
    several = [record(f"{number:02}", usage=usage, metadata={"team": "a"}, stream=True) for number in range(40)]
    in_memory = log_of(table)
    behind = RequestLog(Spool(tmp_path, "r", 1 << 20, 2000), written.write, lambda *_: None, Redactor(), nothing)
    for each in several:
        in_memory.keep(each, LogExtras("s", message="failed", messages=("failed",)), random_id())
        behind.keep(each, LogExtras("s", message="failed", messages=("failed",)), random_id())
    await in_memory.stop()
    await behind.stop()
    assert len(table.rows) == 40

    def told(one: Table) -> list[LogEntry]:
        rows = sorted(one.rows.values(), key=lambda row: row.trace_id)
        return [msgspec.structs.replace(row, id="") for row in rows]

    assert told(table) == told(written)


async def test_rows_that_take_long_are_made_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, str] = {}

    def noting(spooled: Spooled, *more: Any) -> LogEntry:
        threads[spooled.record.trace_id] = threading.current_thread().name
        return row_of(spooled, *more)

    monkeypatch.setattr(module, "row_of", noting)
    table = Table()
    log = RequestLog(Spool(None, "r", 1 << 20), table.write, lambda *_: None, Redactor(["x+"]), nothing)
    log.keep(record("plain"), LogExtras(), random_id())
    log.keep(record("content"), LogExtras(content=Content(10, [])), random_id())
    log.keep(record("pattern", metadata={"a": "xx"}), LogExtras(), random_id())
    log.keep(record("message"), LogExtras(messages=("xx",)), random_id())
    await log.stop()
    here = threading.current_thread().name
    assert table.traces == ["content", "message", "pattern", "plain"]
    assert {trace for trace, thread in threads.items() if thread == here} == {"plain"}


async def test_a_batch_that_is_cancelled_is_written_as_a_repeated_one() -> None:
    table = Table()
    log = log_of(table)
    has_begun = asyncio.Event()

    async def write(entries: Sequence[Entries], is_repeated: bool) -> None:
        await table.write(entries, is_repeated)
        if not is_repeated:
            has_begun.set()
            await asyncio.Event().wait()  # its end is never heard of

    log._write = write
    log.keep(record("a"), LogExtras(), random_id())
    draining = asyncio.create_task(log._drain())
    await has_begun.wait()
    draining.cancel()
    await asyncio.wait([draining])
    await log.stop()
    assert table.repeated == [False, True]


async def test_requests_that_end_in_one_turn_are_spooled_together_in_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, handfuls = Table(), list[int]()
    log = log_of(table, tmp_path)
    extend = log.spool.extend

    def noting(entries: Sequence[bytes], items: Sequence[Any]) -> None:
        handfuls.append(len(entries))
        extend(entries, items)

    monkeypatch.setattr(log.spool, "extend", noting)
    log.start()
    for trace in "abc":
        log.keep(record(trace), LogExtras(), random_id())
    assert (log.waiting, log.spool.waiting) == (3, 0)
    await asyncio.sleep(0)
    assert (log.waiting, log.spool.waiting, handfuls) == (3, 3, [3])
    log.keep(record("d"), LogExtras(content=Content(10, [])), random_id())
    assert handfuls == [3, 1], "contents are not gathered"
    log.keep(record("e"), LogExtras(), random_id())
    await log.stop()
    assert handfuls == [3, 1, 1]
    assert table.traces == ["a", "b", "c", "d", "e"]
    log.keep(record("f"), LogExtras(), random_id())
    assert handfuls == [3, 1, 1, 1], "who comes too late is left to the next process"
    log.spool.close()


async def test_a_charge_is_computed_when_a_request_is_spooled_or_once_prices_are_read(tmp_path: Path) -> None:
    table, asked, is_loading = Table(), list[str | None](), True

    def charge_of(attempt: AttemptRecord, at: float) -> Charge:
        asked.append(attempt.model)
        return Charge(7, "v", "exact")

    spool = Spool(tmp_path, "requests", 1 << 20)
    log = RequestLog(spool, table.write, charge_of, Redactor(), nothing, lambda: is_loading)
    log.keep(record("a"), LogExtras(), random_id())
    assert not asked
    is_loading = False
    log.keep(record("b"), LogExtras(), random_id())
    assert len(asked) == 1
    await log._drain(to_the_end=True)
    assert len(asked) == 2
    assert [row.amount for row in table.rows.values()] == [7, 7]


async def test_a_request_that_can_t_be_spooled_costs_no_other(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    table = Table()
    log = log_of(table, tmp_path)
    log.start()
    log.keep(record("a"), LogExtras(), random_id())
    log.keep(record("b", labels={"x": object()}), LogExtras(), random_id())
    log.keep(record("c"), LogExtras(), random_id())
    await log.stop()
    assert (table.traces, log.lost) == (["a", "c"], 1)
    assert "is missing in the request log" in caplog.text


KINDS = RecordKinds()


def alike(trace: str, model: str = "m", **more: Any) -> Record:
    """A record that has a kind, which its model tells."""
    attempt = AttemptRecord("config", "openai", model, 1, 200, 0.1, ended=0.2, usage=Usage(3, 2))
    made = Record(
        at=1.0, method="POST", path="/", status=200, latency=0.3, trace_id=trace, provider="openai", model=model,
        option="config", usage=attempt.usage, attempts=(attempt,), **more,
    )  # fmt: skip
    KINDS.assign(made)
    return made


async def test_rows_that_are_alike_go_together(tmp_path: Path) -> None:
    """From the spool to the table, and by way of the disk where a process was killed; other rows beside them."""
    table, following = Table(), Table()
    spool = Spool(tmp_path, "requests", 1 << 20, things_in=requests_in)
    log = RequestLog(spool, table.write, lambda *_: Charge(7, "v", "exact"), Redactor(), nothing)
    log.start()
    several = [alike(f"{n:02}", "ab"[n % 2]) for n in range(40)]
    for each in [*several, record("z"), alike("y", metadata={"a": "b"})]:
        log.keep(each, NO_EXTRAS, random_id())
    await asyncio.sleep(0)
    assert log.waiting == 42
    segment = log.spool.take()
    assert segment is not None
    assert sorted(map(requests_in, segment.entries())) == [1, 1, 20, 20]
    await log._drain()
    assert [sorted(each) for each in table.sizes] == [[1, 1, 20, 20]]
    for each in several:
        log.keep(each, NO_EXTRAS, random_id())
    table.is_down = True
    await log.stop()
    assert log.lost == 0
    spool = Spool(tmp_path, "requests", 1 << 20, things_in=requests_in)
    log = RequestLog(spool, following.write, lambda *_: None, Redactor(), nothing)
    log.start()
    assert log.waiting == 40
    await log.stop()
    assert (following.sizes, following.repeated) == ([[20, 20]], [True])
    rows = [
        {row.trace_id: msgspec.structs.replace(row, id="") for row in each.rows.values()} for each in (table, following)
    ]
    assert {trace: row for trace, row in rows[0].items() if trace not in "yz"} == rows[1]
    for each in several:
        alone = row_of(Spooled("", each, NO_EXTRAS), [Charge(7, "v", "exact")], Redactor())
        assert rows[1][each.trace_id] == alone


async def test_a_row_that_is_refused_costs_none_that_is_like_it(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    table.refused = "05"
    log = log_of(table)
    log.start()
    for n in range(20):
        log.keep(alike(f"{n:02}"), NO_EXTRAS, random_id())
    await log.stop()
    assert table.traces == [f"{n:02}" for n in range(20) if n != 5]
    assert log.lost == 1


async def test_alike_requests_whose_texts_are_no_utf_8_cost_no_row() -> None:
    table = Table()
    log = log_of(table)
    log.start()
    for each in (alike("a"), alike("b\ud800"), alike("c", "\ud800"), alike("d", user_agent="\ud800"), alike("e")):
        log.keep(each, NO_EXTRAS, random_id())
    await log.stop()
    assert table.traces == ["a", "b?", "c", "d", "e"]
    assert log.lost == 0


@pytest.mark.parametrize("count", [1, 15, 16, 127, 128])
def test_how_many_requests_an_entry_tells_of_is_seen_at_its_beginning(count: int) -> None:
    own: list[OwnValues] = [(1, "i", "t", 5, None, 3, 1, 2, 0, 0, 3, None, 0, "{}")] * count
    assert requests_in(msgspec.msgpack.encode(AlikeEntries(own, LogEntry(0, "")))) == count
    assert requests_in(msgspec.msgpack.encode(LogEntry(0, ""))) == 1
    assert requests_in(b"") == 1


@pytest.mark.parametrize(
    ("entry", "lost"), [(b"\x92", 1), (b"\x92\xdc", 1), (b"\x92\x90\xc0\xc0", 1), (b"\x92\x93\x01\x02\x03\xc0", 3)]
)
async def test_what_another_release_left_that_looks_alike_is_lost_and_told(
    entry: bytes, lost: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = Spool(tmp_path, "requests", 1 << 20)
    left.extend([entry])
    left.close()
    table = Table()
    log = RequestLog(
        Spool(tmp_path, "requests", 1 << 20, things_in=requests_in), table.write, lambda *_: None, Redactor(), nothing
    )
    log.start()
    assert log.waiting == lost
    await log.stop()
    assert (log.lost, table.traces, spooled(tmp_path)) == (lost, [], [])
    assert "missing in the request log" in caplog.text


async def test_batches_have_some_thousand_rows_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 30)
    table = Table()
    log = log_of(table)
    log.start()
    for n in range(100):
        log.keep(alike(f"{n:02}"), NO_EXTRAS, random_id())
        if n % 20 == 19:
            await asyncio.sleep(0)
    await log.stop()
    assert table.sizes == [[20, 20], [20, 20], [20]]
