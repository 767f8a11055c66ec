"""Reads the records of finished requests away from their path, and answers with the page of all workers' counts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from mmap import mmap
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from penstock import __version__
from penstock.background import Background, in_slices
from penstock.observe.metrics import families
from penstock.observe.metrics.exposition import (
    OPEN_METRICS_TYPE,
    TEXT_TYPE,
    Snapshot,
    exposition,
    merged_series,
    wants_open_metrics,
)
from penstock.observe.metrics.families import OTHER, Family, Labels
from penstock.observe.metrics.folder import BEGAN
from penstock.observe.metrics.process import process_figures
from penstock.observe.metrics.recorder import Bounds, ChargeReader, Recorder
from penstock.observe.metrics.slots import Slot
from penstock.observe.metrics.table import Metric, Table
from penstock.observe.record import Record, RecordQueue, Records

Made = TypeVar("Made")
_LOG: Final = logging.getLogger("penstock")
_QUEUE: Final = 50_000
"""Records that wait at most."""
_INTERVAL: Final = 0.2
"""Seconds between two looks at the queue."""
_LONGEST_WAIT: Final = 1.0
"""Seconds that the page waits for other workers: one whose event loop stands still shows no gauges."""
_REMINDER: Final = 60.0
_FOLLOWED: Final = (families.LOST, families.TELEMETRY_LOST, families.ALERTS, families.GUARD_VERDICTS, families.CPU)
"""Counters whose totals other parts keep."""
_SHARED_SIZE: Final = 512 << 10
"""Bytes of the table of figures that are the same in all workers."""


class Reading(NamedTuple):
    """One figure of another part of the gateway, as it is now: a gauge, or the total of a counter."""

    family: Family
    labels: Labels
    value: float


Read = Callable[[], Iterable[Reading]]
ReadSlowly = Callable[[], Awaitable[Iterable[Reading]]]


class Collector:
    """A part of the gateway. ``folder`` is where several workers count, None for a worker alone. ``readings`` are asked
    whenever the page is; ``slow_readings`` are the same for this worker alone, since they say the same in each.
    ``broken`` tells how many circuits of a target are in which state, if they are not closed."""

    def __init__(
        self,
        records: Records,
        bounds: Bounds,
        charges: ChargeReader | None = None,
        folder: Path | None = None,
        readings: Iterable[Read] = (),
        slow_readings: Iterable[ReadSlowly] = (),
        broken: Callable[[], Mapping[tuple[str, str], int]] = dict,
    ) -> None:
        self._records = records
        self._bounds = bounds
        self._charges = charges
        self._folder = folder
        self._readings = [self._own_readings, self._circuits, *readings]
        self._broken = broken
        self._slow_readings = tuple(slow_readings)
        self._pending: deque[Record] = deque()
        self._queue: RecordQueue | None = None
        self._slot: Slot | None = None
        self._recorder: Recorder | None = None
        self._metrics: dict[Family, Metric] = {}
        self._started = time.time()
        self._turn = asyncio.Lock()
        self._silent_until = 0.0
        self._task = Background("metrics", self._run)

    def start(self) -> None:
        try:
            self._slot = Slot(self._folder)
        except OSError as error:
            _LOG.warning("metrics: this worker counts by itself, the folder of all can't be used (%s)", error)
            self._slot = Slot()
        table = self._slot.table
        self._recorder = Recorder(table, self._bounds, self._charges)
        read = [family for family in families.FAMILIES if family.kind == "gauge"] + [*_FOLLOWED]
        self._metrics = {family: Metric(table, family, OTHER) for family in read}
        self._queue = self._records.subscribe(_QUEUE, "metrics")
        self._records.tell_kinds()
        self._queue.follow(self._count)
        self._task.start()

    async def stop(self) -> None:
        """Count what is left, and leave it where the other workers find it."""
        await self._task.stop()
        if self._queue is not None:
            self._queue.pause()
        await self._drain()
        if self._slot is not None:
            slot, self._slot = self._slot, None
            self._recorder, self._metrics = None, {}
            slot.close()

    async def page(self, accept: str) -> tuple[bytes, bytes]:
        """The content type and the text of the page, in the format that an Accept header asks for."""
        is_open = wants_open_metrics(accept)
        text = await self._of_all_workers(lambda snapshots: exposition(snapshots, open_metrics=is_open))
        return OPEN_METRICS_TYPE if is_open else TEXT_TYPE, text

    async def series(self) -> Mapping[int, Mapping[Labels, list[float]]]:
        """What the page shows, as numbers: the series of all workers, by the index of their family and by labels."""
        return await self._of_all_workers(merged_series)

    @property
    def is_first(self) -> bool:
        """Whether this is the worker that reports for all of them, of which there is one at any time."""
        return self._slot is not None and self._slot.number == 0

    @property
    def began(self) -> float:
        """Since when the workers have counted, in seconds since 1970."""
        try:
            return self._started if self._folder is None else (self._folder / BEGAN).stat().st_mtime
        except OSError:
            return self._started

    async def _of_all_workers(self, write: Callable[[list[Snapshot]], Made]) -> Made:
        """What ``write`` makes of the tables of all workers, in a thread."""
        async with self._turn:
            slot = self._slot
            if slot is None:
                raise RuntimeError("metrics are asked for before the gateway has started")
            asked = time.monotonic()
            slot.ask(asked)
            await self._refresh(slot, asked)
            shared = Snapshot(await self._read_slowly())
            own = Snapshot(slot.table.snapshot())
            # It may take a tenth of a second: requests are served meanwhile.
            return await asyncio.to_thread(lambda: write([own, *slot.others(asked, asked + _LONGEST_WAIT), shared]))

    async def _run(self) -> None:
        refreshed = 0.0
        while True:
            await asyncio.sleep(_INTERVAL)
            slot = self._slot
            if slot is None:
                return
            if slot.asked > refreshed:
                refreshed = slot.asked
                await self._refresh(slot, time.monotonic())
            else:
                await self._drain()

    async def _refresh(self, slot: Slot, now: float) -> None:
        """Count what waits and set all gauges. ``now`` is a moment before both."""
        await self._drain()
        for metric in self._metrics.values():
            if metric.is_gauge:
                metric.forget()
        for read in self._readings:
            try:
                self._show(self._metrics, read())
            except Exception as error:  # a figure that can't be had must not cost the others
                self._tell("a figure can't be read", error)
        slot.table.refreshed(now)

    async def _read_slowly(self) -> bytes:
        """A table with the slow readings. It is none of the workers': what it says holds for this page only."""
        table = Table(mmap(-1, _SHARED_SIZE))
        metrics = {family: Metric(table, family, OTHER) for family in families.FAMILIES if family.kind == "gauge"}
        try:
            for read in self._slow_readings:
                try:
                    self._show(metrics, await read())
                except Exception as error:
                    self._tell("a figure can't be read", error)
            return table.snapshot()
        finally:
            metrics.clear()
            table.close()

    @staticmethod
    def _show(metrics: Mapping[Family, Metric], readings: Iterable[Reading]) -> None:
        for family, labels, value in readings:
            metric = metrics[family]
            if metric.is_gauge:
                metric.set(labels, value)
            else:
                metric.follow(labels, value)

    def _tell(self, text: str, error: Exception) -> None:
        """Tell the log, once a minute at most."""
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _REMINDER
            _LOG.error("metrics: %s", text, exc_info=error)

    async def _drain(self) -> None:
        queue, recorder = self._queue, self._recorder
        if queue is None or recorder is None:
            return
        self._pending.extend(queue.take())
        await in_slices(self._pending, lambda record: self._count([record]))
        recorder.settle()

    def _count(self, records: Sequence[Record]) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        for record in records:
            try:
                recorder.count(record)
            except Exception as error:  # one record must never cost the others
                self._tell("a record could not be counted", error)

    def _circuits(self) -> Iterable[Reading]:
        """The circuits that are not closed, by names that people know."""
        if self._recorder is None:
            return
        counts: Counter[Labels] = Counter()
        for (target, state), number in self._broken().items():
            counts[*self._recorder.names_of(target), state] += number
        for labels, number in counts.items():
            yield Reading(families.BROKEN, labels, number)

    def _own_readings(self) -> Iterable[Reading]:
        worker = (str(self._slot.number if self._slot is not None else 0),)
        yield Reading(families.WORKERS, (), 1)
        yield Reading(families.BUILD, (__version__,), 1)
        yield Reading(families.STARTED, worker, self._started)
        figures = process_figures()
        yield Reading(families.CPU, worker, figures.cpu_seconds)
        for family, value in (
            (families.MEMORY, figures.resident_bytes),
            (families.FILES, figures.open_files),
            (families.MOST_FILES, figures.most_files),
        ):
            if value is not None:
                yield Reading(family, worker, value)
        for queue in self._records.queues:
            if queue.reader:
                yield Reading(families.LOST, (queue.reader,), queue.lost_in_all)
                yield Reading(families.WAITING, (queue.reader,), len(queue))
