"""What values that callers make up leave behind: ``python -m bench.distinct_values`` sends 100,000 chats, each with its
own value of every member of the metadata, of ``user`` and of the trace id, through a gateway of its own with metrics,
request log and access log on. Three of the members are counted by (``metrics.metadata``).

At the beginning and after each tenth it prints, as a line of JSON, what ``/metrics`` shows: label sets of the counted
members and all series; and what the gateway holds when it has nothing more to do. ``--policy`` adds a budget by user,
which keeps a counter for each (docs/limits.md). ``--models`` makes up the models' names, too. It exits with 1 if a
label has more values than its bound, or if objects grow from the middle to the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench import local
from bench.disconnects import Answer
from bench.failure import MeasurementError
from bench.local import Connection, LocalGateway

COUNTED: Final = ("team", "_user", "session")
"""Members of the metadata by which metrics count."""
MOST: Final = 200
"""The values of a label in one process (``metrics.max_values``), beside ``other``."""
_CALLERS: Final = 16
_RARE: Final = 20
"""Requests for which an object may stay: caches that are full differ a little. A leak leaves some for each."""
_SAMPLE: Final = re.compile(r"^(\w+?)(?:\{(.*)\})? ", re.MULTILINE)
_PAIR: Final = re.compile(r'name="(\w+)",value="([^"]*)"')


def chat(number: int, *, has_model: bool) -> bytes:
    """A chat whose values no other has."""
    value = f"{number * 2_654_435_761 % 2**32:08x}"
    metadata = {name: f"{name}-{value}" for name in (*COUNTED, "request", "customer")}
    message = {"role": "user", "content": "Which way does the tide run?"}
    body = {"model": f"model-{value}" if has_model else "echo", "messages": [message], "user": f"user-{value}"}
    headers = {
        "x-portkey-provider": "echo",
        "x-portkey-metadata": json.dumps(metadata),
        "x-portkey-trace-id": f"trace-{value}",
    }
    return local.request(local.CHAT, json.dumps(body).encode(), headers)


async def send(gateway: LocalGateway, numbers: range, *, has_model: bool) -> None:
    """Send the chats of some numbers, over a few connections; each must be answered."""
    rest = iter(numbers)
    async with asyncio.TaskGroup() as callers:
        for _ in range(_CALLERS):
            callers.create_task(_call(gateway, rest, has_model=has_model))


async def _call(gateway: LocalGateway, rest: Iterator[int], *, has_model: bool) -> None:
    async with local.connected(gateway.port) as connection:
        for number in rest:
            connection.send(chat(number, has_model=has_model))
            answer = await connection.answer(Answer())
            if answer.status != 200 or not answer.complete:
                raise MeasurementError(f"a chat was answered with {answer.status}")


async def shown(gateway: LocalGateway) -> dict[str, int]:
    """What ``/metrics`` shows: all series, and label sets of each counted member."""
    async with local.connected(gateway.port) as connection:
        return read_page(await _page(connection))


async def _page(connection: Connection) -> str:
    connection.send(f"GET /metrics HTTP/1.1\r\nhost: {local.HOST}\r\n\r\n".encode())
    answer = await connection.answer(Answer())
    return answer.body.decode()


def read_page(page: str) -> dict[str, int]:
    """All series of a page, and how many values each counted member has."""
    values: dict[str, set[str]] = {name: set() for name in COUNTED}
    series = 0
    for name, labels in _SAMPLE.findall(page):
        series += 1
        if name == "penstock_metadata_requests_total" and (pair := _PAIR.search(labels)) is not None:
            values[pair[1]].add(pair[2])
    return {"series": series, **{f"values_{name}": len(each) for name, each in values.items()}}


def held(gateway: LocalGateway, window: Path) -> dict[str, Any]:
    """What the gateway holds when it has nothing more to do: resident memory and malloc's in MB, objects, blocks."""
    gateway.process.settle()
    resident, census = gateway.process.resident_kb / 1024, gateway.process.census(window)
    return {
        "resident_mb": round(resident, 1),
        "malloc_mb": round(census["malloc_bytes"] / (1 << 20), 1),
        "objects": census["objects"],
        "blocks": census["blocks"],
        "kinds": census["kinds"],
    }


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """The ten types of which there are more, the largest growth first."""
    growth = {kind: count - before.get(kind, 0) for kind, count in after.items()}
    return {
        kind: growth[kind] for kind in sorted(growth, key=growth.__getitem__, reverse=True)[:10] if growth[kind] > 0
    }


def run(
    requests: int, home: Path, *, parts: int = 10, has_policy: bool = False, has_model: bool = False
) -> list[dict[str, Any]]:
    """What is shown and held at the beginning and after each part of the requests."""
    os.environ["BENCH_WINDOW"] = str(home / "window")
    settings = {"METRICS_METADATA": ",".join(COUNTED), "METRICS_MAX_VALUES": str(MOST)}
    if has_policy:
        _make_policy(home)
    samples: list[dict[str, Any]] = []
    with local.running(home, settings, program=("-m", "bench.observed")) as gateway:
        for part in range(parts + 1):
            begin, end = requests * max(part - 1, 0) // parts, requests * part // parts
            asyncio.run(send(gateway, range(begin, end), has_model=has_model))
            sample = {"requests": end, **asyncio.run(shown(gateway)), **held(gateway, home / "window")}
            samples.append(sample)
            print(json.dumps({name: value for name, value in sample.items() if name != "kinds"}), flush=True)
    return samples


def _make_policy(home: Path) -> None:
    """A budget by user, in the database of the gateway that is to start."""
    words = "policy create by-user --budget 1000 --where metadata._user=* --by metadata._user".split()
    environment = {**os.environ, "XDG_DATA_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "penstock", *words], check=True, env=environment, capture_output=True)


def problems(samples: Sequence[Mapping[str, Any]], *, has_policy: bool) -> list[str]:
    """What must not be."""
    middle, last = samples[len(samples) // 2], samples[-1]
    seen = [
        f"the label {name} has {last[f'values_{name}']} values" for name in COUNTED if last[f"values_{name}"] > MOST + 1
    ]
    if last["series"] > middle["series"]:
        seen.append(f"series grow from {middle['series']} to {last['series']}")
    between = last["requests"] - middle["requests"]
    if not has_policy and last["objects"] - middle["objects"] > between / _RARE:
        seen.append(f"objects grow: {grown(middle['kinds'], last['kinds'])}")
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--policy", action="store_true", help="with a budget by user")
    parser.add_argument("--models", action="store_true", help="with a made-up model in each request")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        samples = run(arguments.requests, Path(home), has_policy=arguments.policy, has_model=arguments.models)
    print(json.dumps({"grown since the middle": grown(samples[len(samples) // 2]["kinds"], samples[-1]["kinds"])}))
    seen = problems(samples, has_policy=arguments.policy)
    for problem in seen:
        print(problem)
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
