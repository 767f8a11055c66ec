"""The part that looks which keys are to be rotated: when it looks, and what people are told."""

from __future__ import annotations

import pytest

from administering import new_plane
from penstock.app.rotation import KeyRotation, rotation_notice
from penstock.control.actor import CLI
from penstock.control.keys import api_keys
from penstock.control.keys.rotation import KeyEvent
from penstock.control.plane import ControlPlane, now
from penstock.observe.alerts.notice import Notice
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.schema import api_key


async def test_a_key_that_is_due_is_rotated_and_told() -> None:
    plane, told = await new_plane(), list[Notice]()

    async def opened() -> ControlPlane:
        return plane

    policy = {"rotation_period_days": 30}
    body = {"name": "bot", "scopes": ["completions.write"], "rotation_policy": policy}
    made = await api_keys.create(plane, CLI, "workspace-service", body)
    async with plane.database.change() as connection:
        await connection.execute(api_key.update().values(next_rotation_at=now() - 1))
    part = KeyRotation(lambda: True, opened, told.append, lambda: 7.0)
    await part.look()
    (notice,) = told
    assert (notice.kind, notice.owner, notice.at) == ("key_rotation", made["id"], 7.0)
    assert notice.data["event"] == "rotated"
    assert f"penstock key text {made['id']}" in notice.text
    assert notice.payload["type"] == "key.rotation"
    await plane.database.close()


async def test_a_database_that_nobody_uses_stays_closed_and_a_lost_one_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[bool] = []

    async def lost() -> ControlPlane:
        asked.append(True)
        raise DatabaseError("it is away")

    await KeyRotation(lambda: False, lost, lambda _: None, lambda: 7.0).look()
    assert asked == []
    await KeyRotation(lambda: True, lost, lambda _: None, lambda: 7.0).look()
    assert (asked, "rotated later" in caplog.text) == ([True], True)


def test_each_moment_of_a_key_is_told_once() -> None:
    events = [KeyEvent(kind, "id", "bot", at) for kind in ("due", "rotated", "ending") for at in (5, 6)]
    ids = {rotation_notice(event, 7.0).id for event in events}
    assert len(ids) == len(events)
    assert rotation_notice(events[0], 9.0).id == rotation_notice(events[0], 7.0).id
