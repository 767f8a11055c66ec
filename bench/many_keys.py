"""A gateway with very many gateway keys: ``python -m bench.many_keys`` makes 100,000 of them and serves;
with ``--database postgresql://…`` in an empty database of PostgreSQL.

It prints a line of JSON: how long the database took to fill, the start to the first answer of a key, in seconds of the
clock and of computing, memory there, what a request with a key takes with one key in the catalogue and with all of
them, and for a key that is added while the gateway serves: until it is in force, and the longest time that a caller of
/health waited meanwhile for the gateway's own sake.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from bench import payload, probe, process, route
from bench.gateway import COMMAND, compile_modules
from bench.process import Process
from bench.route import Route
from bench.subject import until_it_answers
from penstock.control.bootstrap import bootstrap
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.migrate import migrate

_BATCH: Final = 10_000
_PATIENCE: Final = 120.0
_IN_FORCE: Final = 60.0
"""Seconds after which a key that isn't in force counts as lost."""
_REQUESTS: Final = 2_000
_MADE: Final = {"created_at": 1, "updated_at": 1, "created_by": "bench", "updated_by": "bench"}


def secret(number: int) -> str:
    """The secret of a key by its number."""
    return f"pk-bench-{number:012d}"


def rows(numbers: range, workspace: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows of keys: each with a team of its own among a hundred, as labels have it."""
    for number in numbers:
        id_ = random_id()
        labels = json.dumps({"team": f"team-{number % 100}"})
        key = {"id": id_, "workspace_id": workspace, "kind": "workspace-service", "name": f"key {number}"}
        yield (
            {**key, "masked": "pk*****", "labels": labels, "scopes": '["completions.write"]', **_MADE},
            {
                "id": random_id(),
                "api_key_id": id_,
                "digest": hashlib.sha256(secret(number).encode()).digest(),
                "prefix": "pk",
                "created_at": 1,
            },
        )


async def add(address: str, numbers: range) -> None:
    """Add keys to a database, whose tables are made where they are missing."""
    database = Database(address)
    try:
        await migrate(database)
        await bootstrap(database)
        async with database.read() as connection:
            workspace = (await connection.execute(sa.select(schema.workspace.c.id))).scalar_one()
        for start in range(numbers.start, numbers.stop, _BATCH):
            made = list(rows(range(start, min(start + _BATCH, numbers.stop)), workspace))
            async with database.change() as connection:
                await connection.execute(schema.api_key.insert(), [key for key, _ in made])
                await connection.execute(schema.api_key_secret.insert(), [each for _, each in made])
    finally:
        await database.close()


def as_key(port: int, number: int) -> Route:
    """A chat with the built-in provider, asked with a key."""
    headers = {"authorization": f"Bearer {secret(number)}", "x-portkey-provider": "echo"}
    return Route(port, route.CHAT_PATH, headers)


def cpu_of_requests(server: Process, port: int, numbers: range) -> float:
    """Computing time of a request in microseconds, over keys that take turns; the median of five rounds."""
    body = payload.chat(model="echo")
    rounds = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(5):
            before = sum(probe.clocks(server.popen.pid)[:1])
            for turn in range(_REQUESTS // 5):
                connection.sendall(as_key(port, numbers[turn * 7919 % len(numbers)]).request(body))
                _read_answer(connection)
            rounds.append((sum(probe.clocks(server.popen.pid)[:1]) - before) / (_REQUESTS // 5) * 1e6)
    return statistics.median(rounds)


def _read_answer(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))[15:])
    while len(body) < length:
        body += connection.recv(1 << 16)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"a request was not answered: {head[:200]!r}")


def until_in_force(server: Process, port: int, number: int) -> tuple[float, float]:
    """Seconds until a key that was just added is let in, and the longest wait of a bystander that was the gateway's
    own, in milliseconds."""
    began, longest = time.perf_counter(), 0.0
    body = payload.chat(model="echo")
    with socket.create_connection(("127.0.0.1", port)) as bystander:
        while time.perf_counter() - began < _IN_FORCE:
            longest = max(longest, probe.ask(bystander, server.popen.pid).own)
            if route.post(as_key(port, number), body, _PATIENCE)[0] == 200:
                return time.perf_counter() - began, longest * 1000
            time.sleep(0.005)
    raise RuntimeError("a key that was added is not in force")


def measured(keys: int, home: Path, address: str) -> dict[str, float]:
    """What a gateway with this many keys takes, whose database is at an address."""
    port = process.free_port()
    began = time.perf_counter()
    asyncio.run(add(address, range(keys)))
    compile_modules()
    filled = time.perf_counter() - began
    words = [word.replace("{port}", str(port)) for word in COMMAND]
    environment = {"PENSTOCK_STORE_DATABASE": address, "PENSTOCK_ACCESS_LOG": "false", "HOME": str(home)}
    cores = frozenset(os.sched_getaffinity(0))
    with process.running(words, cores, home / "gateway.log", environment) as server:
        start = until_it_answers(server, as_key(port, keys - 1), payload.chat(model="echo"), _PATIENCE)
        computing, resident = server.cpu_seconds, server.resident_kb / 1024
        one, every = cpu_of_requests(server, port, range(1)), cpu_of_requests(server, port, range(keys))
        settled = server.resident_kb / 1024
        asyncio.run(add(address, range(keys, keys + 1)))
        in_force, wait = until_in_force(server, port, keys)
        refreshed = server.resident_kb / 1024
    return {
        "keys": keys,
        "fill_seconds": round(filled, 2),
        "start_seconds": round(start, 2),
        "start_cpu_seconds": round(computing, 2),
        "start_mb": round(resident, 1),
        "settled_mb": round(settled, 1),
        "request_us_same_key": round(one, 1),
        "request_us_any_key": round(every, 1),
        "change_in_force_seconds": round(in_force, 2),
        "change_longest_wait_ms": round(wait, 1),
        "changed_mb": round(refreshed, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--database", help="an empty database, postgresql://…; without it a file of SQLite")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        address = arguments.database or file_address(Path(home, "penstock.db"))
        print(json.dumps(measured(arguments.keys, Path(home), address)))


if __name__ == "__main__":
    main()
