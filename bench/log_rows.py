"""Fills a database with rows of the request log, and times what the console asks of it.

    python -m bench.log_rows --database sqlite:////tmp/rows.db --rows 10000000
    python -m bench.log_rows --database postgresql://… --rows 10000000 --only ask

The rows of one day are written and added up as the gateway does it (stores/sql/request_log/), spread evenly over the
day, with the proportions of ordinary traffic: a few models, some dozens of keys, one error in fifty, rare expensive
requests. SQL copies the day to the other ``--days`` (bench/log_days.py); what users asked is added up afterwards
(stores/sql/request_log/usage_users.py). ``ask`` calls the functions of the admin API, each twice, and prints the second
time.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from bench.log_days import DAY, copy_day
from penstock.control.actor import CLI
from penstock.control.analytics import failures as analytics_failures
from penstock.control.analytics import graphs as analytics
from penstock.control.analytics import groups as analytics_groups
from penstock.control.bootstrap import bootstrap
from penstock.control.logs import logs
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane
from penstock.control.timestamps import as_text
from penstock.stores.sql.database import Database
from penstock.stores.sql.ids import new_id
from penstock.stores.sql.keyring import parse_keyring
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.request_log.entry import LogEntry
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
    began = time.perf_counter()
    await add_up_users(database, end + _MINUTE, 0)
    print(f"users: added up in {time.perf_counter() - began:.0f} s", flush=True)
    if not database.is_sqlite:
        async with database.write() as connection:
            await connection.exec_driver_sql("ANALYZE")


async def ask(database: Database, days: int, end: int) -> dict[str, float]:
    """Milliseconds of each question, warm."""
    plane = ControlPlane(database, parse_keyring(""))
    whole = {"time_of_generation_min": as_text(end - days * DAY), "time_of_generation_max": as_text(end)}
    day = {**whole, "time_of_generation_min": as_text(end - DAY)}
    days_and_hours = {
        "time_of_generation_min": as_text(end - 3 * DAY + DAY // 2), "time_of_generation_max": as_text(end - DAY // 2)
    }  # fmt: skip
    first_day = as_text(end - (days - 1) * DAY)
    first = (await logs.list_logs(plane, CLI, {"page_size": "50"}))["data"][-1]
    far = (await logs.list_logs(plane, CLI, {"time_of_generation_max": as_text(end - days * DAY // 2)}))["next_cursor"]

    def listing(**query: str) -> Callable[[], Awaitable[Any]]:
        return lambda: logs.list_logs(plane, CLI, query)

    def graph(name: str, query: dict[str, str]) -> Callable[[], Awaitable[Any]]:
        return lambda: analytics.graph(plane, CLI, name, query)

    def group(name: str, query: dict[str, str]) -> Callable[[], Awaitable[Any]]:
        return lambda: analytics_groups.group(plane, CLI, name, query, Page())

    questions = {
        "list": listing(),
        "list, counted": listing(count="true"),
        "list, far page": listing(cursor=far),
        "list by trace": listing(trace_id=first["trace_id"]),
        "list by key": listing(api_key_ids="key-3"),
        "list by status": listing(status_code="429"),
        "list by 5xx": listing(status_code="5xx"),
        "list of errors": listing(is_success="false"),
        "list by a rare status": listing(status_code="504"),
        "list by a rare model": listing(models="rare-model"),
        "list by provider": listing(providers="openai"),
        "list by user": listing(metadata='{"_user":"u-17"}'),
        "list by team": listing(metadata='{"team":"team-3"}'),
        "list by cost": listing(cost_min="100"),
        "list by cost, counted": listing(cost_min="100", count="true"),
        "list by a low cost": listing(cost_min="0.01"),
        "list by a narrow cost": listing(cost_min="0.10001", cost_max="0.100011"),
        "list by a narrow cost, of a day": listing(**day, cost_min="0.10001", cost_max="0.100011"),
        "list by a narrow cost that many have": listing(cost_min="0.1", cost_max="0.11"),
        "list by a cost that only the first day has": listing(cost_max="0.10001", time_of_generation_max=first_day),
        "list by several keys": listing(api_key_ids="key-3,key-7,none"),
        "list by several models": listing(models="gpt-5,rare-model,none"),
        "list by several statuses": listing(status_code="429,504"),
        "list by status, key, team, cost": listing(
            status_code="5xx", api_key_ids="key-3", metadata='{"team":"team-3"}', cost_min="0.001"
        ),
        "list by model, key, cost": listing(models="gpt-5", api_key_ids="key-3", cost_min="0.1", cost_max="0.2"),
        "list by model and 5xx": listing(models="gpt-5", status_code="5xx"),
        "list by model and a rare status": listing(models="gpt-5", status_code="504"),
        "list by provider and errors": listing(providers="google", is_success="false"),
        "list by key and user": listing(api_key_ids="key-3", metadata='{"_user":"u-17"}'),
        "list, last page": listing(time_of_generation_max=as_text(end - days * DAY + _MINUTE)),
        "list by key and a model that it never asked": listing(models="none", api_key_ids="key-3"),
        "one row": lambda: logs.read_log(plane, CLI, first["id"]),
        "overview of a day": lambda: analytics.summary(plane, CLI, "overview", day),
        "overview of all": lambda: analytics.summary(plane, CLI, "overview", whole),
        "why requests of a day failed": lambda: analytics_failures.failures(plane, CLI, day),
        "requests of a day": graph("requests", day),
        "latency of all": graph("latency", whole),
        "cost of all": graph("cost", whole),
        "error codes of all": graph("errors/status-codes", whole),
        "users of a day": graph("users", day),
        "users of two days from noon to noon": graph("users", days_and_hours),
        "users of all": graph("users", whole),
        "groups by model": group("ai-models", whole),
        "groups by key": group("api-keys", whole),
        "groups by user of a day": group("users", day),
        "groups by user of two days from noon to noon": group("users", days_and_hours),
        "groups by user": group("users", whole),
    }
    took = {}
    for name, question in questions.items():
        await question()
        began = time.perf_counter()
        await question()
        took[name] = (time.perf_counter() - began) * 1000
        print(f"{took[name]:9.1f} ms  {name}", flush=True)
    return took


async def run(arguments: argparse.Namespace) -> None:
    database = Database(arguments.database)
    end = arguments.end * 1_000_000 // DAY * DAY
    try:
        await migrate(database)
        await bootstrap(database)
        if arguments.only != "ask":
            await fill(database, arguments.rows, arguments.days, end, arguments.seed)
        if arguments.only != "fill":
            await ask(database, arguments.days, end)
    finally:
        await database.close()


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
    return made


if __name__ == "__main__":
    asyncio.run(run(parser().parse_args()))
