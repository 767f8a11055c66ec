"""Fills a database with rows of the request log, and times what the console asks of it.

    python -m bench.log_rows --database sqlite:////tmp/rows.db --rows 10000000
    python -m bench.log_rows --database postgresql://… --rows 10000000 --only ask

The rows of one day are written and added up as the gateway does it (stores/sql/request_log/), spread evenly over the
day, with the proportions of ordinary traffic: a few models, some dozens of keys, one error in fifty, rare expensive
requests, feedback on one in 85. SQL copies the day to the other ``--days`` (bench/log_days.py); what users asked is
added up afterwards (stores/sql/request_log/usage_users.py). ``ask`` serves the database with a gateway and asks its
admin API (bench/log_questions.py).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import local
from bench.log_days import DAY, copy_day
from bench.log_questions import ADMIN_KEY, BUDGET, Taken, fetch, of_rows, questions
from bench.log_questions import ask as questions_to
from penstock.control.bootstrap import bootstrap
from penstock.stores.sql.database import Database
from penstock.stores.sql.ids import new_id
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.request_log.entry import LogEntry
from penstock.stores.sql.request_log.feedback_values import match_feedback
from penstock.stores.sql.request_log.request_log import LogWriter
from penstock.stores.sql.request_log.usage_users import add_up_users

_BATCH: Final = 5000
_MINUTE: Final = 60_000_000
_MODELS: Final = (
    ("openai", "gpt-5-mini", 50), ("openai", "gpt-5", 20), ("anthropic", "claude-sonnet-4-5", 20),
    ("google", "gemini-2.5-flash", 9), ("groq", "rare-model", 0.01),
)  # fmt: skip
_STATUSES: Final = ((200, 98.0), (429, 1.0), (500, 0.7), (400, 0.299), (504, 0.001))


def entries(rows: int, start: int, seed: int) -> Iterator[LogEntry]:
    """Rows of one day in the order of their time, the first one at ``start``, in microseconds since 1970."""
    chance = random.Random(seed)
    models = chance.choices(_MODELS, [weight for *_, weight in _MODELS], k=100_000)
    statuses = chance.choices([status for status, _ in _STATUSES], [weight for _, weight in _STATUSES], k=99_991)
    step = max(DAY // rows, 1)
    for number in range(rows):
        at = start + number * step
        provider, model, _ = models[number % len(models)]
        tokens = chance.randrange(50, 3000)
        is_dear = number % 99_999 == 0
        yield LogEntry(
            id=new_id(at, chance.getrandbits(62)),
            at=at,
            trace_id=f"{chance.getrandbits(128):032x}",
            method="POST",
            path="/v1/chat/completions",
            operation="chat.completions",
            status=statuses[number % len(statuses)],
            latency=chance.randrange(100_000, 9_000_000),
            first_token=chance.randrange(50_000, 900_000),
            upstream=100_000,
            key_id=f"key-{number * 7919 % 40}",
            key_name=f"key {number * 7919 % 40}",
            provider=provider,
            model=model,
            virtual_key="prod",
            cache="HIT" if number % 13 == 0 else "MISS",
            attempts=1,
            target="config",
            input_tokens=tokens,
            output_tokens=tokens // 4,
            total_tokens=tokens + tokens // 4,
            amount=5_000_000_000 if is_dear else tokens * 1000,
            metadata={"_user": f"u-{number * 104_729 % 20_000}", "team": f"team-{number % 8}"},
            details=f'{{"attempts":[{{"number":1,"provider":"{provider}","model":"{model}","status":200}}]}}',
        )


async def fill(database: Database, rows: int, days: int, end: int, seed: int) -> None:
    """Write the rows of ``days`` days up to ``end``, and say how fast."""
    writer, batch = LogWriter(), []
    began, written = time.perf_counter(), 0
    for entry in entries(rows // days, end - days * DAY, seed):
        batch.append(entry)
        if len(batch) == _BATCH:
            await writer.write(database, batch)
            written += len(batch)
            batch = []
    await writer.write(database, batch)
    written += len(batch)
    print(f"{written} rows of a day, {written / (time.perf_counter() - began):.0f} a second", flush=True)
    await copy_day(database, days)
    await say(database)
    began = time.perf_counter()
    await add_up_users(database, end + _MINUTE, 0)
    print(f"users: added up in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    await match_feedback(database, end + _MINUTE)
    print(f"feedback: matched in {time.perf_counter() - began:.0f} s", flush=True)
    if not database.is_sqlite:
        async with database.write() as connection:
            await connection.exec_driver_sql("ANALYZE")


async def say(database: Database) -> None:
    """Write what users thought of one answer in 85: feedback on its trace, given when it was asked for."""
    made = ", ".join(f"'{number:02x}'" for number in (17, 99, 180))
    async with database.write() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO feedback (id, workspace_id, trace_id, value, weight, metadata, created_at, updated_at, "
            "created_by) SELECT id, workspace_id, trace_id, 1, 1.0, '{}', at, at, 'bench' FROM request_log "
            f"WHERE substr(id, 35) IN ({made})"
        )


async def ask(
    address: str, days: int, end: int, *, times: int = 3, server: int | None = None, only: str = ""
) -> dict[str, Taken]:
    """What the questions to a gateway with this database take, of those whose name has ``only`` in it; told as it goes.
    Then those that were answered soon are asked once more: the gateway's memory before and afterwards."""
    settings = {"STORE_DATABASE": address, "ADMIN_KEY": ADMIN_KEY, "LOGS_RETENTION_DAYS": "0"}
    with tempfile.TemporaryDirectory() as home, local.running(Path(home), settings) as gateway:
        asked = {**await of_rows(gateway, end, days), **questions(end, days)}
        asked = {name: path for name, path in asked.items() if only in name}
        took = await questions_to(gateway, asked, times=times, server=server)
        before = _resident(gateway)
        for name, path in asked.items():
            if took[name].processor < BUDGET:
                await fetch(gateway, path)
        after = _resident(gateway)
    print(f"resident: {before:.1f} MB, and {after:.1f} MB when all was asked once more", flush=True)
    return took


def _resident(gateway: local.LocalGateway) -> float:
    gateway.process.settle()
    return gateway.process.resident_kb / 1024


async def run(arguments: argparse.Namespace) -> dict[str, Taken]:
    """What was asked, and how long it took."""
    database = Database(arguments.database)
    end = arguments.end * 1_000_000 // DAY * DAY
    try:
        await migrate(database)
        await bootstrap(database)
        if arguments.only != "ask":
            await fill(database, arguments.rows, arguments.days, end, arguments.seed)
    finally:
        await database.close()
    if arguments.only == "fill":
        return {}
    return await ask(
        arguments.database, arguments.days, end, times=arguments.times, server=arguments.server, only=arguments.matching
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--database", required=True, help="sqlite:///FILE or postgresql://…")
    made.add_argument("--rows", type=int, default=10_000_000)
    made.add_argument("--days", type=int, default=60, help="the time over which rows are spread")
    made.add_argument(
        "--end", type=int, default=1_790_000_000, help="on the day after the last row, seconds since 1970"
    )
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--only", choices=["fill", "ask"])
    made.add_argument("--times", type=int, default=3, help="how often each question is asked when it is warm")
    made.add_argument("--matching", default="", help="ask the questions whose name has this in it")
    made.add_argument("--server", type=int, help="the number of the process of PostgreSQL's server, on this machine")
    return made


if __name__ == "__main__":
    asyncio.run(run(parser().parse_args()))
