"""What is read of a time by user or by another member. tests/contract/test_request_log.py has figures of every engine."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from databases import with_tables
from logged import NOON, entry, write
from penstock.control.actor import CLI
from penstock.control.analytics import groups
from penstock.control.analytics.user_lines import Cover, cover, cover_by_day
from penstock.control.bootstrap import bootstrap
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane
from penstock.control.timestamps import as_text
from penstock.stores.sql.database import MEMORY
from penstock.stores.sql.keyring import parse_keyring
from penstock.stores.sql.request_log.usage import DAY, HOUR
from penstock.stores.sql.request_log.usage_users import WEEK

MIDNIGHT = NOON // DAY * DAY + DAY


def test_a_day_whose_rest_has_not_come_is_read_as_a_whole() -> None:
    since, until = MIDNIGHT - 3 * HOUR, MIDNIGHT + 21 * HOUR
    assert cover(since, until, (), until - 1) == Cover(days=(MIDNIGHT,), spans=((since, MIDNIGHT),))
    hours = (MIDNIGHT - 2 * HOUR,)
    spans = ((since, MIDNIGHT - 2 * HOUR), (MIDNIGHT - HOUR, MIDNIGHT))
    assert cover(since, until, hours, until - 1) == Cover(days=(MIDNIGHT,), hours=hours, spans=spans)
    assert cover(since, until, (), until + HOUR) == Cover(spans=((since, until),))


def test_weeks_that_are_known_take_the_place_of_their_days() -> None:
    assert cover_by_day(0, WEEK + DAY, (0,)) == Cover(weeks=(0,), days=(WEEK,))
    assert cover_by_day(0, 2 * DAY, (0,)) == Cover(days=(0, DAY))


@pytest.mark.parametrize("name", ["team", "_user"])
async def test_of_24_hours_rows_are_read_of_what_is_no_whole_day(name: str) -> None:
    since = MIDNIGHT - 3 * HOUR
    moments = {since - 1: "a", since: "a", MIDNIGHT - 1: "b", MIDNIGHT: "a", since + DAY - 1: "a"}
    spans: list[tuple[int, int]] = []
    async with with_tables(MEMORY) as database:
        await bootstrap(database)
        await write(database, *(entry(at, metadata={name: value}) for at, value in moments.items()))

        def note(_: object, __: object, statement: str, parameters: tuple[object, ...], *more: object) -> None:
            if "FROM log_metadata JOIN request_log" in statement:
                numbers = [each for each in parameters if isinstance(each, int) and each > DAY]
                spans.append((min(numbers), max(numbers)))

        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        query = {"time_of_generation_min": as_text(since), "time_of_generation_max": as_text(since + DAY)}
        page = await groups.by_member(ControlPlane(database, parse_keyring("")), CLI, name, query, Page())
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert [(each["metadata_value"], each["requests"]) for each in page["data"]] == [("a", 3), ("b", 1)]
    assert spans == [(since, MIDNIGHT)]
