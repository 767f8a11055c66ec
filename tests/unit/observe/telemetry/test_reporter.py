"""What is sent, by whom, and what is lost at the end; tests/e2e/test_telemetry.py runs both parts in a gateway."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Mapping

import pytest

from penstock.core.http import Posted
from penstock.core.trace_context import TraceContext
from penstock.observe.metrics.families import Labels
from penstock.observe.record import Record, Records
from penstock.observe.telemetry.exporter import Exporter
from penstock.observe.telemetry.reporter import MetricsReporter, SpanReporter, SpanSettings

CONTEXT = TraceContext("a" * 32, 1)
RECORD = Record(1.0, "GET", "/", 404, 0.1, trace_context=CONTEXT)


class Receiver:
    """Takes everything, or nothing at all if it is ``stuck``."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.sent = 0
        self._stuck = stuck

    async def post(self, body: bytes, headers: dict[str, str]) -> Posted:
        self.sent += 1
        if self._stuck:
            await asyncio.Event().wait()
        return Posted(200)


async def test_batches_are_bounded_and_all_is_sent_at_the_end() -> None:
    records, receiver = Records(), Receiver()
    exporter = Exporter("spans", receiver, 0.0)
    reporter = SpanReporter(records, exporter, {}, SpanSettings(batch=2, interval=3600.0))
    reporter.start()
    for _ in range(5):
        records.publish(RECORD)
    await reporter.stop()
    assert (receiver.sent, sum(exporter.lost.values())) == (3, 0)


async def test_a_receiver_that_is_stuck_does_not_hold_the_gateway() -> None:
    records, exporter = Records(), Exporter("spans", Receiver(stuck=True), 0.0)
    reporter = SpanReporter(records, exporter, {}, SpanSettings(batch=2, interval=3600.0, flush=0.01))
    reporter.start()
    for _ in range(5):
        records.publish(RECORD)
    await reporter.stop()
    assert exporter.lost["unsent"] == 5


class Narrow:
    """Takes messages of a few bytes only, and counts those that it takes."""

    def __init__(self, most: int) -> None:
        self.taken: list[bytes] = []
        self._most = most

    async def post(self, body: bytes, headers: dict[str, str]) -> Posted:
        message = gzip.decompress(body)
        if len(message) > self._most:
            return Posted(413)
        self.taken.append(message)
        return Posted(200)


@pytest.mark.parametrize("largest", [4 << 20, 400], ids=["as the receiver says", "as the gateway knows"])
async def test_a_batch_that_is_too_large_is_sent_in_parts_in_its_order(
    monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    monkeypatch.setattr("penstock.observe.telemetry.reporter._LARGEST", largest)
    records, receiver = Records(), Narrow(400)
    exporter = Exporter("spans", receiver, 0.0)
    reporter = SpanReporter(records, exporter, {}, SpanSettings(interval=3600.0))
    reporter.start()
    paths = [f"/number-{number:02d}" for number in range(11)]
    for path in paths:
        records.publish(Record(1.0, "GET", path, 404, 0.1, trace_context=CONTEXT))
    await reporter.stop()
    assert re.findall(rb"/number-[0-9]{2}", b"".join(receiver.taken)) == [path.encode() for path in paths]
    assert sum(exporter.lost.values()) == 0


async def test_a_span_that_is_too_large_costs_no_other() -> None:
    records, receiver = Records(), Narrow(1000)
    exporter = Exporter("spans", receiver, 0.0)
    reporter = SpanReporter(records, exporter, {}, SpanSettings(interval=3600.0))
    reporter.start()
    for path in ("/first", "/" + "x" * 2000, "/last"):
        records.publish(Record(1.0, "GET", path, 404, 0.1, trace_context=CONTEXT))
    await reporter.stop()
    assert exporter.lost["refused"] == 1
    assert b"/first" in receiver.taken[0]
    assert b"/last" in receiver.taken[-1]


class Figures:
    """The figures of a worker."""

    began = 1.0

    def __init__(self, *, is_first: bool) -> None:
        self.is_first = is_first

    async def series(self) -> Mapping[int, Mapping[Labels, list[float]]]:
        return {}


async def test_one_worker_reports_for_all() -> None:
    first, other = Receiver(), Receiver()
    for receiver, is_first in ((first, True), (other, False)):
        reporter = MetricsReporter(Figures(is_first=is_first), Exporter("metrics", receiver, 0.0), {}, 3600.0, 60.0)
        reporter.start()
        await reporter.stop()
    assert (first.sent, other.sent) == (1, 0)


async def test_figures_for_a_receiver_that_is_stuck() -> None:
    receiver = Receiver(stuck=True)
    reporter = MetricsReporter(Figures(is_first=True), Exporter("metrics", receiver, 0.0), {}, 3600.0, 0.01)
    await reporter.stop()
    assert receiver.sent <= 1
