"""Rows of the request log that clients make: requests that did not pass through the gateway.

Source: docs/request-log.md#inserting-post-v1logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.logs.rules import LogRules
from penstock.control.members import VALUE, Fields, Members, in_snake_case
from penstock.control.plane import ControlPlane, now
from penstock.control.refusal import Problem, Problems, invalid
from penstock.core.content_switch import keeps_content
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.usage import Usage
from penstock.dialects.anthropic.usage import read_usage as read_anthropic
from penstock.dialects.openai.relay.usage import read_usage as read_openai
from penstock.observe.redactor import Redactor
from penstock.prices.book import PriceBook
from penstock.prices.charge import charge
from penstock.stores.sql.ids import id_at, random_id
from penstock.stores.sql.json_columns import read_switch
from penstock.stores.sql.request_log.entry import LogEntry
from penstock.stores.sql.request_log.request_log import LogWriter
from penstock.stores.sql.request_log.stored_content import StoredContent, packed
from penstock.stores.sql.schema import api_key, workspace

_REQUEST: Final = Fields(dict.fromkeys(("url", "method", "headers", "body", "provider", "portkey_headers"), VALUE))
_RESPONSE: Final = Fields(
    dict.fromkeys(("status", "headers", "body", "response_time", "time", "streaming_mode", "last_used_option"), VALUE)
)
_FIELDS: Final = Fields(request=_REQUEST, response=_RESPONSE, metadata=VALUE)
_SPANS: Final = ("trace_id", "span_id", "parent_span_id", "span_name")
_MOST: Final = 1000
_LONGEST_URL: Final = 2048
_LONGEST: Final = 128
_LONGEST_REQUEST: Final = 86_400_000
"""Milliseconds that a request may have taken."""


async def insert(plane: ControlPlane, actor: Actor, body: Any, debug: str | None) -> dict[str, Any]:
    """Keep one request, or a list of them: their ids in the same order. ``debug`` is the header x-portkey-debug. Raises
    Refusal."""
    items = body if isinstance(body, list) else [body]
    if not 0 < len(items) <= _MOST:
        raise invalid([Problem("", f"expected 1 to {_MOST} requests")])
    problems = Problems()
    rows = [_read(each, f"/{index}" if isinstance(body, list) else "", problems) for index, each in enumerate(items)]
    problems.finish()
    columns, narrower = await _inserter(plane, actor)
    keeps = keeps_content(plane.logs.keeps_content, narrower, debug, may_switch_on=actor.may("logs.content"))
    prices, moment = await plane.price_book(), now()
    entries = [_entry(each, prices, plane.logs, moment, columns, keeps) for each in rows]
    await LogWriter().write(plane.database, entries)
    return {"status": "success", "message": "Logs saved.", "ids": [entry.id for entry in entries]}


async def _inserter(plane: ControlPlane, actor: Actor) -> tuple[dict[str, Any], bool | None]:
    """The columns that tell who inserts, and what the key or its workspace says about content."""
    of_workspace = workspace.c.is_default if actor.workspace_id is None else workspace.c.id == actor.workspace_id
    async with plane.database.read() as connection:
        settings = await connection.scalar(sa.select(workspace.c.settings).where(of_workspace))
        own = sa.select(api_key.c.name, api_key.c.log_content).where(api_key.c.id == actor.id)
        key = (await connection.execute(own)).one() if actor.kind == "api_key" else None
    members = read_json_or_none((settings or "{}").encode())
    narrower = read_switch(members.get("debug_log")) if isinstance(members, dict) else None
    if key is None:
        return {"workspace_id": actor.workspace_id, "key_name": actor.id}, narrower
    columns = {"workspace_id": actor.workspace_id, "key_id": actor.id, "key_name": key.name}
    return columns, narrower if key.log_content is None else bool(key.log_content)


class _InsertedRequest(msgspec.Struct, frozen=True):
    """One request as a body tells it. ``took`` is in milliseconds."""

    url: str
    method: str
    provider: str | None
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    status: int
    took: float
    is_stream: bool
    spans: Mapping[str, str]
    metadata: Mapping[str, str]


def _read(item: Any, pointer: str, problems: Problems) -> _InsertedRequest:
    members = Members(item, _FIELDS, pointer, problems)
    members.require("request", "response")
    request = members.inner("request") or Members({}, _REQUEST, pointer, problems)
    response = members.inner("response") or Members({}, _RESPONSE, pointer, problems)
    if members.values.get("request") is not None:
        request.require("url")
    spans, metadata = _metadata(members)
    status = response.values.get("status")
    if status is None:
        status = 200
    elif isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 999:
        response.complain("status", "expected an HTTP status")
        status = 0
    return _InsertedRequest(
        url=request.text("url", _LONGEST_URL) or "",
        method=(request.text("method", 16) or "POST").upper(),
        provider=request.text("provider", _LONGEST),
        request=request.values,
        response=response.values,
        status=status,
        took=_took(response),
        is_stream=response.switch("streaming_mode") is True,
        spans=spans,
        metadata=metadata,
    )


def _took(response: Members) -> float:
    took = response.values.get("response_time", response.values.get("time"))
    if took is None:
        return 0.0
    if isinstance(took, bool) or not isinstance(took, int | float) or not 0 <= took <= _LONGEST_REQUEST:
        response.complain("response_time", "expected milliseconds")
        return 0.0
    return float(took)


def _metadata(members: Members) -> tuple[dict[str, str], dict[str, str]]:
    """The members that name the place in a trace, and all others, as texts."""
    given_metadata = members.values.get("metadata")
    if given_metadata is not None and not isinstance(given_metadata, dict):
        members.complain("metadata", "expected an object")
    spans: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in given_metadata.items() if isinstance(given_metadata, dict) else ():
        if value is None:
            continue
        text = (value if isinstance(value, str) else write_json(value).decode())[:_LONGEST]
        plain = in_snake_case(name)
        if plain in _SPANS:
            spans[plain] = text
        else:
            metadata[name[:_LONGEST]] = text
    return spans, metadata


def _entry(
    row: _InsertedRequest, prices: PriceBook, rules: LogRules, moment: int, columns: Mapping[str, Any], keeps: bool
) -> LogEntry:
    latency = round(row.took * 1000)
    at = moment - latency
    counts, model = _usage(row.response.get("body")), _model(row)
    usage = counts or Usage()
    return LogEntry(
        id=id_at(at),
        at=at,
        trace_id=row.spans.get("trace_id") or random_id(),
        span_id=row.spans.get("span_id"),
        parent_span_id=row.spans.get("parent_span_id"),
        span_name=row.spans.get("span_name"),
        source="client",
        method=row.method,
        path=row.url,
        provider=row.provider,
        model=model,
        status=row.status,
        is_stream=row.is_stream,
        latency=latency,
        attempts=1,
        input_tokens=usage.prompt or 0,
        output_tokens=usage.completion or 0,
        cached_tokens=usage.cached or 0,
        reasoning_tokens=usage.reasoning or 0,
        total_tokens=(usage.prompt or 0) + (usage.completion or 0),
        amount=_amount(row, counts, model, prices, at),
        metadata=rules.redactor.labels(row.metadata),
        content=_content(row, rules) if keeps else None,
        **columns,
    )


def _amount(row: _InsertedRequest, usage: Usage | None, model: str | None, prices: PriceBook, at: int) -> int | None:
    """What a request that arrived ``at`` (microseconds since 1970) cost, in nanodollars; None where its price or its
    usage is unknown. As among the gateway's own, a request that failed without telling a usage cost nothing."""
    if usage is None:
        return None if 200 <= row.status < 300 else 0
    price = prices.look_up(row.provider, model) if row.provider and model else None
    return None if price is None else charge(usage, price, at / 1e6).nanos


