"""``penstock serve`` and its database, as a process: made, named, refused; revoked keys at every worker."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from databases import fresh_address, make_tables
from penstock.stores.catalogue import digest_of
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, file_address
from rows import COMMON, Rows
from serving import until

ASK: Final = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]})
KEY: Final = "pk-revoked"
CALLERS: Final = 8


class Serving:
    """A gateway that runs. ``said`` is what it wrote to standard error so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.port = int(self.wait_for(r"listens on http://127\.0\.0\.1:(\d+)")[1])

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self.said += line
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has said something."""
        with self._more:
            self._more.wait_for(lambda: re.search(pattern, self.said) or self.process.poll() is not None, 300)
            found = re.search(pattern, self.said)
        assert found is not None, self.said
        return found

    def ask(self, key: str = KEY, provider: str = "@prod") -> int:
        with contextlib.closing(self.connection()) as connection:
            return ask(connection, key, provider)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(300)
        self._reader.join(300)


def ask(connection: http.client.HTTPConnection, key: str = KEY, provider: str = "@prod") -> int:
    headers = {"content-type": "application/json", "x-portkey-api-key": key, "x-portkey-provider": provider}
    connection.request("POST", "/v1/chat/completions", ASK, headers)
    response = connection.getresponse()
    response.read()
    return response.status


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "penstock", "serve", "--port", "0", *arguments]


@contextlib.contextmanager
def serving(place: Path, *arguments: str, **environment: str) -> Iterator[Serving]:
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=place,
        env={**os.environ, **environment},
    ) as process:  # fmt: skip
        gateway = Serving(process)
        try:
            yield gateway
        finally:
            gateway.close()


def refused(place: Path, **environment: str) -> str:
    """What a gateway says that doesn't start."""
    done = subprocess.run(
        command(),
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, **environment},
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


async def changed(address: str, *statements: sa.Executable) -> None:
    database = Database(address)
    async with database.change() as connection:
        for statement in statements:
            await connection.execute(statement)
    await database.close()


def filled(address: str) -> str:
    """The address of a database that has a provider and a key by then."""

    async def fill() -> None:
        database = Database(address)
        await make_tables(database)
        rows = Rows(database)
        await rows.make_workspace()
        await rows.provider("prod", provider="echo")
        await rows.key("revoked", hashlib.sha256(KEY.encode()).digest(), scopes='["completions.write"]')
        await database.close()

    asyncio.run(fill())
    return address


REVOKE: Final = schema.api_key.update().values(status="disabled")
LIMITED: Final = schema.limit.insert().from_select(
    ["id", "level", "owner_id", "definition", *COMMON],
    sa.select(
        sa.literal("l"),
        sa.literal("api_key"),
        schema.api_key.c.id,
        sa.literal('{"rate_limits": [{"type": "requests", "unit": "rpm", "value": 1000000}]}'),
        *map(sa.literal, COMMON.values()),
    ),
)


def test_the_banner_names_the_database_that_is_made(tmp_path: Path) -> None:
    with serving(tmp_path, XDG_DATA_HOME=str(tmp_path / "data")) as gateway:
        file = tmp_path / "data" / "penstock" / "penstock.db"
        gateway.wait_for(f"Database: {file}\n")
        assert gateway.ask("", "echo") == 200
    assert file.is_file()


def test_without_a_folder_it_serves_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with serving(tmp_path, XDG_DATA_HOME=str(tmp_path / "file")) as gateway:
        gateway.wait_for(r"Database: none \(the folder .*/file/penstock can't be made: Not a directory; ")
        assert gateway.ask("", "echo") == 200
    told = refused(tmp_path, PENSTOCK_STORE_DATA_DIR=str(tmp_path / "file" / "x"))
    assert told.startswith("Error: store.data_dir: the folder ")


def test_no_database_if_nobody_wants_one(tmp_path: Path) -> None:
    with serving(tmp_path, XDG_DATA_HOME=str(tmp_path / "data"), PENSTOCK_STORE_DATABASE="none") as gateway:
        gateway.wait_for("Database: none\n")
        assert gateway.ask("", "echo") == 200
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://u:hunter2@/x?host=/nonexistent", "the database postgresql://u:***@/x"),
        ("mysql://u:hunter2@db/x", "there is no driver for mysql"),
        ("sqlite:////nonexistent/penstock.db", "the database /nonexistent/penstock.db can't be used: unable to open"),
    ],
)
def test_a_database_that_cant_be_used_is_told_at_start(tmp_path: Path, address: str, words: str) -> None:
    told = refused(tmp_path, PENSTOCK_STORE_DATABASE=address)
    assert told.startswith(f"Error: {words}")
    assert "hunter2" not in told


def test_a_restart_with_the_wrong_keys_or_a_broken_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "penstock.db"
    address = filled(file_address(file))
    asyncio.run(changed(address, schema.secret.insert().values(
        id="1", owner_table="integration", owner_id="x", field="key", key_id="2026a", nonce=b"", ciphertext=b""
    )))  # fmt: skip
    assert "are encrypted with the key 2026a: add it to PENSTOCK_SECRET_KEYS" in refused(
        tmp_path, PENSTOCK_STORE_DATABASE=address
    )
    file.write_bytes(b"no database" * 1000)
    assert "file is not a database" in refused(tmp_path, PENSTOCK_STORE_DATABASE=address)


