"""Requests against every kind of fault: ``python -m bench.storm``. No answer may be cut in silence, mixed up or hang,
none may be a 500 of the gateway, and every request must be in the access log once.

    python -m bench.storm                                        # 20,000 requests, 128 at a time
    python -m bench.storm --requests 800 --connections 32        # the small form, as in tests/e2e/test_storm.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import faults, local, machine
from bench.disconnects import Answer
from bench.local import Connection, LocalGateway

_PATIENCE: Final = 30.0
"""Seconds after which a request counts as hung; the requests ask for an answer within one."""
_BAD_SHARE: Final = 0.6
_TIMEOUTS: Final = {"first_token": 0.5, "idle": 0.5, "total": 5}


@dataclass(frozen=True)
class Plan:
    """One request: where it goes in turn, and how its caller asks."""

    mark: str
    acts: tuple[str, ...]
    stream: bool
    is_anthropic: bool
    retries: int

    @property
    def is_only_faults(self) -> bool:
        return not any(act == "good" or act in faults.ODDITIES for act in self.acts)


@dataclass
class Outcome:
    """How the requests ended for their callers, and what the gateway's log says."""

    fates: Counter[str] = field(default_factory=Counter)
    by_fault: dict[str, Counter[str]] = field(default_factory=dict)
    logged: int = 0
    missing: int = 0
    twice: int = 0
    seconds: float = 0.0
    messages: str = ""

    def problems(self) -> list[str]:
        """What must not be."""
        bad = {"silently cut", "mixed up", "hung", "internal", "no answer"}
        found = [f"{count} × {fate}" for fate, count in self.fates.items() if fate in bad]
        found += [f"{self.missing} requests are not in the log"] if self.missing else []
        found += [f"{self.twice} requests are in the log twice"] if self.twice else []
        return found + (["a traceback on standard error"] if "Traceback" in self.messages else [])


def plans(count: int, seed: int) -> Iterator[Plan]:
    """The same storm for every run."""
    dice = random.Random(seed)
    bad, odd = list(faults.FAULTS), ["good", *faults.ODDITIES]

    def act() -> str:
        return dice.choice(bad) if dice.random() < _BAD_SHARE else dice.choice(odd)

    for number in range(count):
        length = dice.choice((1, 1, 2, 3))
        acts = tuple(act() for _ in range(length))
        yield Plan(f"mark-{seed}-{number}", acts, dice.random() < 0.5, dice.random() < 0.3, dice.choice((0, 0, 1)))


def config(plan: Plan, port: int) -> str:
    """The header that sends a request where its plan says."""
    targets: list[dict[str, Any]] = [
        {
            "provider": "openai",
            "api_key": "sk-bench",
            "custom_host": f"http://{local.HOST}:{port}/{act}/v1",
            "timeouts": _TIMEOUTS,
            "request_timeout": 500,
            **({"retry": {"attempts": plan.retries}} if plan.retries else {}),
        }
        for act in plan.acts
    ]
    return json.dumps(targets[0] if len(targets) == 1 else {"strategy": {"mode": "fallback"}, "targets": targets})


def judge(plan: Plan, answer: Answer) -> str:
    """How a request ended: ``answered``, ``told``, or one of the endings that must not be."""
    if not answer.status:
        return "no answer"
    if b"internal_error" in answer.body:
        return "internal"
    if answer.status != 200:
        return "told" if answer.complete else "silently cut"
    if not answer.complete:
        return "cut, and seen by the caller"  # the framing is broken: every client notices
    if plan.stream and b"data:" in answer.body:
        return _judge_stream(plan, answer.body)
    try:
        body = json.loads(answer.body)
    except ValueError:
        return "silently cut"
    if "error" in body:
        return "told"
    return "answered" if plan.mark.encode() in answer.body else "mixed up"


def _judge_stream(plan: Plan, body: bytes) -> str:
    if b'"error"' in body:
        return "told"
    end = b'"message_stop"' if plan.is_anthropic else b"data: [DONE]"
    if end not in body:
        return "silently cut"
    return "answered" if plan.mark.encode() in body else "mixed up"


def run(requests: int, connections: int, seed: int, home: Path) -> Outcome:
    """Start a gateway and a provider, and send the storm."""
    with local.running(home, {}) as gateway:
        outcome = asyncio.run(_run(list(plans(requests, seed)), connections, gateway))
    told = Counter(line["trace_id"] for line in gateway.records())
    marks = [plan.mark for plan in plans(requests, seed)]
    outcome.logged = sum(told.values())
    outcome.missing = sum(not told[mark] for mark in marks)
    outcome.twice = sum(told[mark] > 1 for mark in marks)
    outcome.messages = gateway.messages()
    return outcome


async def _run(storm: list[Plan], connections: int, gateway: LocalGateway) -> Outcome:
    outcome, queue = Outcome(), iter(storm)
    server = await asyncio.start_server(faults.handle, local.HOST, 0)
    port = server.sockets[0].getsockname()[1]
    started = time.monotonic()

    async def caller() -> None:
        async with AsyncExitStack() as stack:
            connection: Connection | None = None
            for plan in queue:
                if connection is None:
                    connection = await stack.enter_async_context(local.connected(gateway.port))
                fate, is_reusable = await ask(connection, plan, port)
                outcome.fates[fate] += 1
                for act in plan.acts:
                    outcome.by_fault.setdefault(act, Counter())[fate] += 1
                if not is_reusable:
                    connection = None

    async with server:
        async with asyncio.TaskGroup() as callers:
            for _ in range(connections):
                callers.create_task(caller())
        outcome.seconds = time.monotonic() - started
        server.close()
    return outcome


def request(plan: Plan, port: int) -> bytes:
    """The bytes of a request, for a provider on this port."""
    members = {**json.loads(local.chat_body(stream=plan.stream)), "user": plan.mark}
    if plan.is_anthropic:
        members["metadata"] = {"user_id": members.pop("user")}
    headers = {"x-portkey-config": config(plan, port), "x-portkey-trace-id": plan.mark}
    return local.request(local.MESSAGES if plan.is_anthropic else local.CHAT, json.dumps(members).encode(), headers)


async def ask(connection: Connection, plan: Plan, port: int) -> tuple[str, bool]:
    """Send one request; how it ended, and whether its connection may be used again."""
    connection.send(request(plan, port))
    try:
        async with asyncio.timeout(_PATIENCE):
            answer = await connection.answer(Answer())
    except TimeoutError:
        return "hung", False
    return judge(plan, answer), answer.complete and not answer.closes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    machine.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="penstock-storm-") as home:
        outcome = run(options.requests, options.connections, options.seed, Path(home))
    print(json.dumps(outcome.by_fault, indent=1, default=dict))
    print(json.dumps({"fates": outcome.fates, "logged": outcome.logged, "seconds": round(outcome.seconds, 1)}))
    for problem in outcome.problems():
        print(f"problem: {problem}")
    print(outcome.messages)
    return 1 if outcome.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