def _usage(body: Any) -> Usage | None:
    """The token counts in a reply of OpenAI's wire or Anthropic's; None where it tells none."""
    usage = body.get("usage") if isinstance(body, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    return read_anthropic(usage) if "input_tokens" in usage else read_openai(write_json(usage))


def _model(row: _InsertedRequest) -> str | None:
    for body in (row.response.get("body"), row.request.get("body")):
        model = body.get("model") if isinstance(body, Mapping) else None
        if isinstance(model, str):
            return model[:512]
    return None


def _content(row: _InsertedRequest, rules: LogRules) -> bytes:
    request, response = _bytes(row.request.get("body")), _bytes(row.response.get("body"))
    return packed(
        StoredContent(
            _headers(row.request.get("headers"), rules.redactor),
            rules.redactor.body(request[: rules.limit]),
            _headers(row.response.get("headers"), rules.redactor),
            rules.redactor.body(response[: rules.limit]),
            max(len(request), len(response)) > rules.limit,
        )
    )


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode("utf-8", "replace") if isinstance(body, str) else write_json(body)


def _headers(headers: Any, redactor: Redactor) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        return {}
    pairs = [
        (str(name).encode("latin-1", "replace"), str(value).encode("utf-8", "replace"))
        for name, value in headers.items()
    ]
    return redactor.headers(pairs)
