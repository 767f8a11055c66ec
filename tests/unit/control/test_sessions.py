"""Sessions of the console in the database: begun, bounded, ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from administering import new_plane
from penstock.control import sessions
from penstock.control.actor import CLI, Actor
from penstock.control.plane import ControlPlane
from penstock.control.refusal import Refusal, Why
from penstock.control.scopes import OF_CALLERS
from penstock.control.sign_in import sign_in
from penstock.stores.catalogue import key_digest
from penstock.stores.sql.schema import console_session

ADMIN_DIGEST = key_digest("the admin key")


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    opened = await new_plane()
    yield opened
    await opened.database.close()


async def begin(plane: ControlPlane, key: bytes = ADMIN_DIGEST, seconds: int = 60) -> str:
    return (await sessions.begin(plane, CLI, key, seconds)).text


async def rows(plane: ControlPlane) -> int:
    async with plane.database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(console_session))).scalar_one())


async def actor_of(plane: ControlPlane, text: str) -> Actor:
    return await sign_in(plane, text, CLI.origin, ADMIN_DIGEST)


async def test_a_session_stands_for_its_key(plane: ControlPlane) -> None:
    text = await begin(plane)
    assert (await actor_of(plane, text)).kind == "environment"
    assert await sessions.expiry_of(plane, text) is not None
    with pytest.raises(Refusal):
        await actor_of(plane, text + "x")


async def test_the_database_holds_no_text_of_a_session(plane: ControlPlane) -> None:
    text = await begin(plane)
    async with plane.database.read() as connection:
        (row,) = list(await connection.execute(sa.select(console_session)))
    assert text.encode() not in b"".join(bytes(each) for each in (row.digest, row.key_digest))


async def test_a_session_ends_at_sign_out_on_time_and_with_its_key(plane: ControlPlane) -> None:
    left, ended, orphan = await begin(plane), await begin(plane, seconds=0), await begin(plane, b"a key that is gone")
    await sessions.end(plane, CLI, left)
    for text in (left, ended, orphan):
        with pytest.raises(Refusal) as refused:
            await actor_of(plane, text)
        assert refused.value.why is Why.UNAUTHENTICATED
    assert await sessions.expiry_of(plane, left) is None


async def test_one_more_session_ends_the_oldest_of_its_key(plane: ControlPlane) -> None:
    other = await begin(plane, b"other")
    texts = [await begin(plane) for _ in range(sessions.MOST_OF_KEY + 2)]
    assert await rows(plane) == sessions.MOST_OF_KEY + 1
    assert [await sessions.expiry_of(plane, text) is None for text in texts[:3]] == [True, True, False]
    assert await sessions.expiry_of(plane, other) is not None


async def test_sessions_are_bounded_in_all(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 3)
    for number in range(6):
        await begin(plane, bytes([number]))
    assert await rows(plane) == 3


async def test_what_has_ended_is_deleted_at_the_next_sign_in(plane: ControlPlane) -> None:
    await begin(plane, seconds=0)
    await begin(plane, b"other")
    assert await rows(plane) == 1


@pytest.mark.parametrize("actor", [Actor("file", "keys.a"), Actor("api_key", "k", frozenset(OF_CALLERS))])
async def test_keys_that_administer_nothing_don_t_sign_in(plane: ControlPlane, actor: Actor) -> None:
    with pytest.raises(Refusal) as refused:
        await sessions.begin(plane, actor, b"k", 60)
    assert refused.value.why is Why.FORBIDDEN


async def test_names(plane: ControlPlane) -> None:
    assert await sessions.name_of(plane, Actor("environment", "PENSTOCK_ADMIN_KEY")) == "PENSTOCK_ADMIN_KEY"
    assert await sessions.name_of(plane, Actor("api_key", "gone")) == "gone"