def test_several_workers_share_no_database_in_memory(tmp_path: Path) -> None:
    told = refused(tmp_path, PENSTOCK_STORE_DATABASE="sqlite://", PENSTOCK_WORKERS="2")
    assert told.startswith("Error: store.database: each of several workers would have")


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return filled(fresh_address(request, tmp_path))


@pytest.mark.parametrize(("workers", "with_redis"), [("1", False), ("2", False), ("2", True)])
def test_a_revoked_key_is_refused_by_every_worker_under_load(
    request: pytest.FixtureRequest, tmp_path: Path, address: str, workers: str, with_redis: bool
) -> None:
    """No worker serves a revision after a later one: a connection, which one worker has, is never served again. With
    Redis, the key has a rate that is counted there."""
    environment = {"PENSTOCK_STORE_DATABASE": address}
    if with_redis:
        environment["PENSTOCK_STORE_REDIS"] = request.getfixturevalue("redis").address
        asyncio.run(changed(address, LIMITED))
    statuses: list[list[int]] = []
    begun = threading.Barrier(CALLERS + 1, timeout=60)

    def call() -> None:
        with contextlib.closing(gateway.connection()) as connection:
            statuses.append(seen := [ask(connection)])
            begun.wait()
            refusals = 0
            while refusals < 20:
                if connection.sock is None:
                    # A refusal that came before the body had arrived: the next connection may be another worker's.
                    statuses.append(seen := [])
                seen.append(ask(connection))
                refusals = refusals + 1 if seen[-1] == 401 else 0

    with serving(tmp_path, "--workers", workers, **environment) as gateway:
        callers = [threading.Thread(target=call) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        begun.wait()
        asyncio.run(changed(address, REVOKE))
        for caller in callers:
            caller.join(300)
            assert not caller.is_alive()
        while (status := gateway.ask()) == 200:
            pass  # a worker that had none of the callers takes the change later
        assert status == 401
    assert {status for seen in statuses for status in seen} == {200, 401}
    for seen in statuses:
        assert seen == sorted(seen)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_first_key_guards_a_gateway_that_runs(tmp_path: Path, workers: str) -> None:
    """Workers learn of it one after the other: the one that is asked for the key's request may be the later one."""
    address = file_address(tmp_path / "penstock.db")
    with serving(tmp_path, "--workers", workers, PENSTOCK_STORE_DATABASE=address) as gateway:
        assert gateway.ask("", "echo") == 200
        filled(address)
        until(lambda: all((gateway.ask("", "echo"), gateway.ask()) == (401, 200) for _ in range(20)))


def workers_of(gateway: Serving) -> list[int]:
    """The processes that serve; the only one, where there are no workers."""
    own = gateway.process.pid
    children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()] or [own]


def serves(pid: int, connection: http.client.HTTPConnection) -> bool:
    """Whether a process of this machine has the other end of a connection."""
    ours, theirs = (connection.sock.getsockname()[1], connection.sock.getpeername()[1])
    ends = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [end[9] for end in ends if end[1].endswith(f":{theirs:04X}") and end[2].endswith(f":{ours:04X}")]
    files = [file.readlink() for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()]
    return Path(f"socket:[{inode}]") in files


def lose(file: Path, what_is_there_then: bytes) -> None:
    """Put something else in a database's place. Processes that look meanwhile make files of their own there, over
    which nothing is written: SQLite would take up what is left of them."""
    other = file.with_name("other")
    other.write_bytes(what_is_there_then)
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink(missing_ok=True)
    other.replace(file)


@pytest.mark.parametrize("there_then", [b"no database" * 1000, b""], ids=["garbage", "an empty database"])
def test_a_worker_that_dies_while_the_database_is_lost_stops_no_other(tmp_path: Path, there_then: bytes) -> None:
    file = tmp_path / "penstock.db"
    with (
        serving(tmp_path, "--workers", "2", PENSTOCK_STORE_DATABASE=filled(file_address(file))) as gateway,
        contextlib.closing(gateway.connection()) as connection,
    ):
        assert ask(connection) == 200
        lose(file, there_then)
        kill_another(gateway, connection)
        gateway.wait_for("a worker can't start: the database .* can't be used: ")
        assert ask(connection) == 200
        assert gateway.ask() == 200
        assert gateway.ask("pk-unknown") == 401


def kill_another(gateway: Serving, connection: http.client.HTTPConnection) -> None:
    """Kill the one of two workers that doesn't serve a connection: it may have to read the database yet, and the one
    that serves is known to have read it."""
    (other,) = [pid for pid in workers_of(gateway) if not serves(pid, connection)]
    os.kill(other, signal.SIGKILL)


