"""Keys that a schedule rotates, on every engine: who gets which text, how long both are in force, who is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from administering import RunningAdmin, running_admin
from databases import fresh_address
from penstock.control.keys import rotation as key_rotation
from penstock.control.keys.rotation import KeyEvent
from penstock.control.keys.text import is_key_text
from penstock.control.plane import now
from penstock.stores.sql import schema
from penstock.stores.sql.keyring import parse_keyring
from penstock.stores.sql.schema import api_key, api_key_secret

SERVICE: Final = "/api-keys/workspace/service"
DAY: Final = 86_400_000_000
MONTHLY: Final = {"rotation_period_days": 30}
"""A policy whose rotation is due within a day on no day of the year."""
ROTATES: Final = "workspace_service_api_keys.rotate"


@pytest.fixture(params=["memory", "postgres"])
def admin(request: pytest.FixtureRequest) -> Iterator[RunningAdmin]:
    with running_admin(fresh_address(request)) as running:
        yield running


def new_key(admin: RunningAdmin, policy: Any = None, *scopes: str, **more: Any) -> dict[str, Any]:
    body = {"name": "a key", "scopes": ["configs.list", *scopes], **more}
    return admin.made(SERVICE, {**body, **({} if policy is None else {"rotation_policy": policy})})


def read(admin: RunningAdmin, id_: str) -> dict[str, Any]:
    item: dict[str, Any] = admin.call("GET", f"/api-keys/{id_}").body
    return item


def set_columns(admin: RunningAdmin, id_: str, **columns: Any) -> None:
    """Change a row behind the control plane's back: time passes so."""

    async def change() -> None:
        async with admin.plane.database.change() as connection:
            await connection.execute(api_key.update().where(api_key.c.id == id_).values(**columns))

    admin.run(change())


def end_transition(admin: RunningAdmin, id_: str) -> None:
    async def change() -> None:
        mine = api_key_secret.c.api_key_id == id_, api_key_secret.c.valid_until.is_not(None)
        async with admin.plane.database.change() as connection:
            await connection.execute(api_key_secret.update().where(*mine).values(valid_until=now() - 1))

    admin.run(change())


def rotate_due(admin: RunningAdmin) -> list[KeyEvent]:
    return admin.run(key_rotation.rotate_due(admin.plane))


def is_in_force(admin: RunningAdmin, key: str) -> bool:
    return admin.call("GET", "/configs", key=key).status == 200


def kept_texts(admin: RunningAdmin) -> int:
    async def count() -> int:
        async with admin.plane.database.read() as connection:
            owned = sa.select(sa.func.count()).where(schema.secret.c.owner_table == "api_key")
            return int((await connection.execute(owned)).scalar_one())

    return admin.run(count())


def test_a_key_whose_time_has_come_has_two_texts(admin: RunningAdmin) -> None:
    made = new_key(admin, {**MONTHLY, "key_transition_period_ms": 3_600_000})
    path = f"/api-keys/{made['id']}"
    assert rotate_due(admin) == []
    assert admin.call("GET", f"{path}/rotated-text").status == 404
    set_columns(admin, made["id"], next_rotation_at=now() - 5)
    (event,) = [each for each in rotate_due(admin) if each.kind == "rotated"]
    assert (event.key_id, event.name) == (made["id"], "a key")
    assert 3_500_000_000 < event.at - now() <= 3_600_000_000
    item = read(admin, made["id"])
    assert item["last_rotated_at"] is not None
    assert item["rotation_policy"]["next_rotation_at"].endswith("T00:00:00.000Z")
    text = admin.call("GET", f"{path}/rotated-text").body
    assert is_key_text(text["key"])
    assert item["key_transition_expires_at"] == text["key_transition_expires_at"]
    assert item["key"][-3:] == text["key"][-3:]
    assert is_in_force(admin, made["key"])
    assert is_in_force(admin, text["key"])
    end_transition(admin, made["id"])
    assert not is_in_force(admin, made["key"])
    assert is_in_force(admin, text["key"])
    assert admin.call("GET", f"{path}/rotated-text").status == 404
    rotate_due(admin)
    assert kept_texts(admin) == 0
    assert read(admin, made["id"])["key_transition_expires_at"] is None


def test_a_policy_of_one_rotation_ends_with_it(admin: RunningAdmin) -> None:
    made = new_key(admin, {"next_rotation_at": "2999-01-01T12:00:00Z"})
    assert read(admin, made["id"])["rotation_policy"] == {
        "rotation_period": None, "rotation_period_days": None, "next_rotation_at": "2999-01-01T12:00:00.000Z",
        "key_transition_period_ms": 1_800_000, "status": "ACTIVE",
    }  # fmt: skip
    set_columns(admin, made["id"], next_rotation_at=now() - 5)
    assert [event.kind for event in rotate_due(admin)] == ["rotated"]
    assert read(admin, made["id"])["rotation_policy"] is None
    end_transition(admin, made["id"])
    assert rotate_due(admin) == []


