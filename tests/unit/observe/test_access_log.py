"""Records: bounded when nobody drains them, one JSON line each when somebody does."""

import io
import json
import os
from typing import Any

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.observe.access_log import AccessLog, line
from penstock.observe.record import Record, RecordQueue

RECORD = Record(
    at=1_700_000_000.5, method="POST", path="/v1/chat/completions", status=200, latency=0.25, provider="openai",
    model="m", stream=True, first_byte=0.125, usage=Usage(1, 2, 3, reasoning=0), trace_id="t", option="config",
    client="192.0.2.1", user_agent="curl/8", key="team", dialect="openai_chat", virtual_key="cheap", dropped=("seed",), metadata={"_user": "u"},
)  # fmt: skip


def test_a_line() -> None:
    assert json.loads(line(RECORD)) == {
        "time": "2023-11-14T22:13:20.500+00:00", "method": "POST", "path": "/v1/chat/completions", "status": 200,
        "client": "192.0.2.1", "user_agent": "curl/8", "key": "team", "dialect": "openai_chat",
        "provider": "openai", "virtual_key": "cheap", "model": "m", "stream": True, "latency_ms": 250.0, "first_byte_ms": 125.0,
        "prompt_tokens": 1, "completion_tokens": 2, "reasoning_tokens": 0, "option": "config",
        "dropped_params": ["seed"], "metadata": {"_user": "u"}, "trace_id": "t",
    }  # fmt: skip


def test_a_line_is_one_line() -> None:
    record = Record(at=0, method="GET", path="/\n{", status=404, latency=0, model='a"\r\n')
    assert b"\n" not in line(record)


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


async def test_a_closed_pipe_is_survived() -> None:
    records, out = RecordQueue(10), io.BytesIO()
    out.close()
    log = AccessLog(records, out, interval=3600)
    log.start()
    records.push(RECORD)
    await log.stop()
    assert records.take() == []
