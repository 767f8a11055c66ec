"""How each scenario is measured: one function from a running subject to a sample. Its other half is scenarios.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import disconnects, payload, route, streams, wrk
from bench.disconnects import Fate
from bench.machine import Tools
from bench.results import Sample
from bench.route import Addressing, Route
from bench.subject import Subject
from bench.upstream import Behaviour, Upstream

STREAM_CONNECTIONS = (100, 1_000)
IDLE_STREAMS = 1_000
ROUGH_REQUESTS = 10_000
ROUGH_CONNECTIONS = 256

_WARM_UP = 1.0
_SIP = 1024
_SEED = 20
_SETTLING = 15.0
_ROW_WRITTEN = 3.0
"""Longer than a row of the request log waits for others."""
_KEPT_ALIVE = 2.0
"""Longer than the mock keeps an idle connection where it plays a rough upstream."""


@dataclass(frozen=True)
class Effort:
    """How much is done for one sample, and how many samples are taken."""

    seconds: float
    connections: int
    rounds: int
    stream_connections: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """Everything that a measure may use."""

    subject: Subject
    upstream: Upstream
    effort: Effort
    tools: Tools
    home: Path


Measure = Callable[[Run], Sample]


def chat(
    run: Run,
    *,
    tls: bool = False,
    addressing: Addressing = route.by_headers,
    behaviour: Behaviour = Behaviour.CALM,
) -> Sample:
    """CPU per request of answers in one piece, at full speed over many connections."""
    return chat_cpu(run, run.subject, addressing, behaviour, tls=tls)


def chat_cpu(
    run: Run, subject: Subject, addressing: Addressing, behaviour: Behaviour = Behaviour.CALM, *, tls: bool = False
) -> Sample:
    """The same for any subject, once it has nothing more to do of its start: the first row of the request log loads the
    library of the database, a fifth of a second of computing."""
    body = payload.chat()
    way = subject.way(behaviour, tls=tls, addressing=addressing)
    route.verify(way, body, b'"model"')
    load = partial(wrk.run, run.tools, run.home, way, body, connections=run.effort.connections)
    load(seconds=_WARM_UP)
    subject.process.settle()
    before = subject.process.cpu_seconds
    seen = load(seconds=run.effort.seconds)
    used = subject.process.cpu_seconds - before
    return {"cpu": used / seen.requests * 1e6, "rate": seen.requests / seen.seconds}


def chat_stream(
    run: Run, *, addressing: Addressing = route.by_headers, behaviour: Behaviour = Behaviour.CALM
) -> Sample:
    """CPU per chunk of streams that run beside each other, at each number of connections."""
    body = payload.chat(stream=True)
    way = run.subject.way(behaviour, addressing=addressing)
    route.verify(way, body, b"data: ")
    sample = {}
    for connections in run.effort.stream_connections:
        seen = stream_load(run, way, body, connections)
        sample[f"cpu_{connections}"] = seen.cpu_seconds / seen.events * 1e6
        sample[f"rate_{connections}"] = seen.events / seen.seconds
    return sample


def stream_load(run: Run, way: Route, body: bytes, connections: int) -> streams.Summary:
    """What streams of the subject's that run beside each other came to."""
    return streams.load(
        way,
        body,
        connections=connections,
        warm_up=_WARM_UP,
        seconds=run.effort.seconds,
        cpu=lambda: run.subject.process.cpu_seconds,
    )


def latency(run: Run) -> Sample:
    """What the subject adds to a request at a single connection, over the mock asked directly just before."""
    body = payload.chat()
    way = run.subject.way(Behaviour.CALM)
    route.verify(way, body, b'"chat.completion"')

    def ask(where: Route) -> wrk.Summary:
        return wrk.run(run.tools, run.home, where, body, connections=1, seconds=run.effort.seconds)

    direct, through = ask(run.upstream.direct(Behaviour.CALM)), ask(way)
    return {"p50": through.p50_ms - direct.p50_ms, "p99": through.p99_ms - direct.p99_ms}


def cold_start(run: Run) -> Sample:
    """From the start of the process to its first answer."""
    return {"seconds": run.subject.seconds_to_answer}


def memory(run: Run) -> Sample:
    """Resident memory after the first answer, when its row was written to the database, and while many streams are open
    that say nothing."""
    idle = run.subject.process.resident_kb
    time.sleep(_ROW_WRITTEN)
    run.subject.process.settle()
    settled = run.subject.process.resident_kb
    with streams.held(run.subject.way(Behaviour.IDLE), payload.chat(stream=True), IDLE_STREAMS):
        loaded = run.subject.process.resident_kb
    stream = (loaded - settled) / IDLE_STREAMS
    return {"idle": idle / 1024, "settled": settled / 1024, "loaded": loaded / 1024, "stream": stream}


def slow_reader(run: Run) -> Sample:
    """How much memory a client costs that takes 1 KB a second of the 50 MB that its upstream sends at once."""
    run.subject.process.settle()
    before = run.subject.process.resident_kb
    peak = before

    def watch() -> None:
        nonlocal peak
        peak = max(peak, run.subject.process.resident_kb)

    way = run.subject.way(Behaviour.FLOOD)
    body = payload.chat(stream=True)
    streams.read_slowly(way, body, bytes_per_second=_SIP, seconds=max(5.0, run.effort.seconds), watch=watch)
    return {"growth": (peak - before) / 1024}


def rough_weather(run: Run) -> Sample:
    """What is left behind, and who got no proper answer, after clients and upstreams failed in every way."""
    limit = {"x-portkey-request-timeout": "500"}
    routes = {behaviour: run.subject.way(behaviour).with_headers(limit) for behaviour in Behaviour}
    bodies = {stream: payload.chat(stream=stream) for stream in (False, True)}
    weather = partial(disconnects.run, routes, bodies, connections=ROUGH_CONNECTIONS)
    process = run.subject.process
    route.verify(routes[Behaviour.BRIEF], bodies[False], b'"chat.completion"')
    time.sleep(_KEPT_ALIVE)
    idle_files = process.open_files
    # Allocators keep what they once needed: memory is compared with a process that has seen the same weather.
    weather(weather=disconnects.plans(ROUGH_REQUESTS // 5, _SEED))
    _settle(run, idle_files)
    idle_memory = process.resident_kb
    fates = weather(weather=disconnects.plans(ROUGH_REQUESTS, _SEED + 1))
    _settle(run, idle_files)
    return {
        "files": process.open_files - idle_files,
        "memory": (process.resident_kb - idle_memory) / 1024,
        **{fate.value: fates[fate] for fate in Fate},
    }


def _settle(run: Run, files: int) -> None:
    """Wait until no more files are open than before, for as long as closing connections may take."""
    deadline = time.monotonic() + _SETTLING
    while run.subject.process.open_files > files and time.monotonic() < deadline:
        time.sleep(0.1)
