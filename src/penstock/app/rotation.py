"""The composition root's part for gateway keys that are rotated by a schedule: who looks for them, and who is told."""

from __future__ import annotations

import logging
import time
from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from penstock.app.admin import plane_opener
from penstock.background import Background, Part
from penstock.limits.counters import Counters
from penstock.observe.alerts.notice import Data, Notice
from penstock.settings import Settings
from penstock.stores.file import CatalogueFile
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.database_error import DatabaseError

if TYPE_CHECKING:
    from penstock.control.keys.rotation import KeyEvent
    from penstock.control.plane import ControlPlane

_LOG: Final = logging.getLogger("penstock")
_INTERVAL: Final = 60.0
"""Seconds between two looks."""
_MICROSECONDS: Final = 1_000_000
_SENTENCES: Final = {
    "rotated": "The key {name} ({id}) has a new text; the one before works until {at}. Read the new one with "
    "`penstock key text {id}`.",
    "due": "The key {name} ({id}) is rotated at {at}.",
    "ending": "The text that the key {name} ({id}) had before it was rotated works until {at}.",
}


class KeyRotation:
    """A part of the gateway. ``is_open`` says whether the database is in use: a gateway without keys leaves it closed.
    ``open_plane`` gives the control plane; ``tell`` gets what people are told. ``clock``: seconds since 1970."""

    def __init__(
        self,
        is_open: Callable[[], bool],
        open_plane: Callable[[], Awaitable[ControlPlane]],
        tell: Callable[[Notice], None],
        clock: Callable[[], float],
        interval: float = _INTERVAL,
    ) -> None:
        self._is_open = is_open
        self._open_plane = open_plane
        self._tell = tell
        self._clock = clock
        self._interval = interval
        self._task = Background("the rotation of gateway keys", self._run)

    def start(self) -> None:
        self._task.start()

    async def stop(self) -> None:
        await self._task.stop()

    async def _run(self) -> None:
        while True:
            await self.look()
            await sleep(self._interval)

    async def look(self) -> None:
        """Rotate what is due now. While the database can't be reached, that waits."""
        if not self._is_open():
            return
        from penstock.control.keys.rotation import rotate_due

        try:
            events = await rotate_due(await self._open_plane())
        except DatabaseError as error:
            _LOG.warning("%s; keys whose time has come are rotated later", error)
            return
        for event in events:
            self._tell(rotation_notice(event, self._clock()))


def rotation_of(
    settings: Settings,
    stored: ControlStore | None,
    file: CatalogueFile,
    counters: Counters,
    tell: Callable[[Notice], None],
) -> list[Part]:
    """The part that rotates gateway keys by their policies; nothing without a database. ``tell`` gets the notices."""
    if stored is None:
        return []
    open_plane = plane_opener(settings, stored, file, counters)
    return [KeyRotation(lambda: stored.opened is not None, open_plane, tell, time.time)]


def rotation_notice(event: KeyEvent, at: float) -> Notice:
    """The notice of a key. It is told once for each of its moments."""
    from penstock.control.timestamps import as_text

    moment = as_text(event.at)
    text = _SENTENCES[event.kind].format(name=event.name, id=event.key_id, at=moment)
    data: Data = {"key": event.key_id, "name": event.name, "event": event.kind, "moment": event.at // _MICROSECONDS}
    key = f"key_rotation\x00{event.kind}\x00{event.key_id}\x00{event.at}"
    return Notice("key_rotation", key, at, text, data, event.key_id)