@pytest.mark.parametrize("is_named", [True, False], ids=["the settings' folder", "the default folder"])
def test_a_worker_that_dies_while_the_folder_is_lost_stops_no_other(tmp_path: Path, is_named: bool) -> None:
    """A folder that can't be made (its volume is not mounted): a new worker would have no database, and no key."""
    folder, place = tmp_path / "data" / "penstock", tmp_path / "place"
    for each in (folder, place):
        each.mkdir(parents=True)
    filled(file_address(folder / "penstock.db"))
    (place / "penstock.toml").write_text(f'store.data_dir = "{folder}"' if is_named else "")
    with (
        serving(place, "--workers", "2", XDG_DATA_HOME=str(folder.parent)) as gateway,
        contextlib.closing(gateway.connection()) as connection,
    ):
        assert ask(connection) == 200
        folder.parent.rename(tmp_path / "away")
        folder.parent.write_text("no folder")
        kill_another(gateway, connection)
        gateway.wait_for("a worker can't start: .*the folder .* can't be made")
        for _ in range(10):
            assert gateway.ask() == 200
        assert gateway.ask("", "echo") == 401
        folder.parent.unlink()
        (tmp_path / "away").rename(folder.parent)
        until(lambda: len(workers_of(gateway)) == 2)
        assert gateway.ask() == 200


def test_a_default_that_is_lost_with_the_database_stops_no_worker(tmp_path: Path) -> None:
    file = tmp_path / "penstock.db"
    environment = {"PENSTOCK_STORE_DATABASE": filled(file_address(file)), "PENSTOCK_DEFAULT_PROVIDER": "@prod"}
    (tmp_path / "penstock.toml").write_text(f'[keys.a]\nhash = "{digest_of("pk-of-file")}"\n')
    with (
        serving(tmp_path, "--workers", "2", **environment) as gateway,
        contextlib.closing(gateway.connection()) as connection,
    ):
        assert ask(connection) == 200
        asyncio.run(changed(environment["PENSTOCK_STORE_DATABASE"], schema.provider.delete()))
        kill_another(gateway, connection)
        gateway.wait_for("a worker can't start: routing.default_provider: there is no ")
        assert gateway.ask("pk-of-file", "echo") == 200


def test_a_database_that_is_put_in_the_place_of_another_is_in_force(tmp_path: Path) -> None:
    """Also one that was changed less often: a copy of before."""
    file, other = tmp_path / "penstock.db", tmp_path / "other.db"
    address, revoked = filled(file_address(file)), filled(file_address(other))
    asyncio.run(changed(revoked, REVOKE))
    for _ in range(4):
        asyncio.run(changed(address, schema.provider.update().values(name="p")))
    with serving(tmp_path, PENSTOCK_STORE_DATABASE=address) as gateway:
        assert gateway.ask() == 200
        for each in tmp_path.glob("penstock.db*"):
            each.rename(tmp_path / f"away-{each.name}")
        # A connection that is made at this moment makes an empty file in its place.
        gateway.wait_for(r"can't be used: (its file is gone|no such table: \w+); the catalogue .* stays in force")
        assert gateway.ask() == 200
        other.replace(file)
        gateway.wait_for("another database is in the place of")
        until(lambda: gateway.ask() == 401)


def test_a_database_that_is_lost_is_told_by_the_health_page(tmp_path: Path) -> None:
    file = tmp_path / "penstock.db"

    def health() -> dict[str, Any]:
        with contextlib.closing(gateway.connection()) as connection:
            connection.request("GET", "/health")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            return found

    with serving(tmp_path, PENSTOCK_STORE_DATABASE=filled(file_address(file))) as gateway:
        assert health()["status"] == "ok"
        lose(file, b"no database" * 1000)
        gateway.wait_for("the catalogue that was read last stays in force")
        while health()["status"] == "ok":
            pass
        told = health()
        assert (told["status"], told["database"]) == ("degraded", "lost")
        assert gateway.ask() == 200


@pytest.mark.parametrize("engine", ["sqlite", "redis"])
def test_workers_share_the_counters_of_a_limit(tmp_path: Path, engine: str, request: pytest.FixtureRequest) -> None:
    """Each caller's connection has its worker; together they get what one key may have, and not what two workers would
    let through."""
    text = f'[keys.a]\nhash = "{digest_of(KEY)}"\nrate_limits = [{{ type = "requests", unit = "rpd", value = 5 }}]\n'
    (tmp_path / "penstock.toml").write_text(text)
    environment = {
        "PENSTOCK_STORE_DATABASE": file_address(tmp_path / "penstock.db"),
        **dict.fromkeys(("PENSTOCK_STORE_REDIS_TIMEOUT_MS", "PENSTOCK_STORE_DATABASE_TIMEOUT_MS"), "30000"),
    }
    if engine == "redis":
        environment["PENSTOCK_STORE_REDIS"] = request.getfixturevalue("redis").address
    statuses: list[int] = []

    def call() -> None:
        statuses.extend([gateway.ask(KEY, "echo") for _ in range(5)])

    with serving(tmp_path, "--workers", "2", **environment) as gateway:
        callers = [threading.Thread(target=call) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(300)
    assert (statuses.count(200), statuses.count(429)) == (5, 35), gateway.said
    assert list(tmp_path.glob("**/counters-*.journal")) == []
