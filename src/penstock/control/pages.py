"""Pages of a list: newest first, ties by id, counted from 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.refusal import Problem, invalid
from penstock.core.whole_number import whole_number

DEFAULT_SIZE: Final = 100
LARGEST_SIZE: Final = 1000
_FARTHEST: Final = 10_000
"""Rows that a page may skip: beyond them a list is narrowed by a filter and not read to its end."""


class Page(msgspec.Struct, frozen=True):
    """Which rows of a list are wanted."""

    number: int = 0
    size: int = DEFAULT_SIZE


ALL: Final = Page(0, LARGEST_SIZE)


def page_of(query: Mapping[str, str], default: int = DEFAULT_SIZE, largest: int = LARGEST_SIZE) -> Page:
    """The page that a query asks for with ``current_page`` and ``page_size``. Raises Refusal."""
    problems: list[Problem] = []

    def number(name: str, least: int, otherwise: int) -> int:
        text = query.get(name)
        if text is None:
            return otherwise
        found = whole_number(text)
        if found is None or found < least:
            problems.append(Problem(f"/{name}", f"expected a whole number from {least}"))
            return otherwise
        return found

    page = Page(number("current_page", 0, 0), min(number("page_size", 1, default), largest))
    if page.number * page.size > _FARTHEST:
        problems.append(Problem("/current_page", f"a list is read up to row {_FARTHEST}: narrow it with a filter"))
    if problems:
        raise invalid(problems)
    return page


async def select(
    connection: AsyncConnection, query: sa.Select[Any], order: tuple[sa.Column[Any], ...], page: Page
) -> tuple[int, list[sa.Row[Any]]]:
    """The number of all rows of a query, and the rows of one page, by falling ``order``."""
    total = (await connection.execute(sa.select(sa.func.count()).select_from(query.subquery()))).scalar_one()
    wanted = query.order_by(*(column.desc() for column in order)).limit(page.size).offset(page.number * page.size)
    return int(total), list(await connection.execute(wanted))


def as_list(total: int, items: list[dict[str, Any]], member: str = "data") -> dict[str, Any]:
    """A list as clients read it."""
    return {"object": "list", "total": total, member: items}
