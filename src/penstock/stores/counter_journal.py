"""What the store of the counters is to be told when it can be reached again, in a file of this worker.

One line in JSON for each call, in order. A journal that a dead worker has left is taken over by the next worker that
starts, and so are the calls that it was making when it was killed, and the estimates of requests under way that it had
let pass by itself. Replaying a call twice charges once: the store knows which reservations are closed.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from penstock.limits.counters import Hold, ReservationId
from penstock.limits.limit import Amounts, BucketKey
from penstock.stores.kept_entries import KeptEntries
from penstock.stores.private_file import begun_locked

_LOG: Final = logging.getLogger("penstock")
_NAME: Final = "counters-*.journal"
_CALLS: Final = 4 << 20
"""Bytes of the calls that are being made, and as many of what is let pass without the store."""
_LARGEST: Final = 256 << 20
"""Bytes of a journal; a journal without a file holds as much in memory."""


class Settlement(msgspec.Struct, frozen=True, tag="settle"):
    """A reservation that is to be charged what its request took."""

    reservation: ReservationId
    actual: Amounts
    holds: tuple[Hold, ...]


class Release(msgspec.Struct, frozen=True, tag="release"):
    """A reservation that is to be given back."""

    reservation: ReservationId


class Shrinkage(msgspec.Struct, frozen=True, tag="shrink"):
    """A reservation that is to hold nothing any more in some buckets."""

    reservation: ReservationId
    keys: tuple[BucketKey, ...]


Entry = Settlement | Release | Shrinkage


class CounterJournal:
    """The journal of one worker; ``folder`` None keeps it in memory alone, and so does a folder that can't be written.
    ``open`` before use, ``close`` after it. ``is_broken``: not all entries are on the disk, because the disk or the
    journal is full."""

    def __init__(self, folder: Path | None, worker: str) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._file: BinaryIO | None = None
        self._is_synced = True
        self.is_broken = False
        self._path = None if folder is None else folder / f"counters-{worker}.journal"
        self._calls = KeptEntries(folder, "calls", worker, _CALLS)
        """The calls that are being made."""
        self._allowed = KeptEntries(folder, "allowed", worker, _CALLS)
        """What requests under way are charged that the store may know nothing of."""

    def open(self) -> list[Settlement]:
        """Begin the file, and take over what dead workers have left. Returns the settlements of requests that were
        ending when they were killed, or were cut off by it: of these the ledger may know nothing."""
        if self._path is None:
            return []
        try:
            self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
            self._file = begun_locked(self._path)
            self._calls.open("a killed worker is charged what its last requests had reserved")
            self._allowed.open("what a killed worker had let pass while the store was down is not charged")
            return self._take_over(self._path.parent)
        except OSError as error:
            _LOG.error("the counters' journal can't be kept: %s; it is in memory alone", error)
            return []

    def begin(self, entry: Entry) -> int | None:
        """The store is to be told of an entry. Returns a number for ``told``."""
        return _put_in(self._calls, entry)

    def told(self, number: int | None) -> None:
        """The store has the entry, or it is appended."""
        self._calls.carried_out([number])

    def allow(self, entry: Settlement) -> int | None:
        """A request is let pass without the store; the entry charges it if this worker is killed meanwhile. Returns a
        number for ``ended``."""
        return _put_in(self._allowed, entry)

    def ended(self, number: int | None) -> None:
        """The request has ended, and what it took is noted."""
        self._allowed.carried_out([number])

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, entry: Entry) -> None:
        """Keep an entry. It is always kept in memory, even where the disk is full."""
        self._put(msgspec.json.encode(entry) + b"\n")

    def first(self) -> Entry | None:
        """The oldest entry; None if there is none. An entry that can't be read is dropped, and the log names it."""
        while self._lines:
            try:
                entry: Entry = _DECODER.decode(self._lines[0])
            except msgspec.DecodeError as error:
                _LOG.error("a line of the counters' journal can't be read, and is dropped: %s", error)
                self.drop_first()
            else:
                return entry
        return None

    def drop_first(self) -> None:
        """The oldest entry is in the store. The file is emptied with its last entry: until then it is replayed whole
        after a crash, which changes nothing."""
        self._size -= len(self._lines.popleft())
        if not self._lines:
            self.is_broken = False
            if self._file is not None:
                self._file.seek(0)
                self._file.truncate()

    def sync(self) -> None:
        """Wait until all entries are on the disk. To be called in a thread."""
        if self._file is not None and not self._is_synced:
            self._is_synced = True
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._calls.close()
        self._allowed.close()
        if self._file is not None:
            self.sync()
            if not self._lines and self._path is not None:
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _put(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        self.is_broken = self.is_broken or self._size > _LARGEST
        if self._file is None:
            return
        try:
            self._file.write(line)
        except OSError as error:
            if not self.is_broken:
                _LOG.error("the counters' journal can't be written: %s; budgets refuse until it can", error)
            self.is_broken = True
        self._is_synced = False

    def _take_over(self, folder: Path) -> list[Settlement]:
        for path in sorted(folder.glob(_NAME)):
            if path == self._path:
                continue
            with path.open("rb") as other:
                try:
                    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
                for line in other:
                    # A line without its end was cut by a crash: its caller had no answer.
                    if line.endswith(b"\n"):
                        self._put(line)
                self.sync()
                path.unlink()
        settlements: dict[ReservationId, Settlement] = {}
        for path, calls in itertools.chain(self._calls.left(), self._allowed.left()):
            for each in calls:
                self._put(each + b"\n")
                with contextlib.suppress(msgspec.DecodeError):
                    entry = _DECODER.decode(each)
                    if isinstance(entry, Settlement):
                        # As in the store the first one counts: what a request took, before its estimate.
                        settlements.setdefault(entry.reservation, entry)
            self.sync()
            path.unlink(missing_ok=True)
        return list(settlements.values())


def estimated(reservation: ReservationId, holds: Iterable[Hold]) -> Settlement:
    """The settlement that charges budgets as much as is held, but for those that give back what is lost."""
    kept = tuple(hold for hold in holds if hold.limit.is_budget and hold.limit.on_loss == "charge")
    most: dict[str, int] = {}
    for hold in kept:
        name = hold.limit.direction if hold.limit.kind == "tokens" else hold.limit.kind
        most[name] = max(most.get(name, 0), hold.amount)
    prompt = most.get("input", max(0, most.get("all", 0) - most.get("output", 0)))
    output = most.get("output", max(0, most.get("all", 0) - prompt))
    return Settlement(reservation, Amounts(most.get("cost", 0), prompt, output), kept)


def _put_in(entries: KeptEntries, entry: Entry) -> int | None:
    try:
        return entries.put(msgspec.json.encode(entry))
    except UnicodeError:
        return None


_DECODER: Final = msgspec.json.Decoder(Entry)
