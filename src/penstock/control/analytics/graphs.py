"""Graphs and summaries of the request log: docs/request-log.md#analytics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.analytics import feedback as analytics_feedback
from penstock.control.analytics import users as analytics_users
from penstock.control.analytics.sums import Span, added, quantile, ratio, series, source_of, span_of, sums, totals_of
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import LogFilter, for_actor
from penstock.control.logs.rows import cents
from penstock.control.plane import ControlPlane
from penstock.control.refusal import absent
from penstock.control.timestamps import as_text
from penstock.stores.sql.schema.request_log import LATENCY_COUNTS


class Graph(msgspec.Struct, frozen=True):
    """A summary and data points."""

    summary: Mapping[str, Any]
    points: Sequence[Mapping[str, Any]]


class Summed(msgspec.Struct, frozen=True):
    """A graph that follows from sums of buckets: of ``measures``, one bucket's point and the summary of all."""

    measures: Sequence[str]
    point: Callable[[Mapping[str, int]], dict[str, Any]]
    summary: Callable[[Mapping[str, int]], dict[str, Any]]


def _cost(figures: Mapping[str, int]) -> dict[str, Any]:
    return {"total": cents(figures["amount"]), "avg": round(ratio(figures["amount"], figures["requests"]) / 1e7, 6)}


def _latency(figures: Mapping[str, int]) -> dict[str, Any]:
    counts = [figures[name] for name in LATENCY_COUNTS]
    mean = round(ratio(figures["latency"], figures["requests"]) / 1000, 3)
    return {"avg": mean, "p50": quantile(counts, 0.5), "p90": quantile(counts, 0.9), "p99": quantile(counts, 0.99)}


def _tokens(figures: Mapping[str, int]) -> dict[str, Any]:
    return {"total": figures["total_tokens"], "avg": ratio(figures["total_tokens"], figures["requests"])}


def _rate(figures: Mapping[str, int]) -> dict[str, Any]:
    return {"rate": round(100 * ratio(figures["errors"], figures["requests"]), 4)}


def _first_token(figures: Mapping[str, int]) -> dict[str, Any]:
    return {"avg": round(ratio(figures["first_token"], figures["first_tokens"]) / 1000, 3)}


def _hit_latency(figures: Mapping[str, int]) -> dict[str, Any]:
    return {"avg": round(ratio(figures["hit_latency"], figures["hits"]) / 1000, 3)}


def _rescued(figures: Mapping[str, int]) -> dict[str, Any]:
    return {"retry": figures["retried"], "fallback": figures["fallbacks"]}


def _total_of(name: str) -> Callable[[Mapping[str, int]], dict[str, Any]]:
    return lambda figures: {"total": figures[name]}


def _rescued_point(figures: Mapping[str, int]) -> dict[str, Any]:
    retried = figures["retried"]
    counted = [{"retry_success_count": 1, "count": retried}] if retried else []
    return {"retry": counted, "fallback": figures["fallbacks"]}


_LATENCY: Final = ("requests", "latency", *LATENCY_COUNTS)
_SUMMED: Final[dict[str, Summed]] = {
    "requests": Summed(("requests",), _total_of("requests"), _total_of("requests")),
    "cost": Summed(("requests", "amount"), _cost, _cost),
    "latency": Summed(_LATENCY, _latency, _latency),
    "tokens": Summed(("requests", "total_tokens"), _tokens, _tokens),
    "errors": Summed(("errors",), _total_of("errors"), _total_of("errors")),
    "errors/rate": Summed(("requests", "errors"), _rate, _rate),
    "requests/rescued": Summed(("retried", "fallbacks"), _rescued_point, _rescued),
    "cache/latency": Summed(("hits", "hit_latency"), _hit_latency, lambda _: {}),
    "time-to-first-token": Summed(("first_token", "first_tokens"), _first_token, _first_token),
}


async def _summed(connection: AsyncConnection, wanted: LogFilter, span: Span, graph: Summed) -> Graph:
    points = await series(connection, wanted, span, graph.measures)
    totals = {name: added(points, name) for name in graph.measures}
    return Graph(graph.summary(totals), [{"timestamp": as_text(at), **graph.point(figures)} for at, figures in points])


