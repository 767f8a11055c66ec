"""Gateways that are killed: ``python -m bench.kills`` has callers spend budgets, kills the whole gateway (SIGKILL to
all of its processes) at a random moment, starts it again, and compares what callers and provider saw with what budgets
and ledger say.

    python -m bench.kills                                          # 100 kills, SQLite, one process
    python -m bench.kills --workers 2 --rounds 20
    python -m bench.kills --database postgresql://… --redis redis://…
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from bench import local
from bench.disconnects import Answer
from bench.local import LocalGateway
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.ledger import read_budgets

_PATIENCE: Final = 60.0
_RELEASED: Final = 20.0
"""Seconds after the start within which nothing may be reserved any more: a killed worker's lease lasts for 15 at most,
and the next sweep comes 5 later at the latest."""
_WRITTEN: Final = 30.0
"""Seconds after which the ledger must hold all: a busy machine writes late."""
_ADMIN: Final = "an-admin-key-of-the-bench"
_NANOS: Final = 10**9
_LAST_WORDS: Final = 6000
"""Characters of a gateway's log that tell of a defect."""
_INPUT, _OUTPUT = 11, 7
_COST: Final = (_INPUT * 2 + _OUTPUT * 5) * 1000
"""Nanodollars of an answer: 2 and 5 dollars for a million tokens."""
_USAGE: Final = {"prompt_tokens": _INPUT, "completion_tokens": _OUTPUT, "total_tokens": _INPUT + _OUTPUT}
_FILE: Final = """
[virtual_keys.bench]
provider = "openai"
credential = "env:BENCH_CREDENTIAL"
base_url = "http://{host}:{port}/v1"
[prices."openai/m"]
input = 2
output = 5
"""
_BUDGETS: Final = {"normal": (50, False), "strict": (50, True), "small": (0.02, True)}
"""Keys, each with its budget in dollars and whether that is strict. The small one is used up soon."""


@dataclass
class Told:
    """What callers and the provider saw of the requests of one key, by trace id."""

    sent: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


@dataclass
class Outcome:
    """What happened in all rounds, and what must not have."""

    rounds: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest_release: float = 0.0


