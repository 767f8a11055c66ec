"""What is measured. A scenario is one value in ``SCENARIOS``; how it is measured is a function in measures.py.

Budgets are the project's own (design notes, repeated in README.md); they mark a row and never fail a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench import growth, guarded, limited, measures, route, wires, workers
from bench.measures import Measure
from bench.results import Budget, Metric, Of
from bench.subject import Role
from bench.upstream import Behaviour
from bench.wire import WIRES

_ALL: Final = frozenset(Role)
_OURS: Final = frozenset({Role.REFERENCE, Role.GATEWAY})
_GATEWAY: Final = frozenset({Role.GATEWAY})


@dataclass(frozen=True)
class Scenario:
    """One kind of load, what it is judged by and who takes part."""

    name: str
    title: str
    measure: Measure
    metrics: tuple[Metric, ...]
    roles: frozenset[Role]
    rounds: int | None = None
    """None: as many as the run takes."""


def _ratio(limit: float) -> Budget:
    return Budget(limit, Of.RATIO)


def _value(limit: float) -> Budget:
    return Budget(limit, Of.VALUE)


def _per_request(budget: Budget) -> tuple[Metric, ...]:
    return (Metric("cpu", "CPU per request", "µs", budget), Metric("rate", "requests per second", "", compared=False))


def _per_chunk(budget: Budget, connections: Iterable[int]) -> tuple[Metric, ...]:
    return tuple(
        metric
        for count in connections
        for metric in (
            Metric(f"cpu_{count}", f"CPU per chunk, {count:,} streams", "µs", budget),
            Metric(f"rate_{count}", f"chunks per second, {count:,} streams", "", compared=False),
        )
    )


SCENARIOS: Final = (
    Scenario("chat", "answers in one piece, plain upstream", measures.chat, _per_request(_ratio(6)), _ALL),
    Scenario(
        "chat-stream",
        "streams of 100 chunks, 5 ms apart",
        measures.chat_stream,
        _per_chunk(_ratio(2.5), measures.STREAM_CONNECTIONS),
        _ALL,
    ),
    Scenario(
        "dialect",
        "answers in one piece, translated from Anthropic's dialect",
        partial(measures.chat, addressing=route.by_dialect, behaviour=Behaviour.CLAUDE),
        _per_request(_ratio(9)),
        _OURS,
    ),
    Scenario(
        "dialect-stream",
        "streams of 100 chunks, 5 ms apart, translated",
        partial(measures.chat_stream, addressing=route.by_dialect, behaviour=Behaviour.CLAUDE),
        _per_chunk(_ratio(4), measures.STREAM_CONNECTIONS),
        _OURS,
    ),
    Scenario(
        "chat-tls",
        "answers in one piece, TLS upstream",
        partial(measures.chat, tls=True),
        _per_request(_ratio(7)),
        _OURS,
    ),
    Scenario(
        "config",
        "the target comes from a config in a header",
        partial(measures.chat, addressing=route.by_config),
        _per_request(_ratio(6)),
        _OURS,
    ),
    Scenario(
        "fallback",
        "two targets with retries, the first one answers",
        partial(measures.chat, addressing=route.by_fallback),
        _per_request(_ratio(6)),
        _OURS,
    ),
    Scenario(
        "cache",
        "answers from the cache in memory",
        partial(measures.chat, addressing=route.by_cache),
        _per_request(_value(60)),
        _OURS,
    ),
    Scenario(
        "limits",
        "key, saved config, budget and rate limit in memory, beside plain chat",
        limited.limits,
        (
            Metric("plain", "CPU per request, plain chat", "µs", compared=False),
            Metric("limited", "CPU per request, with limits", "µs", compared=False),
            Metric("added", "limits add", "µs", _value(12), compared=False),
            Metric("percent", "limits add", "%", _value(10), compared=False),
        ),
        _GATEWAY,
    ),
    Scenario(
        "wires",
        "each wire to a host that speaks it, beside chat; streams of 10,000 events of Responses beside chat",
        wires.wires,
        (
            *(Metric(name, f"CPU per request, {name}", "µs", compared=False) for name in WIRES),
            *(
                Metric(f"{name}_ratio", f"{name} beside chat", "×", _value(1.1), compared=False)
                for name in WIRES
                if name != "chat"
            ),
            Metric("chunks", "CPU per event, chat", "µs", compared=False),
            Metric("events", "CPU per event, Responses", "µs", compared=False),
            Metric("events_ratio", "Responses' events beside chat's", "×", _value(1.3), compared=False),
        ),
        _GATEWAY,
    ),
    Scenario(
        "limits-redis",
        "key, saved config, budget and rate limit in slices of Redis, beside plain chat",
        limited.limits_in_redis,
        (
            Metric("plain", "CPU per request, plain chat", "µs", compared=False),
            Metric("limited", "CPU per request, with limits in Redis", "µs", compared=False),
            Metric("added", "limits in Redis add", "µs", _value(12), compared=False),
            Metric("percent", "limits in Redis add", "%", _value(10), compared=False),
        ),
        _GATEWAY,
    ),
    Scenario(
        "workers",
        "one worker and two, in turn, on all cores of the machine",
        workers.workers,
        (
            Metric("cpu_1", "CPU per request, one worker", "µs", compared=False),
            Metric("cpu_2", "CPU per request, two workers", "µs", compared=False),
            Metric("ratio", "a request of two workers beside one of one", "×", _value(1.1), compared=False),
            Metric("rate_1", "requests per second, one worker", "", compared=False),
            Metric("rate_2", "requests per second, two workers", "", compared=False),
            Metric("share_2", "done by the busier of two", "%", _value(60), compared=False),
            Metric("added", "resident for the second worker and its parent", "MB", compared=False),
        ),
        _GATEWAY,
    ),
    Scenario(
        "guards",
        "three local checks, beside the same config without them",
        guarded.guards,
        (
            Metric("request", "CPU per request, without guards", "µs", compared=False),
            Metric("request_added", "guards of requests add", "µs", _value(15), compared=False),
            Metric("chunk", "CPU per chunk, without guards", "µs", compared=False),
            Metric("chunk_added", "guards that hold back add", "µs", _value(2), compared=False),
        ),
        _GATEWAY,
    ),
    Scenario(
        "latency",
        "what is added to one request at a time",
        measures.latency,
        (
            Metric("p50", "added latency, p50", "ms", _value(0.25)),
            Metric("p99", "added latency, p99", "ms", _value(1)),
        ),
        _OURS,
    ),
    Scenario(
        "cold-start",
        "from process start to the first answer",
        measures.cold_start,
        (Metric("seconds", "first answer after", "s", _value(0.5)),),
        _GATEWAY,
        rounds=5,
    ),
    Scenario(
        "memory",
        f"{measures.IDLE_STREAMS:,} streams that stay open and silent",
        measures.memory,
        (
            Metric("idle", "resident at the first answer", "MB", _value(50), compared=False),
            Metric("settled", "resident when a row was written", "MB", compared=False),
            Metric("loaded", f"resident with {measures.IDLE_STREAMS:,} streams", "MB", compared=False),
            Metric("stream", "resident per stream", "KB", _value(15), compared=False),
        ),
        _OURS,
    ),
    Scenario(
        "growth",
        f"what {growth.REQUESTS:,} requests leave behind, beside the first tenth of them",
        growth.growth,
        (
            Metric("requests", "requests", "", compared=False),
            Metric("objects", "more objects", "", _value(1_000), compared=False),
            Metric("blocks", "more blocks of Python's memory", "", compared=False),
            Metric("malloc", "more given out by malloc", "MB", _value(1), compared=False),
            Metric("resident", "more resident memory", "MB", compared=False),
        ),
        _GATEWAY,
        rounds=1,
    ),
    Scenario(
        "slow-reader",
        "1 KB/s is read of 50 MB that are sent at once",
        measures.slow_reader,
        (Metric("growth", "resident memory grows by", "MB", _value(5), compared=False),),
        _OURS,
        rounds=1,
    ),
    Scenario(
        "disconnects",
        f"{measures.ROUGH_REQUESTS:,} requests; clients leave, upstreams reset, break off and stall",
        measures.rough_weather,
        (
            Metric("files", "open files above idle", "", _value(0)),
            Metric("memory", "resident above idle", "MB", _value(5)),
            Metric("broken", "broken answers", "", _value(0)),
            Metric("hung", "answers that never ended", "", _value(0)),
            Metric("complete", "complete answers", ""),
            Metric("clean_error", "clean errors", ""),
            Metric("left", "clients that left", ""),
        ),
        _GATEWAY,
        rounds=1,
    ),
)
"""In the order of the report."""