def test_a_policy_is_set_changed_and_taken_away(admin: RunningAdmin) -> None:
    made = new_key(admin)
    path = f"/api-keys/{made['id']}"
    assert read(admin, made["id"])["rotation_policy"] is None
    assert admin.call("PUT", path, {"rotationPolicy": {"rotationPeriodDays": 30}}).status == 200
    policy = read(admin, made["id"])["rotation_policy"]
    assert (policy["rotation_period_days"], policy["next_rotation_at"][11:]) == (30, "00:00:00.000Z")
    # What was read can be sent back as it is.
    assert admin.call("PUT", path, {"rotation_policy": policy}).status == 200
    assert admin.call("PUT", path, {"name": "another"}).status == 200
    assert read(admin, made["id"])["rotation_policy"] == policy
    assert admin.call("PUT", path, {"rotation_policy": None}).status == 200
    assert read(admin, made["id"])["rotation_policy"] is None


@pytest.mark.parametrize(
    ("policy", "pointer"),
    [
        ({}, "/rotation_policy"),
        ({"key_transition_period_ms": 3_600_000}, "/rotation_policy"),
        ({"rotation_period": "daily"}, "/rotation_policy/rotation_period"),
        ({"rotation_period": "weekly", "rotation_period_days": 7}, "/rotation_policy/rotation_period_days"),
        ({"rotation_period_days": 0}, "/rotation_policy/rotation_period_days"),
        ({"rotation_period_days": 366}, "/rotation_policy/rotation_period_days"),
        ({"next_rotation_at": "2001-01-01T00:00:00Z"}, "/rotation_policy/next_rotation_at"),
        ({"rotation_period": "weekly", "key_transition_period_ms": 1}, "/rotation_policy/key_transition_period_ms"),
        ({"rotation_period": "weekly", "key_transition_period_ms": 7 * 86_400_000},
         "/rotation_policy/key_transition_period_ms"),
        ({"rotation_periods": "weekly"}, "/rotation_policy/rotation_periods"),
        ("weekly", "/rotation_policy"),
    ],
)  # fmt: skip
def test_a_policy_that_can_not_be_meant(admin: RunningAdmin, policy: Any, pointer: str) -> None:
    reply = admin.call("POST", SERVICE, {"name": "n", "scopes": ["configs.list"], "rotation_policy": policy})
    assert (reply.status, pointer in reply.problems) == (400, True), reply.text


def test_a_rotation_waits_for_a_key_that_has_two_texts_or_is_off(admin: RunningAdmin) -> None:
    made = new_key(admin, MONTHLY)
    path = f"/api-keys/{made['id']}"
    by_hand = admin.made(f"{path}/rotate", {})
    set_columns(admin, made["id"], next_rotation_at=now() - 5)
    assert rotate_due(admin) == []
    end_transition(admin, made["id"])
    assert admin.call("PUT", path, {"status": "disabled"}).status == 200
    assert rotate_due(admin) == []
    assert admin.call("PUT", path, {"status": "active"}).status == 200
    assert [event.kind for event in rotate_due(admin)] == ["rotated"]
    assert is_in_force(admin, by_hand["key"])
    assert admin.call("POST", f"{path}/rotate", {}).status == 409


def test_a_rotation_by_hand_lasts_as_the_policy_says(admin: RunningAdmin) -> None:
    made = new_key(admin, {"rotation_period_days": 2, "key_transition_period_ms": 7_200_000})
    path = f"/api-keys/{made['id']}"
    too_long = admin.call("POST", f"{path}/rotate", {"key_transition_period_ms": 2 * 86_400_000})
    assert "/key_transition_period_ms" in too_long.problems
    admin.made(f"{path}/rotate", {})
    (until,) = admin.run(_transitions(admin, made["id"]))
    assert 7_100_000_000 < until - now() <= 7_200_000_000


async def _transitions(admin: RunningAdmin, id_: str) -> list[int]:
    async with admin.plane.database.read() as connection:
        query = sa.select(api_key_secret.c.valid_until).where(api_key_secret.c.api_key_id == id_)
        return [each for each in (await connection.execute(query)).scalars() if each is not None]


def test_several_workers_rotate_a_key_once(admin: RunningAdmin) -> None:
    ids = [new_key(admin, MONTHLY)["id"] for _ in range(5)]
    for id_ in ids:
        set_columns(admin, id_, next_rotation_at=now() - 5)

    async def several() -> list[list[KeyEvent]]:
        return await asyncio.gather(*[key_rotation.rotate_due(admin.plane) for _ in range(4)])

    events = [event.key_id for each in admin.run(several()) for event in each if event.kind == "rotated"]
    assert sorted(events) == sorted(ids)
    assert kept_texts(admin) == len(ids)


