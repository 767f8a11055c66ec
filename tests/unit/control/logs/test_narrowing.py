"""What sums by day say of a list. tests/contract/test_request_log.py compares the rows, on every engine."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from databases import make_tables
from logged import NOON, entry, write
from penstock.control import feedback
from penstock.control.actor import CLI
from penstock.control.bootstrap import bootstrap
from penstock.control.logs import narrowing
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import LogFilter, for_actor
from penstock.control.plane import ControlPlane
from penstock.stores.sql.database import MEMORY, Database
from penstock.stores.sql.keyring import parse_keyring
from penstock.stores.sql.request_log.usage import DAY


async def narrow(*, feedback_on: Sequence[str] = (), **query: str) -> LogFilter:
    """A filter as the sums of some rows and feedback on some traces narrow it: four of the key k, two of them from the
    cache, and one of the model n, two days later."""
    database = Database(MEMORY)
    try:
        await make_tables(database)
        await bootstrap(database)
        ours = [
            entry(NOON, key_id="k", cache="HIT"),
            entry(NOON + 1, key_id="k"),
            entry(NOON + 2 * DAY, key_id="k", model="n"),
            entry(NOON + 2 * DAY + 1, key_id="k", cache="HIT"),
        ]
        await write(database, *ours, entry(NOON + 5 * DAY, model="n"))
        if feedback_on:
            pieces = [{"trace_id": trace, "value": 1} for trace in feedback_on]
            await feedback.create(ControlPlane(database, parse_keyring("")), CLI, pieces)
        async with database.read() as connection:
            return await narrowing.narrowed(connection, await for_actor(connection, CLI, read_filter(query)))
    finally:
        await database.close()


async def test_one_condition_is_left_as_it_is() -> None:
    found = await narrow(api_key_ids="k", metadata='{"team": "a"}')
    assert (found.since, found.until, found.most, found.found_by, found.is_empty) == (None, None, None, None, False)


async def test_of_two_the_rarest_finds_the_rows_within_their_days() -> None:
    found = await narrow(api_key_ids="k", models="n")
    day = (NOON + 2 * DAY) // DAY * DAY
    assert (found.since, found.until, found.most, found.found_by) == (day, day + DAY, 1, "model")


async def test_many_rows_are_found_as_the_database_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "FEW", 0)
    found = await narrow(api_key_ids="k", models="n")
    assert (found.most, found.found_by) == (None, None)
    assert found.since is not None


async def test_what_never_was_is_not_looked_for() -> None:
    assert (await narrow(api_key_ids="k", models="none")).is_empty
    assert (await narrow(api_key_ids="k", status_code="5xx")).is_empty


async def test_days_without_such_an_answer_of_the_cache_are_not_read() -> None:
    found = await narrow(cache_status="hit")
    assert (found.since, found.until, found.most) == (NOON // DAY * DAY, (NOON + 2 * DAY) // DAY * DAY + DAY, None)
    assert (await narrow(cache_status="replayed")).is_empty
    assert (await narrow(cache_status="replayed", api_key_ids="k")).is_empty
    assert (await narrow(cache_status="hit", api_key_ids="k", models="n")).is_empty


async def test_sums_without_models_say_nothing_of_several_pairs() -> None:
    found = await narrow(cache_status="hit", ai_org_model="openai__m,openai__n")
    assert (found.since, found.until, found.most) == (NOON // DAY * DAY, (NOON + 2 * DAY) // DAY * DAY + DAY, None)
    assert (await narrow(cache_status="hit", ai_org_model="openai__n,azure__m")).is_empty


async def test_a_pair_of_provider_and_model_is_two_conditions() -> None:
    found = await narrow(ai_org_model="openai__n")
    assert (found.most, found.found_by) == (2, "model")
    assert (found.since, found.until) == ((NOON + 2 * DAY) // DAY * DAY, (NOON + 5 * DAY) // DAY * DAY + DAY)
    assert (await narrow(ai_org_model="openai__none")).is_empty
    assert (await narrow(ai_org_model="openai__none,none__n", api_key_ids="k", status_code="4xx")).is_empty


async def test_rows_with_feedback_are_found_by_their_traces_where_these_are_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (await narrow(weighted_feedback_min="1")).is_empty
    found = await narrow(weighted_feedback_min="1", feedback_on=("t", "t", "u"))
    assert (found.texts, found.feedback, found.is_empty) == ({"trace_id": ("t", "u")}, (1.0, None), False)
    monkeypatch.setattr(narrowing, "FEW", 2)
    assert (await narrow(weighted_feedback_min="1", feedback_on=("t", "t", "u"))).texts == {}
