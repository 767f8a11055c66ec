"""The rotation of keys that encrypt secrets: under load, interrupted, killed, resumed; and what a wrong key opens."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from databases import fresh_address, make_tables
from paths import ROOT
from penstock.core.secret import Secret
from penstock.stores.sql import schema, secrets
from penstock.stores.sql.database import Database, DatabaseError
from penstock.stores.sql.keyring import Keyring, KeyringError, Sealed, SecretPlace

OLD, NEW = Keyring({"old": bytes(32)}), Keyring({"new": bytes([7]) * 32, "old": bytes(32)})
NEWEST = Keyring({"new": bytes([7]) * 32})
MANY = 210
"""Two batches and a part of one."""

ROTATES = """
import asyncio, sys
from penstock.stores.sql import secrets
from penstock.stores.sql.database import Database
from penstock.stores.sql.keyring import Keyring

def tell(count):
    print(count, flush=True)
    sys.stdin.readline()

asyncio.run(secrets.rotate(Database(sys.argv[1]), Keyring({"new": bytes([7]) * 32, "old": bytes(32)}), tell))
"""


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_address(request, tmp_path)


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    opened = Database(address)
    await make_tables(opened)
    async with opened.change() as connection:
        for number in range(MANY):
            await secrets.put(connection, OLD, place(number), Secret(f"sk-{number}"))
    yield opened
    await opened.close()


def place(number: int) -> SecretPlace:
    return SecretPlace("integration", str(number), "key")


async def values(database: Database, keyring: Keyring) -> dict[str, str]:
    async with database.read() as connection:
        opened = await secrets.open_all(connection, keyring, "integration")
    assert opened.problems == {}
    return {row: value.reveal() for (row, _), value in opened.values.items()}


class FailingKeyring(Keyring):
    """Seals a number of secrets, then fails."""

    def __init__(self, seals: int) -> None:
        super().__init__({"new": bytes([7]) * 32, "old": bytes(32)})
        self.left = seals

    def seal(self, secret: Secret, place: SecretPlace, nonce: bytes) -> Sealed:
        self.left -= 1
        if self.left < 0:
            raise KeyringError("interrupted")
        return super().seal(secret, place, nonce)


async def test_a_rotation_that_is_interrupted_in_a_batch_is_resumed(database: Database) -> None:
    with pytest.raises(KeyringError, match="interrupted"):
        await secrets.rotate(database, FailingKeyring(130))
    assert await secrets.count_by_key(database) == {"new": 100, "old": MANY - 100}, (
        "a batch is kept whole or not at all"
    )
    assert await values(database, NEW) == {str(number): f"sk-{number}" for number in range(MANY)}
    assert await secrets.rotate(database, NEW) == MANY - 100
    assert await secrets.count_by_key(database) == {"new": MANY}
    assert await values(database, NEWEST) == {str(number): f"sk-{number}" for number in range(MANY)}


async def test_secrets_change_and_are_read_while_a_rotation_runs(database: Database) -> None:
    expected = {str(number): f"sk-{number}" for number in range(MANY)}
    is_over = asyncio.Event()

    async def change() -> int:
        rounds = 0
        while not is_over.is_set() or not rounds:
            number = rounds * 37 % MANY
            async with database.change() as connection:
                await secrets.put(connection, NEW, place(number), Secret(f"changed-{rounds}"))
            expected[str(number)] = f"changed-{rounds}"
            rounds += 1
        return rounds

    async def look() -> None:
        while not is_over.is_set():
            assert len(await values(database, NEW)) == MANY

    others = asyncio.gather(change(), look())
    await secrets.rotate(database, NEW)
    is_over.set()
    await others
    await secrets.rotate(database, NEW)
    assert await secrets.count_by_key(database) == {"new": MANY}
    assert await values(database, NEWEST) == expected


async def test_a_rotation_leaves_the_revision(database: Database) -> None:
    before = await database.revision()
    await secrets.rotate(database, NEW)
    assert await database.revision() == before


async def test_a_secret_that_was_moved_opens_nowhere_else(database: Database) -> None:
    table = schema.secret
    async with database.change() as connection:
        for owner, field in (("1", "other"), ("moved", "key")):
            moved = table.update().where(table.c.owner_id == ("1" if field == "other" else "2"))
            await connection.execute(moved.values(owner_id=owner, field=field))
    async with database.read() as connection:
        opened = await secrets.open_all(connection, OLD, "integration")
    assert opened.problems.keys() == {("1", "other"), ("moved", "key")}
    with pytest.raises(KeyringError, match="the row was altered"):
        await secrets.rotate(database, NEW)


async def test_a_wrong_key_stops_the_start(database: Database) -> None:
    await secrets.check_keyring(database, OLD)
    with pytest.raises(DatabaseError, match="encrypted with the key old: add it"):
        await secrets.check_keyring(database, NEWEST)
    with pytest.raises(DatabaseError, match="the key old doesn't open it"):
        await secrets.check_keyring(database, Keyring({"old": bytes([9]) * 32}))


@pytest.fixture
def killed(address: str, database: Database) -> Iterator[subprocess.Popen[str]]:
    """A process that rotates, and waits after its first batch."""
    command = [sys.executable, "-c", ROTATES, address]
    environment = {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_rotation_that_is_killed_is_resumed(killed: subprocess.Popen[str], database: Database) -> None:
    assert killed.stdout is not None
    assert await asyncio.to_thread(killed.stdout.readline) == "100\n"
    killed.kill()
    await asyncio.to_thread(killed.wait)
    assert await secrets.count_by_key(database) == {"new": 100, "old": MANY - 100}
    assert await secrets.rotate(database, NEW) == MANY - 100
    assert await values(database, NEWEST) == {str(number): f"sk-{number}" for number in range(MANY)}
