"""The rows of kept responses, on every engine."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.stores.sql.database import Database
from penstock.stores.sql.kept_response import KeptResponse
from penstock.stores.sql.keyring import Keyring
from penstock.stores.sql.response_rows import Bounds, delete_ended, delete_response, read_response, write_responses
from penstock.stores.sql.schema import kept_response

PLENTY = Bounds(1000, 1 << 30)
KEYS = Keyring({"k1": bytes(32)})
ONE, TWO = b"1" * 32, b"2" * 32


def kept(number: int, owner: bytes = ONE, expires_at: int = 1000) -> KeptResponse:
    text = b'{"n":%d}' % number
    return KeptResponse(f"resp_kept_{number}", owner, number, expires_at, b"[]", text)


async def ids(database: Database) -> list[str]:
    async with database.read() as connection:
        query = sa.select(kept_response.c.id).order_by(kept_response.c.created_at)
        return [*(await connection.execute(query)).scalars()]


async def test_what_is_written_is_read_by_its_owner(database: Database) -> None:
    await write_responses(database, KEYS, [kept(1), kept(2, TWO)], PLENTY)
    assert await read_response(database, KEYS, "resp_kept_1", ONE, 999) == kept(1)
    assert await read_response(database, KEYS, "resp_kept_1", TWO, 999) is None
    assert await read_response(database, KEYS, "resp_kept_1", ONE, 1000) is None
    assert await read_response(database, KEYS, "resp_kept_3", ONE, 999) is None
    assert await read_response(database, Keyring({"k2": bytes(32)}), "resp_kept_1", ONE, 999) is None


async def test_what_is_there_already_stays(database: Database) -> None:
    await write_responses(database, KEYS, [kept(1)], PLENTY)
    await write_responses(database, KEYS, [kept(1, expires_at=5), kept(2)], PLENTY)
    assert await ids(database) == ["resp_kept_1", "resp_kept_2"]
    assert await read_response(database, KEYS, "resp_kept_1", ONE, 999) == kept(1)


async def test_only_the_owner_deletes_and_once(database: Database) -> None:
    await write_responses(database, KEYS, [kept(1)], PLENTY)
    assert not await delete_response(database, "resp_kept_1", TWO, 1)
    assert await delete_response(database, "resp_kept_1", ONE, 1)
    assert not await delete_response(database, "resp_kept_1", ONE, 1)


async def test_the_oldest_of_an_owner_go(database: Database) -> None:
    few = Bounds(3, 1 << 30)
    await write_responses(database, KEYS, [kept(n) for n in range(2)], few)
    await write_responses(database, KEYS, [kept(9, TWO)], few)
    await write_responses(database, KEYS, [kept(n) for n in range(2, 5)], few)
    assert await ids(database) == ["resp_kept_2", "resp_kept_3", "resp_kept_4", "resp_kept_9"]
    async with database.read() as connection:
        size = (await connection.execute(sa.select(kept_response.c.size).limit(1))).scalar() or 0
    await write_responses(database, KEYS, [kept(5)], Bounds(1000, 2 * size + size // 2))
    assert await ids(database) == ["resp_kept_4", "resp_kept_5", "resp_kept_9"]


async def test_what_has_ended_goes_in_steps(database: Database) -> None:
    await write_responses(database, KEYS, [kept(n, expires_at=10 + n) for n in range(7)], PLENTY)
    assert await delete_ended(database, 14, step=2, pause=0) == 5
    assert await ids(database) == ["resp_kept_5", "resp_kept_6"]
