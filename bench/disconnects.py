"""Rough weather: clients that leave, upstreams that reset, break off or never answer, and a verdict on every answer."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import httptools
import uvloop

from bench.route import Route
from bench.upstream import Behaviour

_HOST = "127.0.0.1"
_PATIENCE: Final = 15.0
"""How long a client that stays waits for the end of its answer; far beyond the limit that the requests ask for."""

_BEHAVIOURS: Final = (Behaviour.BRIEF,) * 7 + (Behaviour.RESET, Behaviour.CUT, Behaviour.STALL)


class Leave(Enum):
    """When the client goes away."""

    NEVER = "never"
    MID_REQUEST = "in the middle of its request"
    AFTER_REQUEST = "right after its request"
    MID_ANSWER = "when the answer has begun"


_LEAVES: Final = (Leave.NEVER,) * 7 + (Leave.MID_REQUEST, Leave.AFTER_REQUEST, Leave.MID_ANSWER)


class Fate(Enum):
    """How a request ended for its client."""

    COMPLETE = "complete"
    CLEAN_ERROR = "clean_error"
    LEFT = "left"
    BROKEN = "broken"
    """Cut off, or complete as HTTP but neither an answer nor an error."""
    HUNG = "hung"


@dataclass(frozen=True)
class Plan:
    """One request: how the upstream behaves, whether it is to stream and when the client leaves."""

    behaviour: Behaviour
    stream: bool
    leave: Leave
    linger: float
    """Seconds between the last thing that a leaving client does and its leaving."""


@dataclass
class Answer:
    """What a client has received so far; also the callbacks of the parser that fills it."""

    status: int = 0
    body: bytes = b""
    complete: bool = False
    closes: bool = False
    """The server says that it closes the connection."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.closes = self.closes or (name.lower() == b"connection" and value.lower() == b"close")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def plans(count: int, seed: int) -> Iterable[Plan]:
    """The same rough weather for every run."""
    dice = random.Random(seed)
    for _ in range(count):
        behaviour = dice.choice(_BEHAVIOURS)
        stream = behaviour is Behaviour.CUT or dice.random() < 0.5
        yield Plan(behaviour, stream, dice.choice(_LEAVES), dice.uniform(0, 0.02))


def judge(answer: Answer, *, stream: bool) -> Fate:
    """The verdict on what a client that stayed was told."""
    if not answer.complete:
        return Fate.BROKEN
    if answer.status >= 400:
        return Fate.CLEAN_ERROR
    if stream and b'"error"' in answer.body:
        return Fate.CLEAN_ERROR
    whole = b"data: [DONE]" in answer.body if stream else b'"chat.completion"' in answer.body
    return Fate.COMPLETE if answer.status == 200 and whole else Fate.BROKEN


def run(
    routes: Mapping[Behaviour, Route], bodies: Mapping[bool, bytes], weather: Iterable[Plan], connections: int
) -> Counter[Fate]:
    """Send every planned request, that many at a time, each over a connection of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(routes, bodies, weather, connections))


async def _run(
    routes: Mapping[Behaviour, Route], bodies: Mapping[bool, bytes], weather: Iterable[Plan], connections: int
) -> Counter[Fate]:
    queue = iter(weather)
    fates: Counter[Fate] = Counter()

    async def client() -> None:
        for plan in queue:
            fates[await _live(routes[plan.behaviour], bodies[plan.stream], plan)] += 1

    async with asyncio.TaskGroup() as clients:
        for _ in range(connections):
            clients.create_task(client())
    return fates


async def _live(route: Route, body: bytes, plan: Plan) -> Fate:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _exchange(route, body, plan)
    except TimeoutError:
        return Fate.HUNG
    except (OSError, httptools.HttpParserError):
        return Fate.BROKEN if plan.leave is Leave.NEVER else Fate.LEFT


async def _exchange(route: Route, body: bytes, plan: Plan) -> Fate:
    reader, writer = await asyncio.open_connection(_HOST, route.port)
    try:
        request = route.request(body)
        writer.write(request[: -len(body) // 2] if plan.leave is Leave.MID_REQUEST else request)
        answer = Answer()
        if plan.leave in {Leave.NEVER, Leave.MID_ANSWER}:
            await _read(reader, answer, whole=plan.leave is Leave.NEVER)
        if plan.leave is Leave.NEVER:
            return judge(answer, stream=plan.stream)
        await asyncio.sleep(plan.linger)
        return Fate.LEFT
    finally:
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader, answer: Answer, *, whole: bool) -> None:
    parser = httptools.HttpResponseParser(answer)
    while data := await reader.read(65_536):
        parser.feed_data(data)
        if answer.complete or not whole:
            break
    answer.status = parser.get_status_code()
