"""What the wires cost beside each other: lane 1 of each wire beside lane 1 of chat, and a long stream of Responses
beside the same of chat.

All are asked of one gateway in turns, so that the machine's other work weighs on each alike: chat before each wire, and
a wire's ratio is to the chats before it.
"""

from __future__ import annotations

import http.client
from functools import partial
from typing import Final

from bench import wrk
from bench.failure import MeasurementError
from bench.measures import Run
from bench.results import Sample
from bench.route import Route
from bench.upstream import Behaviour
from bench.wire import EVENTS, STREAMS, WIRES

_TURNS: Final = 5
_SECONDS: Final = 1.0
"""What a wire is asked for in one turn: thousands of requests."""
_STREAMS: Final = 3
"""Long streams of one wire in one turn."""


def wires(run: Run) -> Sample:
    """CPU per request of each wire and its ratio to chat's; CPU per event of a long stream of chat and of Responses."""
    for name in WIRES:
        _requests(run, name)
    run.subject.process.settle()
    turns = [_turn(run) for _ in range(_TURNS)]
    chats = [before for turn in turns for before, _ in turn.values()]
    cpu, ratios = {"chat": sum(chats) / len(chats)}, {}
    for name in turns[0]:
        before, used = (sum(turn[name][part] for turn in turns) / _TURNS for part in (0, 1))
        cpu[name], ratios[f"{name}_ratio"] = used, used / before
    return {**cpu, **ratios, **_events(run)}


def _turn(run: Run) -> dict[str, tuple[float, float]]:
    """Microseconds of CPU per request, for each wire: those of the chat before it, and its own."""
    return {name: (_requests(run, "chat"), _requests(run, name)) for name in WIRES if name != "chat"}


def _requests(run: Run, name: str) -> float:
    """Microseconds of CPU per request of a wire, at full speed over many connections."""
    wire, process = WIRES[name], run.subject.process
    before = process.cpu_seconds
    seen = wrk.run(
        run.tools, run.home, _way(run, name), wire.body(), connections=run.effort.connections, seconds=_SECONDS
    )
    return (process.cpu_seconds - before) / seen.requests * 1e6


def _events(run: Run) -> Sample:
    """Microseconds of CPU per event of long streams, of both wires in turns."""
    used = dict.fromkeys(STREAMS, 0.0)
    for turn in range(_TURNS + 1):
        for name in STREAMS:
            before = run.subject.process.cpu_seconds
            for _ in range(_STREAMS):
                _stream(run, name)
            # The first turn warms up.
            used[name] += run.subject.process.cpu_seconds - before if turn else 0.0
    cpu = {name: seconds / (_TURNS * _STREAMS * EVENTS) * 1e6 for name, seconds in used.items()}
    return {"chunks": cpu["chat"], "events": cpu["responses"], "events_ratio": cpu["responses"] / cpu["chat"]}


def _stream(run: Run, name: str) -> None:
    """Read one long stream to its end."""
    way = _way(run, name)
    connection = http.client.HTTPConnection("127.0.0.1", way.port, timeout=60)
    try:
        headers = {"content-type": "application/json", **way.headers}
        connection.request("POST", way.path, WIRES[name].body(stream=True), headers)
        answer = connection.getresponse()
        read = sum(map(len, iter(partial(answer.read, 65_536), b"")))
        if answer.status != 200 or read < sum(map(len, STREAMS[name])):
            raise MeasurementError(f"a stream of {name} was answered {answer.status}, {read} bytes")
    finally:
        connection.close()


def _way(run: Run, name: str) -> Route:
    wire = WIRES[name]
    return Route(
        run.subject.way(Behaviour.WIRES).port, wire.path, wire.addressing(run.upstream.base_url(Behaviour.WIRES))
    )
