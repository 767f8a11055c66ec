import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.stores.redis.connection import RedisConnection, Script
from penstock.stores.redis.guard import RedisGuard
from penstock.stores.stored_counters import StoreDown
from redis_server import RedisServer, program, running_redis
from upstream import refusing_port


@pytest.fixture
def small() -> Iterator[RedisServer]:
    """A server of its own, whose settings the test changes."""
    if program() is None:
        pytest.skip("Redis is not installed")
    with running_redis() as server:
        yield server


@pytest.fixture
def script(tmp_path: Path) -> Script:
    (tmp_path / "s.lua").write_text("return ARGV[1]")
    return Script(tmp_path / "s.lua")


async def test_a_loss_is_logged_once_and_after_five_nobody_waits(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    with refusing_port() as port:
        guard = RedisGuard(RedisConnection(f"redis://:hush@127.0.0.1:{port}"), 60.0, "answers go on")
        for _ in range(7):
            with pytest.raises(StoreDown):
                await guard.run(script, "k", "v")
        assert guard.is_lost
        await guard.close()
    (line,) = caplog.messages
    assert line.endswith("answers go on without it")
    assert "hush" not in line


async def test_a_server_that_does_not_answer_is_lost_until_it_does(small: RedisServer, script: Script) -> None:
    guard = RedisGuard(RedisConnection(small.address), 0.2, "answers go on")
    small.freeze()
    with pytest.raises(StoreDown):
        await guard.run(script, "k", "v")
    small.thaw()
    lost = [guard.is_lost]
    assert await guard.run(script, "k", "v", within=60.0) == b"v"
    lost.append(guard.is_lost)
    assert lost == [True, False]
    await guard.close()


@pytest.mark.parametrize(("most", "has_room", "told"), [("0", True, "no maxmemory"), ("1mb", False, "nearly full")])
async def test_answers_leave_room_for_counters(
    small: RedisServer, caplog: pytest.LogCaptureFixture, most: str, has_room: bool, told: str
) -> None:
    small.command("CONFIG", "SET", "maxmemory", most)
    guard = RedisGuard(RedisConnection(small.address), 60.0, "answers go on")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert await guard.has_room() is has_room
    (line,) = caplog.messages
    assert told in line
    await guard.close()
