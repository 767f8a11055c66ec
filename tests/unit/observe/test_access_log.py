"""Records: bounded when nobody drains them, one JSON line each when somebody does."""

import io
import json

from penstock.core.usage import Usage
from penstock.observe.access_log import AccessLog, line
from penstock.observe.record import Record, RecordQueue

RECORD = Record(
    at=1_700_000_000.5, method="POST", path="/v1/chat/completions", status=200, latency=0.25, provider="openai",
    model="m", stream=True, first_byte=0.125, usage=Usage(1, 2, 3, reasoning=0), trace_id="t", option="config",
    dropped=("seed",), metadata={"_user": "u"},
)  # fmt: skip


def test_a_line() -> None:
    assert json.loads(line(RECORD)) == {
        "time": "2023-11-14T22:13:20.500+00:00", "method": "POST", "path": "/v1/chat/completions", "status": 200,
        "provider": "openai", "model": "m", "stream": True, "latency_ms": 250.0, "first_byte_ms": 125.0,
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


async def test_a_closed_pipe_is_survived() -> None:
    records, out = RecordQueue(10), io.BytesIO()
    out.close()
    log = AccessLog(records, out, interval=3600)
    log.start()
    records.push(RECORD)
    await log.stop()
    assert records.take() == []
