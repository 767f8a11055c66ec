"""The parts of the gateway that report to an OTLP receiver: spans of finished requests, and the metrics of all workers.

Both work away from the requests' path: records wait in a bounded queue, and become spans in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from penstock.background import Background
from penstock.observe.log_extras import Content
from penstock.observe.metrics.families import Labels
from penstock.observe.metrics.recorder import ChargeReader
from penstock.observe.record import Record, RecordQueue, Records
from penstock.observe.redactor import Redactor
from penstock.observe.telemetry.contents import SpanContents, content_attributes
from penstock.observe.telemetry.conventions import SCHEMAS
from penstock.observe.telemetry.exporter import Exporter
from penstock.observe.telemetry.otlp import Resource, metrics_message, spans_message
from penstock.observe.telemetry.span import Attributes, Span
from penstock.observe.telemetry.spans import spans_of

_LOG: Final = logging.getLogger("penstock")
_MOST_WAITING: Final = 1000
"""Records that wait for prices, shortly after the first start."""
_LARGEST: Final = 4 << 20
"""Bytes of a message before it is compressed: what collectors take, and a bound for what is in memory twice. A receiver
that takes less says so, and gets smaller ones."""
_MARGIN: Final = 1.0
"""Seconds beyond the time for the last batches in which a part may stop."""
Series = Mapping[int, Mapping[Labels, Sequence[float]]]


class SpanSettings(msgspec.Struct, frozen=True):
    """``interval`` is the time between two batches of at most ``batch`` requests, ``flush`` the time for the rest when
    the gateway stops, in seconds. ``version`` is that of the conventions, ``scheme`` that of the gateway's own port."""

    queue: int = 10_000
    batch: int = 500
    interval: float = 2.0
    flush: float = 5.0
    version: str = "latest"
    scheme: str = "http"


class _Batch(NamedTuple):
    """Spans that are sent together, and the message that they are sent in."""

    spans: Sequence[Span]
    message: bytes


class SpanReporter:
    """Makes spans of the records of finished requests, and sends them. ``charges`` tells what attempts cost. Contents
    that are kept of requests are put into spans without what ``redactor`` hides; None: no content is."""

    def __init__(
        self,
        records: Records,
        exporter: Exporter,
        resource: Resource,
        settings: SpanSettings,
        charges: ChargeReader | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._redactor = redactor
        self._contents = SpanContents()
        self.stop_seconds = settings.flush + _MARGIN
        self._records = records
        self._exporter = exporter
        self._resource = resource
        self._settings = settings
        self._charges = charges
        self._queue: RecordQueue | None = None
        self._batches: deque[_Batch] = deque()
        """What is to be sent before further records are read; the first one is being sent."""
        self._taken = 0
        """Records that are becoming spans."""
        self._task = Background("spans", self._run)

    def start(self) -> None:
        self._queue = self._records.subscribe(self._settings.queue, "spans")
        if self._redactor is not None:
            self._records.contents = self._contents
        self._task.start()

    async def stop(self) -> None:
        """Send what is left, as far as there is time."""
        await self._task.stop()
        end = time.monotonic() + self._settings.flush
        try:
            async with asyncio.timeout(self._settings.flush):
                await self._send_all(end)
        except TimeoutError:
            pass
        left = 0 if self._queue is None else len(self._queue)
        unsent = left + self._taken + sum(len(batch.spans) for batch in self._batches)
        if unsent:
            self._exporter.lost["unsent"] += unsent
            _LOG.warning("%d spans or more are lost: the OTLP receiver was not done when the gateway stopped", unsent)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.interval)
            queue = self._queue
            if queue is None or (self._charges is not None and self._charges.is_loading and len(queue) < _MOST_WAITING):
                continue
            await self._send_all()

    async def _send_all(self, until: float | None = None) -> None:
        """Send what waits. ``until`` is when attempts end, in monotonic seconds."""
        while self._batches or await self._has_next():
            batch = self._batches[0]
            several = len(batch.spans) > 1
            if several and len(batch.message) > _LARGEST:
                is_done = False
            else:
                is_done = await self._exporter.send(batch.message, len(batch.spans), until, is_divisible=several)
            parts = [] if is_done else await asyncio.to_thread(self._halves, batch.spans)
            self._batches.popleft()
            self._batches.extendleft(reversed(parts))

    async def _has_next(self) -> bool:
        """Whether there are spans that wait: the next ones become a batch."""
        queue = self._queue
        while queue:
            records = queue.take(self._settings.batch)
            contents = [self._contents.take(record) for record in records]
            self._taken = len(records)
            batch = await asyncio.to_thread(self._written, records, contents)
            self._taken = 0
            if batch is not None:
                self._batches.append(batch)
                return True
        return False

    def _written(self, records: Sequence[Record], contents: Sequence[Content | None]) -> _Batch | None:
        """The spans of some records; None where they have none."""
        spans: list[Span] = []
        for record, content in zip(records, contents, strict=True):
            try:
                text = self._told(content)
                spans += spans_of(record, self._charges, self._settings.version, text, self._settings.scheme)
            except Exception:  # one record must never cost the others
                _LOG.exception("a record could not become spans")
        return self._batch(spans) if spans else None

    def _batch(self, spans: Sequence[Span]) -> _Batch:
        return _Batch(spans, spans_message(spans, self._resource, SCHEMAS[self._settings.version]))

    def _halves(self, spans: Sequence[Span]) -> list[_Batch]:
        middle = len(spans) // 2
        return [self._batch(spans[:middle]), self._batch(spans[middle:])]

    def _told(self, content: Content | None) -> Attributes:
        """What a span tells of a content: nothing where it can't be read, and the span stays."""
        if content is None or self._redactor is None:
            return {}
        try:
            return content_attributes(content, self._redactor)
        except Exception as error:  # its message may hold what was said
            _LOG.error("a content could not be told in a span: %s", type(error).__name__)
            return {}


class MetricsSource(Protocol):
    """The figures of all workers (observe/metrics/collector.py)."""

    @property
    def is_first(self) -> bool: ...

    @property
    def began(self) -> float: ...

    def series(self) -> Awaitable[Series]: ...


class MetricsReporter:
    """Sends the figures of all workers, from one of them. ``version`` is that of the conventions."""

    def __init__(
        self,
        source: MetricsSource,
        exporter: Exporter,
        resource: Resource,
        interval: float,
        flush: float,
        version: str = "latest",
    ) -> None:
        self.stop_seconds = flush + _MARGIN
        self._source = source
        self._exporter = exporter
        self._resource = resource
        self._interval = interval
        self._flush = flush
        self._version = version
        self._task = Background("metrics for OTLP", self._run)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        """Send the figures once more."""
        await self._task.stop()
        try:
            async with asyncio.timeout(self._flush):
                await self._report(time.monotonic() + self._flush)
        except TimeoutError:
            _LOG.warning("the last metrics are lost: the OTLP receiver was not done when the gateway stopped")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            # The next figures hold what these tell: they are worth an attempt as long as there are no newer ones.
            await self._report(time.monotonic() + self._interval)

    async def _report(self, until: float) -> None:
        source = self._source
        if not source.is_first:
            return
        series = await source.series()
        now, began = time.time_ns(), int(source.began * 1_000_000_000)
        message = await asyncio.to_thread(metrics_message, series, self._resource, began, now, self._version)
        points = sum(len(each) for each in series.values())
        await self._exporter.send(message, points, until)
