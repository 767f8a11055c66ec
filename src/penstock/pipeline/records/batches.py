"""Entries on their way to the database in batches: the ledger's and the request log's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from penstock.stores.sql.database_error import DatabaseError, ValueRefused

_LOG: Final = logging.getLogger("penstock")
Entry = TypeVar("Entry")


class Batches(Generic[Entry]):
    """Writes batches by ``write``, which raises DatabaseError. ``name`` is that of the table for people; ``name_of``
    names an entry that the database refuses. ``refused`` counts those entries. ``singly`` takes entries apart that are
    several in one."""

    def __init__(
        self,
        name: str,
        waits_in: str,
        write: Callable[[Sequence[Entry]], Coroutine[Any, Any, None]],
        name_of: Callable[[Entry], str],
        singly: Callable[[Sequence[Entry]], Iterable[Entry]] = iter,
    ) -> None:
        self.refused = 0
        self._name = name
        self._waits_in = waits_in
        self._write = write
        self._name_of = name_of
        self._singly = singly
        self._is_lost = False

    async def try_write(self, batch: Sequence[Entry]) -> bool:
        """Write a batch. False if the database can't be reached: the batch waits for the next time."""
        try:
            await self._write(batch)
        except DatabaseError as error:
            if isinstance(error, ValueRefused):
                return await self._write_what_is_taken(batch)
            if not self._is_lost:
                _LOG.error("%s; %s waits in %s", error, self._name, self._waits_in)
            self._is_lost = True
            return False
        except Exception:
            return await self._write_what_is_taken(batch)
        self._is_lost = False
        return True

    async def _write_what_is_taken(self, batch: Sequence[Entry]) -> bool:
        """Write what of a batch isn't refused; called where an exception is handled. False if the database can't be
        reached."""
        # Not to be waited for: the same entries would be refused for ever, and all later ones with them.
        _LOG.exception("%s refuses a batch: its entries are written one by one", self._name)
        if not await self._write_singly(batch):
            return False
        self._is_lost = False
        return True

    async def _write_singly(self, batch: Sequence[Entry]) -> bool:
        """Write entries one by one, without those that are refused. False if the database can't be reached."""
        for entry in self._singly(batch):
            try:
                await self._write([entry])
            except Exception as error:
                if isinstance(error, DatabaseError) and not isinstance(error, ValueRefused):
                    return False
                self.refused += 1
                _LOG.exception("%s is missing in %s", self._name_of(entry), self._name)
        return True
