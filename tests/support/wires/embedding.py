"""Requests for embeddings as callers write them, and what comes of them in a host's wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.dialect import WriteContext
from penstock.dialects.task_dialect import TaskPayload, WholeReply

Write = Callable[[Body, WriteContext], TaskPayload | Failure]


def written(write: Write, model: str, **members: Any) -> TaskPayload:
    """The request in a host's wire."""
    payload = write(Body.parse(json.dumps({"model": model, **members}).encode()), WriteContext(model, "host"))
    assert isinstance(payload, TaskPayload), payload
    return payload


def refused(write: Write, model: str, **members: Any) -> Failure:
    """Why a request can't be written."""
    failure = write(Body.parse(json.dumps({"model": model, **members}).encode()), WriteContext(model, "host"))
    assert isinstance(failure, Failure), failure
    return failure


def bodies(payload: TaskPayload) -> list[Any]:
    return [json.loads(body) for body in payload.bodies]


def told(payload: TaskPayload, *replies: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Any:
    """The reply for the caller, decoded."""
    answer = payload.read([WholeReply(list(headers), json.dumps(reply).encode()) for reply in replies])
    assert isinstance(answer, bytes), answer
    return json.loads(answer)


def vectors(reply: Any) -> list[Any]:
    assert [item["index"] for item in reply["data"]] == list(range(len(reply["data"])))
    return [item["embedding"] for item in reply["data"]]