async def _hit_rate(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Graph:
    points = await series(connection, wanted, span, ("requests", "hits", "saved"))
    saved, shown = 0, []
    for at, figures in points:
        saved += figures["saved"]
        rate = round(100 * ratio(figures["hits"], figures["requests"]), 4)
        shown.append(
            {
                "timestamp": as_text(at),
                "simple_hits": figures["hits"],
                "semantic_hits": 0,
                "rate": rate,
                "cumulative_simple_cache_savings": cents(saved),
                "cumulative_semantic_cache_savings": 0,
            }
        )
    hits = added(points, "hits")
    return Graph({"total": hits, "rate": round(100 * ratio(hits, added(points, "requests")), 4)}, shown)


async def _stacks(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Graph:
    failed = msgspec.structs.replace(wanted, is_success=False)
    source = source_of(failed, span.size)
    by = {"bucket": span.bucket(source.when), "status": source.table.c.status}
    stats: dict[int, list[dict[str, int]]] = {}
    for row in sorted(await sums(connection, failed, source, by, ("requests",)), key=lambda row: row.status):
        counted = {"response_status_code": row.status, "count": int(row.requests)}
        stats.setdefault(row.bucket, []).append(counted)
    total = sum(each["count"] for counted in stats.values() for each in counted)
    points = [{"timestamp": as_text(at), "stats": stats.get(at, [])} for at in span.starts()]
    return Graph({"total": total}, points)


async def _codes(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Graph:
    failed = msgspec.structs.replace(wanted, is_success=False)
    source = source_of(failed, span.size)
    rows = await sums(connection, failed, source, {"status": source.table.c.status}, ("requests",))
    points = [{"status_code": row.status, "count": int(row.requests)} for row in rows]
    points.sort(key=lambda point: (-point["count"], point["status_code"]))
    total = sum(point["count"] for point in points)
    return Graph({"total_errors": total, "unique_error_codes": len(points)}, points)


async def _users(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Graph:
    buckets = await analytics_users.by_bucket(connection, wanted, span)
    points = [{"timestamp": as_text(at), "total": each.users} for at, each in buckets.buckets]
    return Graph({"total": buckets.users}, points)


async def _requests_of_users(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Graph:
    buckets = await analytics_users.by_bucket(connection, wanted, span)
    points = [{"timestamp": as_text(at), "avg": ratio(each.requests, each.users)} for at, each in buckets.buckets]
    summary = {"total": buckets.requests, "unique": buckets.users, "avg": ratio(buckets.requests, buckets.users)}
    return Graph(summary, points)


async def _feedbacks(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Graph:
    buckets = await analytics_feedback.by_bucket(connection, wanted, span)
    points = [{"timestamp": as_text(at), "total": each.count} for at, each in buckets]
    return Graph({"total": sum(each.count for _, each in buckets)}, points)


async def _weighted(connection: AsyncConnection, wanted: LogFilter, span: Span) -> Graph:
    buckets = await analytics_feedback.by_bucket(connection, wanted, span)
    points = [{"timestamp": as_text(at), "avg": ratio(each.weighted, each.count)} for at, each in buckets]
    weighted, count = sum(each.weighted for _, each in buckets), sum(each.count for _, each in buckets)
    return Graph({"avg": ratio(weighted, count)}, points)


async def _scores(connection: AsyncConnection, wanted: LogFilter, _: Span) -> Graph:
    points = await analytics_feedback.by_score(connection, wanted)
    return Graph({"total": sum(point["total"] for point in points)}, points)


async def _feedback_of_models(connection: AsyncConnection, wanted: LogFilter, _: Span) -> Graph:
    return Graph({}, await analytics_feedback.by_model(connection, wanted))


_Make = Callable[[AsyncConnection, LogFilter, Span], Awaitable[Graph]]
_OTHERS: Final[dict[str, _Make]] = {
    "cache/hit-rate": _hit_rate,
    "errors/stacks": _stacks,
    "errors/status-codes": _codes,
    "users": _users,
    "users/requests": _requests_of_users,
    "feedbacks": _feedbacks,
    "feedbacks/weighted": _weighted,
    "feedbacks/scores": _scores,
    "feedbacks/ai-models": _feedback_of_models,
}
GRAPHS: Final = (*_SUMMED, *_OTHERS)
"""The names of all graphs."""
ALIASES: Final = {
    "users-requests": "users/requests",
    "errors-rate": "errors/rate",
    "errors-stack": "errors/stacks",
    "errors-status-code": "errors/status-codes",
    "requests-rescued": "requests/rescued",
    "cache-hit-rate": "cache/hit-rate",
    "cache-latency": "cache/latency",
    "feedbacks/score": "feedbacks/scores",
}
"""What Portkey's client for Node calls some of them."""


async def graph(plane: ControlPlane, actor: Actor, name: str, query: Mapping[str, str]) -> dict[str, Any]:
    """A graph by its name. Raises Refusal."""
    wanted = read_filter(query, needs_time=True)
    span = span_of(wanted)
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, wanted)
        if name in _SUMMED:
            made = await _summed(connection, wanted, span, _SUMMED[name])
        else:
            made = await _OTHERS[name](connection, wanted, span)
    return {"object": "analytics-graph", "summary": made.summary, "data_points": made.points}


_OVERVIEW: Final = (
    *("errors", "amount", "total_tokens", "input_tokens", "output_tokens", "first_token", "first_tokens", "hits"),
    *("saved", *_LATENCY),
)


async def summary(plane: ControlPlane, actor: Actor, name: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The summary ``cache`` or ``overview`` of a time. Raises Refusal."""
    if name not in {"cache", "overview"}:
        raise absent("summary", name)
    wanted = read_filter(query, needs_time=True)
    measures = _OVERVIEW if name == "overview" else ("requests", "latency", "hits", "hit_latency")
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, wanted)
        (row,) = await sums(connection, wanted, totals_of(wanted, span_of(wanted).size), {}, measures)
    figures = {measure: int(getattr(row, measure)) for measure in measures}
    shown = _overview(figures) if name == "overview" else _cache(figures)
    return {"object": "analytics-summary", "summary": shown}


def _cache(figures: Mapping[str, int]) -> dict[str, Any]:
    hit = ratio(figures["hit_latency"], figures["hits"])
    missed = ratio(figures["latency"] - figures["hit_latency"], figures["requests"] - figures["hits"])
    return {
        "hits": figures["hits"],
        "avg_latency": round(hit / 1000, 3),
        "total_requests": figures["requests"],
        "cache_speedup": round(100 * ratio(missed - hit, missed), 2) if figures["hits"] and missed > hit else 0,
    }


def _overview(figures: Mapping[str, int]) -> dict[str, Any]:
    latency = _latency(figures)
    return {
        "requests": figures["requests"],
        "errors": figures["errors"],
        "error_rate": _rate(figures)["rate"],
        "cost": cents(figures["amount"]),
        "tokens": figures["total_tokens"],
        "input_tokens": figures["input_tokens"],
        "output_tokens": figures["output_tokens"],
        "avg_latency": latency.pop("avg"),
        **latency,
        "avg_time_to_first_token": _first_token(figures)["avg"],
        "cache_hits": figures["hits"],
        "cache_savings": cents(figures["saved"]),
    }