class Provider:
    """Answers a moment later, with a usage; knows the trace of each request that it got."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.seen: set[str] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                body = json.loads(await reader.readexactly(int(fields.get(b"content-length", 0))) or b'{"user": ""}')
                self.seen.add(body["user"])
                await asyncio.sleep(self._dice.choice((0, 0, 0.005, 0.02, 0.1)))
                writer.write(_stream() if body.get("stream") else _answer())
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


def _answer() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Out."}, "finish_reason": "stop"}
    members = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    body = json.dumps({**members, "usage": _USAGE}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _stream() -> bytes:
    usage = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": _USAGE}
    events = [local.event("Out."), local.event(None), b"data: " + json.dumps(usage).encode() + b"\n\n", local.DONE]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(map(local.chunk, events)) + local.LAST_CHUNK


class Drill:
    """One installation that is killed again and again. ``settings`` choose its stores."""

    def __init__(self, home: Path, settings: Mapping[str, str], seed: int) -> None:
        self._home = home
        self._dice = random.Random(seed)
        self.address = settings.get("STORE_DATABASE") or file_address(home / "penstock" / "penstock.db")
        secret = base64.b64encode(bytes(32)).decode()
        self._file = home / "penstock.toml"
        self._settings = {"CONFIG": str(self._file), "ADMIN_KEY": _ADMIN, "SECRET_KEYS": f"bench:{secret}", **settings}
        self._settings["STORE_DATA_DIR"] = str(home / "penstock")
        self._workers = int(settings.get("SERVER_WORKERS", 1))
        self._keys: dict[str, str] = {}
        self._names: dict[str, str] = {}
        """The names of keys by their ids."""
        self._told: dict[str, Told] = {name: Told() for name in _BUDGETS}
        self._number = self._defects = 0
        self._answered: dict[str, asyncio.Event] = {}
        """By budget: whether somebody was answered since the gateway's start."""
        self.outcome = Outcome()

    async def run(self, rounds: int) -> Outcome:
        provider = Provider(self._dice)
        server = await asyncio.start_server(provider.handle, local.HOST, 0)
        port = server.sockets[0].getsockname()[1]
        os.environ["BENCH_CREDENTIAL"] = "sk-bench"
        async with server:
            self._file.write_text(_FILE.format(host=local.HOST, port=port))
            self._file.chmod(0o600)
            for number in range(rounds):
                with local.running(self._home, self._settings) as gateway:
                    if not self._keys:
                        await self._set_up(gateway)
                    await self._judge(gateway, provider, number)
                    await self._load(gateway, number)
            with local.running(self._home, self._settings) as gateway:
                await self._judge(gateway, provider, rounds)
            server.close()
        self.outcome.rounds = rounds
        return self.outcome

    async def _set_up(self, gateway: LocalGateway) -> None:
        for name, (dollars, is_strict) in _BUDGETS.items():
            limits = {"type": "cost", "credit_limit": dollars, "strict": is_strict}
            body = {"name": name, "scopes": ["completions.write"], "usage_limits": limits}
            made = await self._admin(gateway, "POST", "/api-keys/workspace/service", body)
            self._keys[name], self._names[made["id"]] = made["key"], name
        for secret in self._keys.values():
            until = time.monotonic() + _PATIENCE
            while (await self._ask(gateway, "GET", "/penstock/me", secret)).status == 401:
                assert time.monotonic() < until
                await asyncio.sleep(0.05)

    async def _admin(self, gateway: LocalGateway, method: str, path: str, body: Any) -> dict[str, Any]:
        answer = await self._ask(gateway, method, f"/v1{path}", _ADMIN, body)
        assert answer.status == 200, answer.body
        made: dict[str, Any] = json.loads(answer.body)
        return made

    async def _ask(self, gateway: LocalGateway, method: str, path: str, key: str, body: Any = None) -> Answer:
        async with local.connected(gateway.port) as connection:
            content = b"" if body is None else json.dumps(body).encode()
            message = local.request(path, content, {"x-portkey-api-key": key})
            connection.send(message.replace(b"POST", method.encode(), 1))
            async with asyncio.timeout(_PATIENCE):
                return await connection.answer(Answer())

    # Load, and the kill.

    async def _load(self, gateway: LocalGateway, number: int) -> None:
        self._answered = {name: asyncio.Event() for name in _BUDGETS}
        callers = [asyncio.create_task(self._call(gateway, name)) for name in _BUDGETS for _ in range(4)]
        async with asyncio.timeout(_PATIENCE):  # a busy machine may be slow with the first of all
            for answered in self._answered.values():
                await answered.wait()
        await asyncio.sleep(self._dice.uniform(0.05, 1.2))
        os.killpg(gateway.process.popen.pid, signal.SIGKILL)
        gateway.process.popen.wait()
        await asyncio.gather(*callers)
        if self._defects:
            self._problem(number, f"{self._defects} requests were a 500:\n{gateway.messages()[-_LAST_WORDS:]}")
            self._defects = 0

    async def _call(self, gateway: LocalGateway, name: str) -> None:
        """Send requests over one connection until the gateway is gone."""
        told = self._told[name]
        try:
            async with local.connected(gateway.port) as connection:
                while True:
                    self._number += 1
                    trace = f"{name}-{self._number}"
                    is_stream = self._number % 3 == 0
                    body = {**json.loads(local.chat_body(stream=is_stream, model="@bench/m")), "user": trace}
                    fields = {"x-portkey-api-key": self._keys[name], "x-portkey-trace-id": trace}
                    told.sent.add(trace)
                    connection.send(local.request(local.CHAT, json.dumps(body).encode(), fields))
                    async with asyncio.timeout(_PATIENCE):
                        answer = await connection.answer(Answer())
                    if not answer.complete:
                        return
                    if answer.status == 200:
                        told.finished.add(trace)
                    else:
                        told.refused.add(trace)
                        self._defects += answer.status == 500
                    self.outcome.fates[f"{name} {answer.status}"] += 1
                    self._answered[name].set()
        except ConnectionError:
            return

    # The comparison.

    async def _judge(self, gateway: LocalGateway, provider: Provider, number: int) -> None:
        """Compare the budgets with what was seen, once nothing is reserved any more and the ledger stands still."""
        started = time.monotonic()
        while any(reserved for _, reserved in (await self._budgets(gateway)).values()):
            if time.monotonic() - started > _RELEASED:
                self._problem(number, "something stays reserved")
                break
            await asyncio.sleep(0.05)
        released = time.monotonic() - started
        self.outcome.slowest_release = max(self.outcome.slowest_release, released)
        until, instants = time.monotonic() + _WRITTEN, number * self._workers
        while (problems := await self._compared(gateway, provider, instants)) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        for problem in problems:
            self._problem(number, problem)
        settled = time.monotonic() - started
        line = f"after kill {number}: nothing reserved after {released:.1f} s, all in the ledger after {settled:.1f} s"
        print(line, flush=True)

    async def _compared(self, gateway: LocalGateway, provider: Provider, instants: int) -> list[str]:
        """What doesn't agree. In the instant between charging a request and naming it in the ledger a worker may be
        killed: as many requests as workers were killed may lack their line, never their charge."""
        problems = []
        budgets, ledger = await self._budgets(gateway), await self._ledger()
        if any(reserved for _, reserved in budgets.values()):
            return ["what budgets have used can't be read, or something is reserved"]
        for name, (dollars, is_strict) in _BUDGETS.items():
            told = self._told[name]
            settled, _ = budgets[name]
            lines = ledger.get(name, [])
            traces = Counter(trace for trace, _ in lines if trace)
            missing = [trace for trace in told.finished if not traces[trace]]
            if len(missing) > instants:
                problems.append(f"{name}: {len(missing)} finished requests are not in the ledger")
            if any(count > 1 for count in traces.values()):
                problems.append(f"{name}: a request is in the ledger twice")
            total = sum(amount for _, amount in lines)
            if not 0 <= settled - total <= instants * _COST:
                problems.append(f"{name}: {settled} is settled, the ledger says {total}: {settled - total}")
            least = len(provider.seen & told.sent) * _COST
            if settled < least:
                problems.append(f"{name}: {settled} is settled, the provider was asked for {least}: {settled - least}")
            if is_strict and settled > dollars * _NANOS:
                problems.append(f"{name}: {settled} is over the budget")
        return problems

    async def _budgets(self, gateway: LocalGateway) -> dict[str, tuple[int, int]]:
        """What is settled and reserved of each key's budget, in nanodollars; 1 is reserved while that isn't known."""
        answer = await self._ask(gateway, "GET", "/v1/penstock/budgets", _ADMIN)
        assert answer.status == 200, answer.body
        return {
            each["owner_name"]: (0, 1)
            if each["used"] is None
            else (round(each["used"] * _NANOS), round(each["reserved"] * _NANOS))
            for each in json.loads(answer.body)["data"]
        }

    async def _ledger(self) -> dict[str, list[tuple[str, int]]]:
        """Trace and amount of each line, by the name of the key whose budget was charged."""
        database = Database(self.address)
        table = schema.ledger.c
        try:
            async with database.read() as connection:
                rows = await connection.execute(sa.select(table.trace_id, table.amount, table.budgets))
                lines: dict[str, list[tuple[str, int]]] = {}
                for row in rows:
                    for budget in read_budgets(row.budgets) or ():
                        name = self._names[budget.limit.split("/")[1]]
                        lines.setdefault(name, []).append((row.trace_id, row.amount or 0))
                return lines
        finally:
            await database.close()

    def _problem(self, number: int, text: str) -> None:
        problem = f"after kill {number}: {text}"
        print(f"PROBLEM {problem}", flush=True)
        self.outcome.problems.append(problem)


def run(rounds: int, home: Path, settings: Mapping[str, str], seed: int = 1) -> Outcome:
    """Kill a gateway so many times; ``settings`` (PENSTOCK_* without the prefix) say where it counts."""
    return asyncio.run(Drill(home, settings, seed).run(rounds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database", default="", help="an empty database of PostgreSQL; without it a file of SQLite")
    parser.add_argument("--redis", default="", help="the address of a Redis that counts")
    arguments = parser.parse_args()
    settings = {"SERVER_WORKERS": str(arguments.workers)}
    settings |= {"STORE_DATABASE": arguments.database} if arguments.database else {}
    settings |= {"STORE_REDIS": arguments.redis} if arguments.redis else {}
    with tempfile.TemporaryDirectory() as home:
        outcome = run(arguments.rounds, Path(home), settings, arguments.seed)
    print(f"{outcome.rounds} kills: {dict(outcome.fates)}; reserved for {outcome.slowest_release:.1f} s at most")
    print("\n".join(outcome.problems) or "nothing is missing")
    return bool(outcome.problems)


if __name__ == "__main__":
    sys.exit(main())
