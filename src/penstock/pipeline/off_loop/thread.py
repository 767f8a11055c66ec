"""Work that takes longer than the event loop may wait: it runs in a thread, and the loop goes on.

Threads share one interpreter, so three things keep the loop quick meanwhile: Python code in a thread gives way every
half a millisecond; parsers and writers get large arrays in slices (core/json_slices.py); and the search for
garbage, which would look at all the objects of a large body while everybody waits, is put off to the end of the work.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from penstock.pipeline.off_loop.fair_room import FairRoom

T = TypeVar("T")

LARGE: Final = 256 << 10
"""Bytes of a body from which reading and translating it is work for a thread."""
JUDGED: Final = 16 << 10
"""Bytes of a body from which each check of a guard is: some take 10 µs for each character."""
_THREADS: Final = 2
_LONGEST_QUIET: Final = 1.0
"""Seconds after which garbage is searched for though work goes on: many callers see to it that some always does."""
_QUICK_TURNS: Final = 0.0005
"""Seconds after which a thread gives way; the interpreter's own default is ten times as long."""


class _Quietly:
    """While any work runs, turns are short and no garbage is searched for. Used by the event loop's thread only."""

    def __init__(self) -> None:
        self._running = 0
        self._turns = 0.0
        self._collects = False
        self._since = 0.0

    def begin(self) -> None:
        self._running += 1
        if self._running == 1:
            self._turns, self._collects = sys.getswitchinterval(), gc.isenabled()
            sys.setswitchinterval(_QUICK_TURNS)
            self._since = monotonic()
        gc.disable()

    def end(self) -> None:
        self._running -= 1
        if not self._running:
            sys.setswitchinterval(self._turns)
        now = monotonic()
        if self._collects and (not self._running or now - self._since > _LONGEST_QUIET):
            gc.enable()  # until more work begins, at least
            self._since = now


_quietly: Final = _Quietly()
_room: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, FairRoom]] = WeakKeyDictionary()
"""Room for more work, by event loop."""


async def off_loop_if_large(size: int, work: Callable[[], T]) -> T:
    """The result of ``work`` on ``size`` bytes, made in a thread if they are many."""
    return await off_loop(work) if size > LARGE else work()


async def off_loop(work: Callable[[], T], caller: str = "") -> T:
    """The result of ``work``, made in a thread. A request that is cancelled doesn't stop work that has begun. Turns go
    round among callers, by name (``caller``); work whose length no caller chooses has one name together."""
    loop = asyncio.get_running_loop()
    room = _room.setdefault(loop, FairRoom(_THREADS))
    await room.enter(caller)
    future = loop.run_in_executor(None, work)
    _quietly.begin()

    def ended(_: asyncio.Future[T]) -> None:
        _quietly.end()
        room.leave()

    future.add_done_callback(ended)
    return await asyncio.shield(future)
