"""The catalogue of penstock.toml, read again when the file, or one that it names, has changed.

What callers get is always the last reading that was free of problems; without one the gateway does not start.
reading.py says what a file holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from penstock.background import Background
from penstock.limits.windows import WeekStart
from penstock.settings.load import listed
from penstock.stores.catalogue import Catalogue
from penstock.stores.config_definitions import Check
from penstock.stores.definition import CatalogueError
from penstock.stores.memory import MemoryCatalogue
from penstock.stores.reading import Reading, Stamp, read, stamp

__all__ = ["CatalogueError", "CatalogueFile", "read"]

_LOG: Final = logging.getLogger("penstock")
_OPENED: Final = (
    "{} holds no gateway key any more, which would let in whoever reaches the gateway: put a key back, or start the "
    "gateway anew to serve without"
)


class CatalogueFile(MemoryCatalogue):
    """A ``CatalogueSource`` on a file: looked at every ``interval`` seconds while the gateway runs, and on SIGHUP.

    Without a path it is empty for good. A catalogue with gateway keys is never replaced by one without; one that
    ``must_be_guarded`` lets nobody in without a key, whatever the file says. The constructor raises CatalogueError.
    """

    def __init__(
        self,
        path: Path | None,
        environ: Mapping[str, str],
        providers: Collection[str],
        check: Check | None = None,
        interval: float = 1.0,
        *,
        must_be_guarded: bool = False,
        aliases: Mapping[str, str] = MappingProxyType({}),
        week_starts: WeekStart | None = None,
    ) -> None:
        super().__init__()
        self._path = path
        self._must_be_guarded = must_be_guarded
        self._sources = environ, providers, check, aliases, week_starts
        self._interval = interval
        self._stamps: dict[Path, Stamp] = {}
        self._told: set[str] = set()
        self._warned: set[str] = set()
        self._asked = asyncio.Event()
        self._hangup = _Hangup(self._asked.set)
        self._task: Background | None = None
        self.current = self._guarded(self.current)
        if path is not None:
            self._task = Background("catalogue", functools.partial(self._follow, path))
            reading = Reading(path, *self._sources)
            self.current, self._stamps = self._guarded(reading.result()), reading.stamps
            self._warn(reading)

    def start(self) -> None:
        if self._task is not None:
            self._task.start()
            self._hangup.start(asyncio.get_running_loop())

    async def stop(self) -> None:
        if self._task is not None:
            self._hangup.stop(asyncio.get_running_loop())
            await self._task.stop()

    async def _follow(self, path: Path) -> None:
        before = self._stamps
        while True:
            asked = await self._wait()
            now = {each: stamp(each) for each in self._stamps}
            # A change counts once it has rested for an interval: a file that is being written is never half read,
            # and gateway keys don't vanish while an editor has emptied it.
            if asked or now == before != self._stamps:
                await self._reread(path)
                now = self._stamps
            before = now

    async def _wait(self) -> bool:
        """Let an interval pass, or less when a signal asks for a look at once; whether one did."""
        # Not wait_for: in Python 3.11 it loses a cancellation that comes together with a signal.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await self._asked.wait()
        asked = self._asked.is_set()
        self._asked.clear()
        return asked

    async def _reread(self, path: Path) -> None:
        reading = await asyncio.to_thread(Reading, path, *self._sources)
        self._stamps = reading.stamps
        problems = [*listed(reading.problems)]
        if not problems and self.current.keys and not reading.catalogue.keys:
            problems = [_OPENED.format(path.name)]
        if problems:
            for problem in problems:
                if problem not in self._told:
                    _LOG.error("%s; what was in force before stays in force", problem)
            self._told.update(problems)
            return
        if self._told:
            self._told.clear()
            _LOG.info("%s is mended and in force", path.name)
        self._warn(reading)
        self.replace(self._guarded(reading.catalogue))

    def _guarded(self, catalogue: Catalogue) -> Catalogue:
        return msgspec.structs.replace(catalogue, is_guarded=True) if self._must_be_guarded else catalogue

    def _warn(self, reading: Reading) -> None:
        """Log what is unsafe about the files of a reading, each once."""
        for warning in reading.warnings:
            if warning not in self._warned:
                _LOG.warning("%s", warning)
        self._warned.update(reading.warnings)


class _Hangup:
    """SIGHUP as a request to read again, where it is nobody else's. The end of a terminal still ends the process."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._previous: signal.Handlers | None = None
        self._had_terminal = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        # Windows has no such signal, and only the main thread gets any.
        if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGHUP)
        if isinstance(previous, signal.Handlers):
            self._previous = previous
            self._had_terminal = os.isatty(0)
            loop.add_signal_handler(signal.SIGHUP, self._receive)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._previous is not None:
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, self._previous)
            self._previous = None

    def _receive(self) -> None:
        if self._had_terminal and not os.isatty(0):
            signal.raise_signal(signal.SIGTERM)
        self._callback()
