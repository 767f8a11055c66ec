"""Records: bounded when nobody drains them, one JSON line each when somebody does."""

import asyncio
import io
import json
import os
import threading
from typing import Any

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.observe.access_log import AccessLog, line
from penstock.observe.record import Record, RecordQueue

RECORD = Record(
    at=1_700_000_000.5, method="POST", path="/v1/chat/completions", status=200, latency=0.25, provider="openai",
    model="m", stream=True, first_byte=0.125, usage=Usage(1, 2, 3, reasoning=0, units={"seconds": 9}), trace_id="t", option="config",
    client="192.0.2.1", user_agent="curl/8", key="team", dialect="openai_chat", virtual_key="cheap", dropped=("seed",), metadata={"_user": "u"},
)  # fmt: skip


def test_a_line() -> None:
    assert json.loads(line(RECORD)) == {
        "time": "2023-11-14T22:13:20.500+00:00", "method": "POST", "path": "/v1/chat/completions", "status": 200,
        "client": "192.0.2.1", "user_agent": "curl/8", "key": "team", "dialect": "openai_chat",
        "provider": "openai", "virtual_key": "cheap", "model": "m", "stream": True, "latency_ms": 250.0, "first_byte_ms": 125.0,
        "prompt_tokens": 1, "completion_tokens": 2, "reasoning_tokens": 0, "units": {"seconds": 9}, "option": "config",
        "dropped_params": ["seed"], "metadata": {"_user": "u"}, "trace_id": "t",
    }  # fmt: skip


def test_a_line_is_one_line() -> None:
    record = Record(at=0, method="GET", path="/\n{", status=404, latency=0, model='a"\r\n')
    assert b"\n" not in line(record)


class Costs:
    """Says what every request cost."""

    def __init__(self, nanos: int | None) -> None:
        self.nanos = nanos
        self.is_loading = False

    def nanos_of(self, record: Record) -> int | None:
        return self.nanos


@pytest.mark.parametrize(
    ("nanos", "cost"),
    [
        (3_500_000, b'"cost":0.0035'),
        (1, b'"cost":0.000000001'),
        (0, b'"cost":0,'),
        (9 * 10**18 + 1, b'"cost":9000000000.000000001'),
    ],
)
def test_the_cost_is_an_exact_number_of_dollars(nanos: int, cost: bytes) -> None:
    assert cost in line(RECORD, nanos)


def test_a_cost_that_is_unknown_is_left_out() -> None:
    assert b"cost" not in line(RECORD)


def test_a_cost_beside_a_lone_surrogate() -> None:
    assert b'"cost":0.0035' in line(msgspec.structs.replace(RECORD, model="a\ud800"), 3_500_000).replace(b" ", b"")


async def test_lines_hold_what_requests_cost() -> None:
    records, out = RecordQueue(10), io.BytesIO()
    log = AccessLog(records, out, interval=3600, costs=Costs(2_000_000_000))
    log.start()
    records.push(RECORD)
    await log.stop()
    assert json.loads(out.getvalue())["cost"] == 2


async def log_is_written(records: RecordQueue) -> None:
    while len(records):  # noqa: ASYNC110 (the queue is polled by the log itself)
        await asyncio.sleep(0)


async def test_the_first_lines_wait_for_prices() -> None:
    records, out, costs = RecordQueue(10), io.BytesIO(), Costs(1)
    costs.is_loading = True
    log = AccessLog(records, out, interval=0, costs=costs)
    log.start()
    records.push(RECORD)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(records) == 1
    costs.is_loading = False
    async with asyncio.timeout(300):
        await log_is_written(records)
    await log.stop()
    assert out.getvalue().count(b"\n") == 1


def test_a_full_queue_counts_what_it_loses() -> None:
    records = RecordQueue(2)
    for _ in range(5):
        records.push(RECORD)
    assert records.lost == 3
    assert len(records.take()) == 2
    assert records.take() == []


async def test_what_is_left_is_written_when_stopping() -> None:
    records, out = RecordQueue(1), io.BytesIO()
    log = AccessLog(records, out, interval=3600)
    log.start()
    records.push(RECORD)
    records.push(RECORD)
    await log.stop()
    written = [json.loads(text) for text in out.getvalue().splitlines()]
    assert written == [json.loads(line(RECORD)), {"event": "records lost", "count": 1}]


