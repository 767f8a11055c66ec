import hashlib
from pathlib import Path

import pytest

from penstock.stores.redis.connection import RedisAddressError, RedisConnection, Script
from penstock.stores.stored_counters import StoreDown
from upstream import refusing_port


@pytest.mark.parametrize("address", ["", "host", "http://host:6379", "redis://host:port"])
def test_an_address_that_cant_be_used(address: str) -> None:
    with pytest.raises(RedisAddressError):
        RedisConnection(address)


async def test_the_name_has_no_password() -> None:
    connection = RedisConnection("redis://:hush@127.0.0.1:6379/0")
    assert connection.name == "redis://127.0.0.1/0"
    await connection.close()


def test_a_script_is_known_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text("return 1")
    assert Script(tmp_path / "s.lua").digest == hashlib.sha1(b"return 1", usedforsecurity=False).hexdigest()


async def test_a_server_that_refuses_is_down() -> None:
    with refusing_port() as port:
        connection = RedisConnection(f"redis://127.0.0.1:{port}")
        with pytest.raises(StoreDown):
            await connection.command("PING")
        await connection.close()
