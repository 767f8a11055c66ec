"""Rows of the request log as the admin API shows them: docs/request-log.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from penstock.control.timestamps import as_text
from penstock.core.json_text import read_json_or_none
from penstock.stores.sql.request_log.stored_content import StoredContent
from penstock.stores.sql.schema import request_log

_NANOS_OF_CENT: Final = 10_000_000
_DECIMALS: Final = 6
_HITS: Final = frozenset({"HIT", "REPLAYED"})
COLUMNS: Final = tuple(column for column in request_log.c if column.name != "details")
"""What an item of a list is made of."""


def item(row: sa.Row[Any]) -> dict[str, Any]:
    """A row as an item of a list."""
    return {
        "object": "log",
        "id": row.id,
        "created_at": as_text(row.at),
        "workspace_id": row.workspace_id,
        "api_key_id": row.key_id,
        "api_key_name": row.key_name,
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "parent_span_id": row.parent_span_id,
        "span_name": row.span_name,
        "source": row.source,
        "request_method": row.method,
        "request_url": row.path,
        "operation": row.operation,
        "ai_org": row.provider,
        "ai_model": row.model,
        "virtual_key": row.virtual_key,
        "config": row.config,
        "response_status_code": row.status,
        "is_success": row.status < 400,
        "error": row.error,
        "error_message": row.message,
        "response_time": milliseconds(row.latency),
        "time_to_first_token": milliseconds(row.first_token),
        "upstream_response_time": milliseconds(row.upstream),
        "stream_mode": int(row.is_stream),
        "cache_status": row.cache,
        "attempts": row.attempts,
        "retry_success_count": row.retries if row.status < 400 else 0,
        "is_fallback": bool(row.is_fallback),
        "last_used_option": row.target,
        "req_units": row.input_tokens,
        "res_units": row.output_tokens,
        "total_units": row.total_tokens,
        "cached_units": row.cached_tokens,
        "reasoning_units": row.reasoning_tokens,
        "cost": cents(row.amount),
        "cost_currency": "USD",
        "metadata": _object(row.metadata),
        "has_content": bool(row.has_content),
    }


def entry(
    row: sa.Row[Any], organisation: str, slug: str, content: StoredContent | None, feedback: list[dict[str, Any]]
) -> dict[str, Any]:
    """A row as a whole, in Portkey's members and the gateway's own. ``slug`` is that of the row's workspace."""
    members, details = item(row), _object(row.details)
    content = content or StoredContent()
    request_headers = dict(content.request_headers)
    return {
        "object": "log",
        "_id": row.id,
        "id": row.id,
        "organisation_id": organisation,
        "created_at": members["created_at"],
        "request": {
            "url": row.path,
            "method": row.method,
            "headers": request_headers,
            "body": _body(content.request),
            "portkeyHeaders": {name: each for name, each in request_headers.items() if name.startswith("x-portkey-")},
        },
        "response": {
            "status": details.get("head_status", row.status),
            "headers": dict(content.response_headers),
            "body": _body(content.response),
            "responseTime": members["response_time"],
            "lastUsedOptionJsonPath": row.target,
        },
        "finalUntransformedRequest": None,
        "transformedRequest": None,
        "originalResponse": None,
        "metrics": _metrics(row, members, organisation, slug),
        "attempts": [_attempt(each) for each in _attempts(row, details)],
        "tokens": {
            "input": row.input_tokens,
            "output": row.output_tokens,
            "cached": row.cached_tokens,
            "cache_written": details.get("cache_written", 0),
            "reasoning": row.reasoning_tokens,
            "audio_input": details.get("audio_input", 0),
            "audio_output": details.get("audio_output", 0),
        },
        "dropped_parameters": details.get("dropped", []),
        "guards": details.get("guards", []),
        "labels": details.get("labels", {}),
        "client": {"address": details.get("address"), "user_agent": details.get("user_agent")},
        "has_content": bool(row.has_content),
        "is_truncated": content.is_truncated,
        "feedback": feedback,
    }


def _metrics(row: sa.Row[Any], details: Mapping[str, Any], organisation: str, slug: str) -> dict[str, Any]:
    upstream = 0 if row.upstream is None else min(row.upstream, row.latency)
    return {
        **{name: value for name, value in details.items() if name not in {"object", "metadata"}},
        "organisation_id": organisation,
        "workspace_slug": slug,
        "config_id": row.config,
        "is_proxy_call": False,
        "cache_type": "simple" if row.cache in _HITS else None,
        "mode": "fallback" if row.is_fallback else "single",
        "internal_trace_id": row.trace_id,
        "gateway_processing_time": milliseconds(row.latency - upstream),
        "metadata.key": list(details["metadata"]),
        "metadata.value": list(details["metadata"].values()),
    }


def _attempts(row: sa.Row[Any], details: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The attempts of a row as its details tell them. Of an only one that answered, the row's columns tell the most."""
    only = details.get("attempt")
    if only is None:
        attempts: Sequence[Mapping[str, Any]] = details.get("attempts", ())
        return attempts
    columns = {name: getattr(row, name) for name in ("target", "provider", "status", "model", "virtual_key", "cache")}
    units = {"req_units": row.input_tokens, "res_units": row.output_tokens, "nanos": row.amount}
    ended = milliseconds(only["began"] * 1000 + row.upstream)
    return [{"number": 1, "is_charged": True, **columns, **units, "ended": ended, **only}]


def _attempt(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """An attempt with all its members; what the row leaves out has its usual value."""
    texts = ("target", "provider", "model", "virtual_key", "error", "error_message", "cache", "price_version")
    times = ("began", "first_content", "ended")
    switches = ("translated", "is_charged", "is_shared", "is_hedge_loser", "is_estimated")
    return {
        "number": attempt.get("number", 0),
        "status": attempt.get("status", 0),
        **{name: attempt.get(name) for name in (*texts, *times)},
        **{name: bool(attempt.get(name)) for name in switches},
        "req_units": attempt.get("req_units", 0),
        "res_units": attempt.get("res_units", 0),
        "cost": cents(attempt.get("nanos")),
        "price_match": attempt.get("price_match", "none"),
    }


def cents(nanos: int | None) -> float | int | None:
    """Nanodollars as cents with up to six decimals."""
    if nanos is None:
        return None
    whole, rest = divmod(nanos, _NANOS_OF_CENT)
    return round(nanos / _NANOS_OF_CENT, _DECIMALS) if rest else whole


def milliseconds(microseconds: float | None) -> float | None:
    return None if microseconds is None else round(microseconds / 1000, 3)


def _object(text: str) -> dict[str, Any]:
    value = read_json_or_none(text.encode())
    return value if isinstance(value, dict) else {}


def _body(body: Any) -> Any:
    """A body as JSON, where it is JSON, else as text; None where none is kept."""
    if not body:
        return None
    if not isinstance(body, str):
        return f"{len(body)} bytes that are no text"
    value = read_json_or_none(body.encode("utf-8", "replace")) if body[:1] in "{[" else None
    return body if value is None else value
