"""Who may make, change or rotate keys grants no more than its own key allows: models, providers and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.refusal import Refusal, Why
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.schema import api_key

LISTS: Final = ("allowed_models", "allowed_providers", "allowed_ips")
"""Columns of a key that each hold a list of texts in JSON; null allows everything."""


async def refuse_wider(connection: AsyncConnection, actor: Actor, columns: Mapping[str, Any]) -> None:
    """Raise Refusal for lists that allow what the actor's own key does not. ``columns`` are those of the other key that
    are set; a pattern is allowed by the same pattern only."""
    if actor.kind != "api_key":
        return
    query = sa.select(*(api_key.c[name] for name in LISTS)).where(api_key.c.id == actor.id)
    own = (await connection.execute(query)).mappings().one_or_none()
    wider = [name for name in LISTS if own is not None and name in columns and is_wider(name, columns[name], own[name])]
    if wider:
        raise Refusal(Why.FORBIDDEN, f"your key can't allow another key more than itself: {', '.join(wider)}")


def is_wider(name: str, stored: str | None, own: str | None) -> bool:
    """Whether a column of ``LISTS`` allows more than the same column of another key: ``["10.0.0.0/7"]`` than
    ``["10.0.0.0/8"]``."""
    allowed = _texts(own)
    if allowed is None:
        return False
    wanted = _texts(stored)
    if wanted is None:
        return True
    if name != "allowed_ips":
        return not set(wanted) <= set(allowed)
    return not all(any(_is_inside(each, network) for network in allowed) for each in wanted)


def _texts(column: str | None) -> list[str] | None:
    value = None if column is None else read_json_or_none(column.encode())
    return [str(each) for each in value] if isinstance(value, list) else None


def _is_inside(network: str, other: str) -> bool:
    inner, outer = ip_network(network, strict=False), ip_network(other, strict=False)
    return inner.version == outer.version and inner.network_address in outer and inner.broadcast_address in outer