def test_a_day_before_people_are_told(admin: RunningAdmin) -> None:
    made = new_key(admin, {**MONTHLY, "key_transition_period_ms": 2 * 86_400_000})
    due = now() + DAY // 2
    set_columns(admin, made["id"], next_rotation_at=due)
    assert rotate_due(admin) == [KeyEvent("due", made["id"], "a key", due)]
    set_columns(admin, made["id"], next_rotation_at=now() - 1)
    assert [event.kind for event in rotate_due(admin)] == ["rotated"]
    set_columns(admin, made["id"], next_rotation_at=now() + 9 * DAY, last_rotated_at=now() - 2 * DAY)

    async def nearly_over() -> int:
        ends = now() + DAY // 2
        async with admin.plane.database.change() as connection:
            old = api_key_secret.c.valid_until.is_not(None)
            await connection.execute(api_key_secret.update().where(old).values(valid_until=ends))
        return ends

    ends = admin.run(nearly_over())
    assert rotate_due(admin) == [KeyEvent("ending", made["id"], "a key", ends)]


def test_a_text_that_comes_meanwhile_is_not_forgotten(admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker sees that the time of a text is over; before it forgets it, another one rotates the key again."""
    made = new_key(admin, MONTHLY)
    set_columns(admin, made["id"], next_rotation_at=now() - 5)
    rotate_due(admin)
    end_transition(admin, made["id"])
    write = admin.plane.database.write

    @contextlib.asynccontextmanager
    async def after_another() -> AsyncIterator[AsyncConnection]:
        monkeypatch.undo()
        async with admin.plane.database.change() as connection:
            mine = api_key.c.id == made["id"]
            await connection.execute(api_key.update().where(mine).values(next_rotation_at=now() - 5))
        await key_rotation.rotate_due(admin.plane)
        async with write() as connection:
            yield connection

    monkeypatch.setattr(admin.plane.database, "write", after_another)
    rotate_due(admin)
    assert is_key_text(admin.call("GET", f"/api-keys/{made['id']}/rotated-text").body["key"])


def test_who_may_read_the_text(admin: RunningAdmin) -> None:
    made = new_key(admin, MONTHLY, "configs.delete")
    set_columns(admin, made["id"], next_rotation_at=now() - 5)
    rotate_due(admin)
    path = f"/api-keys/{made['id']}/rotated-text"
    assert admin.call("GET", path, key=made["key"]).status == 403
    lesser = new_key(admin, None, ROTATES)["key"]
    assert "configs.delete" in admin.call("GET", path, key=lesser).body["message"]
    himself = new_key(admin, MONTHLY, ROTATES)
    set_columns(admin, himself["id"], next_rotation_at=now() - 5)
    rotate_due(admin)
    refused = admin.call("GET", f"/api-keys/{himself['id']}/rotated-text", key=himself["key"])
    assert (refused.status, "its own next text" in refused.body["message"]) == (403, True)
    greater = new_key(admin, None, ROTATES, "configs.delete")["key"]
    text = admin.call("GET", path, key=greater).body["key"]
    log = admin.call("GET", "/audit-logs?resource_type=api_key").text
    assert text not in log
    rows = admin.call("GET", "/audit-logs?resource_type=api_key").body["records"]
    (rotation,) = [row for row in rows if (row["action"], row["resource_id"]) == ("rotate", made["id"])]
    assert (rotation["user_type"], json.loads(rotation["changes"])["rotation_mode"]["after"]) == ("schedule", "auto")
    assert [row["resource_id"] for row in rows if row["action"] == "read"] == [made["id"]]


def test_a_key_does_not_change_its_own_policy_and_a_deleted_one_has_no_text(admin: RunningAdmin) -> None:
    made = new_key(admin, MONTHLY, "workspace_service_api_keys.update")
    path = f"/api-keys/{made['id']}"
    reply = admin.call("PUT", path, {"rotation_policy": None}, made["key"])
    assert (reply.status, "rotation" in reply.body["message"]) == (403, True)
    set_columns(admin, made["id"], next_rotation_at=now() - 5)
    rotate_due(admin)
    assert kept_texts(admin) == 1
    assert admin.call("DELETE", path).status == 200
    assert kept_texts(admin) == 0
    assert rotate_due(admin) == []


def test_without_a_key_that_encrypts_there_is_no_schedule(admin: RunningAdmin) -> None:
    admin.plane.keyring = parse_keyring("")
    body = {"name": "n", "scopes": ["configs.list"], "rotation_policy": {"rotation_period": "weekly"}}
    assert "penstock secrets new-key" in admin.call("POST", SERVICE, body).problems["/rotation_policy"]
