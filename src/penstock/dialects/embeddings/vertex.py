"""Embeddings of Vertex AI: ``predict`` with an instance for each text; Gemini's models take one a request.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.dialect import WriteContext
from penstock.dialects.embeddings import reply
from penstock.dialects.embeddings.gemini import task_type
from penstock.dialects.embeddings.request import read_for
from penstock.dialects.task_dialect import TaskPayload, WholeReply, unusable

_MOST: Final = 250
MOST_CALLS: Final = 64
"""Requests that one request of a caller becomes at most, where a model takes one text each."""


class _Statistics(msgspec.Struct):
    token_count: float | None = None


class _Embeddings(msgspec.Struct):
    values: msgspec.Raw
    statistics: _Statistics = msgspec.field(default_factory=_Statistics)


class _Prediction(msgspec.Struct):
    embeddings: _Embeddings


class _Reply(msgspec.Struct):
    predictions: list[_Prediction]


_REPLY: Final = msgspec.json.Decoder(_Reply)


def write(body: Body, context: WriteContext) -> TaskPayload | Failure:
    """The caller's request as Vertex AI's predict takes it; a Failure for what has no place there."""
    is_alone = "gemini-embedding" in context.model
    request = read_for(context.provider, body, MOST_CALLS if is_alone else _MOST, takes_pictures=False)
    if isinstance(request, Failure):
        return request
    options = {"task_type": task_type(request), "title": request.others.get("title")}
    common = {name: value for name, value in options.items() if value is not None}
    instances: list[dict[str, Any]] = [{"content": text, **common} for text in request.inputs]
    settings = {"outputDimensionality": request.dimensions, "autoTruncate": _truncates(request.others)}
    parameters = {name: value for name, value in settings.items() if value is not None}
    groups = [[each] for each in instances] if is_alone else [instances]
    bodies = tuple(
        write_json({"instances": each, **({"parameters": parameters} if parameters else {})}) for each in groups
    )
    form = reply.ReplyForm(len(request.inputs), request.is_base64, context.model, context.provider)
    return TaskPayload(bodies, partial(_read, form), request.dropped("title", "truncate", "truncation"))


def _truncates(others: Any) -> bool | None:
    """Whether long texts are cut: ``truncation`` (Voyage's word), ``truncate`` (Cohere's, NONE for no)."""
    value = others.get("truncation", others.get("truncate"))
    if isinstance(value, str):
        return value.upper() != "NONE"
    return value if isinstance(value, bool) else None


def _read(form: reply.ReplyForm, replies: Sequence[WholeReply]) -> bytes | Failure:
    try:
        predictions = [each for whole in replies for each in _REPLY.decode(whole.body).predictions]
    except UNREADABLE:
        return unusable(form.provider, "sent a reply without embeddings")
    counts = [each.embeddings.statistics.token_count for each in predictions]
    tokens = sum(int(count) for count in counts if count is not None) if any(counts) else None
    return reply.write([bytes(each.embeddings.values) for each in predictions], tokens, form)
