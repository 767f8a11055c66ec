"""Room for some works at a time, shared fairly: turns go round among the callers who wait, whatever each has waiting.

First come, first served would make everybody wait for one caller's hundred slow works.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

Place = asyncio.Future[None]


class FairRoom:
    """``places``: works at a time. Used by one event loop."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: OrderedDict[str, OrderedDict[Place, None]] = OrderedDict()
        """By caller, in the order of their turns: any of them may be forgotten at once, however many leave together."""

    async def enter(self, caller: str) -> None:
        """Wait for a place, which ``leave`` gives back. A wait that is cancelled takes none."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        place: Place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, OrderedDict())[place] = None
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
        while self._waiting:
            caller, places = next(iter(self._waiting.items()))
            place, _ = places.popitem(last=False)
            if places:
                self._waiting.move_to_end(caller)
            else:
                del self._waiting[caller]
            if not place.done():  # else cancelled in this turn of the loop
                place.set_result(None)
                return
        self._free += 1

    def _forget(self, caller: str, place: Place) -> None:
        """A caller waits for a place no more."""
        places = self._waiting.get(caller)
        if places is not None and place in places:
            del places[place]
            if not places:
                del self._waiting[caller]
