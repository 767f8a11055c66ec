"""Embeddings of the Gemini API: ``batchEmbedContents``, one request within it for each input.

Source: https://ai.google.dev/api/embeddings.
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
from penstock.dialects.embeddings.request import DOCUMENT, QUERY, EmbeddingRequest, Image, read_for
from penstock.dialects.task_dialect import TaskPayload, WholeReply, unusable

_MOST: Final = 100
TASKS: Final = {QUERY: "RETRIEVAL_QUERY", DOCUMENT: "RETRIEVAL_DOCUMENT"}


class _Vector(msgspec.Struct):
    values: msgspec.Raw


class _Usage(msgspec.Struct):
    prompt_token_count: int | None = msgspec.field(default=None, name="promptTokenCount")
    total_token_count: int | None = msgspec.field(default=None, name="totalTokenCount")


class _Reply(msgspec.Struct):
    embeddings: list[_Vector]
    usage: _Usage = msgspec.field(default_factory=_Usage, name="usageMetadata")


_REPLY: Final = msgspec.json.Decoder(_Reply)


def task_type(request: EmbeddingRequest) -> str | None:
    """The purpose in Google's words: ``RETRIEVAL_QUERY``, or the caller's own word as it is."""
    purpose = request.purpose()
    return request.task.upper() if purpose is None and request.task else TASKS.get(purpose or "")


def write(body: Body, context: WriteContext) -> TaskPayload | Failure:
    """The caller's request as the Gemini API's batchEmbedContents takes it; a Failure for what has no place there."""
    request = read_for(context.provider, body, _MOST)
    if isinstance(request, Failure):
        return request
    common: dict[str, Any] = {"model": f"models/{context.model.removeprefix('models/')}"}
    options = {
        "taskType": task_type(request),
        "title": request.others.get("title"),
        "outputDimensionality": request.dimensions,
    }
    common.update({name: value for name, value in options.items() if value is not None})
    requests = [{**common, "content": {"parts": [_part(each)]}} for each in request.inputs]
    form = reply.ReplyForm(len(request.inputs), request.is_base64, context.model, context.provider)
    return TaskPayload((write_json({"requests": requests}),), partial(_read, form), request.dropped("title"))


def _part(item: str | Image) -> dict[str, Any]:
    if isinstance(item, str):
        return {"text": item}
    return {"inlineData": {"mimeType": item.media_type, "data": item.data}}


def _read(form: reply.ReplyForm, replies: Sequence[WholeReply]) -> bytes | Failure:
    try:
        decoded = _REPLY.decode(replies[0].body)
    except UNREADABLE:
        return unusable(form.provider, "sent a reply without embeddings")
    usage = decoded.usage
    tokens = usage.total_token_count if usage.prompt_token_count is None else usage.prompt_token_count
    return reply.write([bytes(each.values) for each in decoded.embeddings], tokens, form)
