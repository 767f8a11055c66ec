"""Room for some works at a time, shared fairly: turns go round among the callers who wait, whatever each has waiting.

First come, first served would make everybody wait for one caller's hundred slow works.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

Place = asyncio.Future[None]


class FairRoom:
    """``places``: works at a time. Used by one event loop."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: OrderedDict[str, deque[Place]] = OrderedDict()
        """By caller, in the order of their turns."""

    async def enter(self, caller: str) -> None:
        """Wait for a place, which ``leave`` gives back. A wait that is cancelled takes none."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        place: Place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(place)
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():
                self.leave()
            else:
                self._forget(caller, place)
            raise

    def leave(self) -> None:
        """Give a place back: to the caller whose turn it is."""
        if not self._waiting:
            self._free += 1
            return
        caller, places = next(iter(self._waiting.items()))
        place = places.popleft()
        if places:
            self._waiting.move_to_end(caller)
        else:
            del self._waiting[caller]
        if place.done():  # cancelled in this turn of the loop
            self.leave()
        else:
            place.set_result(None)

    def _forget(self, caller: str, place: Place) -> None:
        """A caller waits for a place no more."""
        places = self._waiting.get(caller)
        if places is not None and place in places:
            places.remove(place)
            if not places:
                del self._waiting[caller]