@pytest.mark.parametrize("piece", [1, 700, 1 << 20])
async def test_lines_of_one_turn_are_those_of_each_record(piece: int) -> None:
    """Also where one of them can't be written, and where they are more than a piece holds."""
    unwritable = msgspec.structs.replace(RECORD, metadata={"x": object()})
    several = [RECORD, msgspec.structs.replace(RECORD, model="a\ud800"), RECORD, unwritable, RECORD]
    expected = [json.loads(line(each)) if each is not unwritable else "record not written" for each in several]
    for handful, told in ((several[:3], expected[:3]), (several, expected)):
        records, out = RecordQueue(10), Recording()
        log = AccessLog(records, out, interval=3600, piece=piece)
        log.start()
        await asyncio.sleep(0)
        for each in handful:
            records.push(each)
        async with asyncio.timeout(300):
            await log_is_written(records)
        await log.stop()
        written = [json.loads(text) for text in b"".join(out.pieces).splitlines()]
        assert [each.get("event", each) for each in written] == told
        assert all(each.endswith(b"\n") and (len(each) <= piece or each.count(b"\n") == 1) for each in out.pieces)


class Recording(io.BytesIO):
    """What is written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)


@pytest.mark.parametrize("name", ["model", "path", "method", "metadata", "trace_id", "key", "user_agent", "dropped"])
def test_a_lone_surrogate_anywhere_is_escaped(name: str) -> None:
    bad: Any = {"metadata": {"\ud800": "\udfff"}, "dropped": ("\ud800",)}.get(name, "a\ud800")
    written = line(msgspec.structs.replace(RECORD, **{name: bad}))
    found = json.loads(written)[{"dropped": "dropped_params"}.get(name, name)]
    assert written.isascii()
    assert found == (list(bad) if name == "dropped" else bad)


async def test_a_record_that_can_not_be_written_costs_no_other() -> None:
    records, out = RecordQueue(10), io.BytesIO()
    log = AccessLog(records, out, interval=3600)
    log.start()
    records.push(msgspec.structs.replace(RECORD, at=1e300))
    records.push(RECORD)
    await log.stop()
    first, second = [json.loads(text) for text in out.getvalue().splitlines()]
    assert (first["event"], first["error"]) == ("record not written", "OverflowError")
    assert second == json.loads(line(RECORD))


async def test_writes_are_whole_lines_of_bounded_size() -> None:
    sizes: list[int] = []

    class Counting(io.BytesIO):
        def write(self, data: Any) -> int:
            sizes.append(len(data))
            return super().write(data)

    records, out = RecordQueue(100), Counting()
    log = AccessLog(records, out, interval=3600, piece=1000)
    log.start()
    for _ in range(20):
        records.push(RECORD)
    await log.stop()
    assert len(out.getvalue().splitlines()) == 20
    assert max(sizes) <= 1000
    assert len(sizes) < 20


async def test_a_reader_that_stalls_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    readable, writable = os.pipe()
    records = RecordQueue(10_000)
    with os.fdopen(writable, "wb", buffering=0) as out:
        log = AccessLog(records, out, interval=3600)
        log.start()
        for _ in range(1000):
            records.push(RECORD)
        await log.stop()
        assert "nobody reads the access log" in caplog.text
        with os.fdopen(readable, "rb") as reader:  # lets the thread that writes come to its end
            out.close()
            lines = reader.read().splitlines()
    assert json.loads(lines[0]) == json.loads(line(RECORD))


async def test_lines_are_in_the_order_of_their_records() -> None:
    records, out = RecordQueue(10_000), io.BytesIO()
    log = AccessLog(records, out, interval=0)
    log.start()
    names = [f"t-{number}" for number in range(2000)]
    for at in range(0, len(names), 80):
        for name in names[at : at + 80]:
            records.push(msgspec.structs.replace(RECORD, trace_id=name))
        await asyncio.sleep(0)
    await log.stop()
    assert [json.loads(each)["trace_id"] for each in out.getvalue().splitlines()] == names


async def test_a_reader_that_is_late_gets_the_last_lines() -> None:
    comes = threading.Event()

    class Stalled(io.BytesIO):
        def write(self, data: Any) -> int:
            comes.wait(300)
            return super().write(data)

    records, out = RecordQueue(10_000), Stalled()
    log = AccessLog(records, out, interval=0.001)
    log.start()
    pushed = 0
    while not len(records):  # until nothing is taken any more: the outlet is full
        records.push(RECORD)
        pushed += 1
        await asyncio.sleep(0.01)
    asyncio.get_running_loop().call_later(0.1, comes.set)
    await log.stop()
    assert len(out.getvalue().splitlines()) == pushed


async def test_a_closed_pipe_is_survived() -> None:
    records, out = RecordQueue(10), io.BytesIO()
    out.close()
    log = AccessLog(records, out, interval=3600)
    log.start()
    records.push(RECORD)
    await log.stop()
    assert records.take() == []
