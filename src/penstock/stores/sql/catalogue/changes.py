"""What has changed since the catalogue was read before, and how many rows are read: some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql import schema

T = TypeVar("T")
_PART: Final = 1000
"""Rows that are fetched at a time. Values are made of a full part in a thread, while requests are served."""


async def changed_keys(connection: AsyncConnection, since: int) -> frozenset[str] | None:
    """The ids of the gateway keys that changed after a revision, also of those that are gone; None if there are so many
    of them that all are to be read."""
    ids = (await connection.execute(_CHANGED, {"since": since})).scalars().all()
    return None if len(ids) > _PART else frozenset(ids)


async def read_in_parts(
    connection: AsyncConnection, query: sa.Select[Any], use: Callable[[Sequence[Any]], None]
) -> None:
    """Have ``use`` called with the rows of a query, some at a time: requests are served between two parts."""
    async with connection.stream(query) as result:
        async for part in result.partitions(_PART):
            await asyncio.to_thread(use, part) if len(part) == _PART else use(part)


async def in_parts(items: Sequence[T], use: Callable[[Sequence[T]], None]) -> None:
    """Have ``use`` called with items, some at a time, in a thread: requests are served between two parts."""
    for start in range(0, len(items), _PART):
        await asyncio.to_thread(use, items[start : start + _PART])


_CHANGED: Final = (
    sa.select(schema.changed_key.c.api_key_id)
    .where(
        sa.or_(schema.changed_key.c.revision > sa.bindparam("since"), schema.changed_key.c.revision.is_(None)),
    )
    .limit(_PART + 1)
)
"""A change that raised no revision left none: its keys are read each time until the next change."""
