"""Embeddings of Voyage AI: OpenAI's form with other names. Source: https://docs.voyageai.com/reference/embeddings-api."""

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
from penstock.dialects.embeddings.request import read_for
from penstock.dialects.task_dialect import TaskPayload, WholeReply, unusable

_MOST: Final = 1000


class _Item(msgspec.Struct):
    embedding: msgspec.Raw
    index: int


class _Usage(msgspec.Struct):
    total_tokens: int | None = None


class _Reply(msgspec.Struct):
    data: list[_Item]
    usage: _Usage | None = None


_REPLY: Final = msgspec.json.Decoder(_Reply)


def write(body: Body, context: WriteContext) -> TaskPayload | Failure:
    """The caller's request in Voyage's wire; a Failure for what that has no place for."""
    request = read_for(context.provider, body, _MOST, takes_pictures=False)
    if isinstance(request, Failure):
        return request
    options = {
        "input_type": request.purpose() or request.task,
        "output_dimension": request.dimensions,
        "truncation": request.others.get("truncation"),
        "output_dtype": request.others.get("output_dtype"),
        "encoding_format": "base64" if request.is_base64 else None,
    }
    members: dict[str, Any] = {"model": context.model, "input": request.inputs}
    members.update({name: value for name, value in options.items() if value is not None})
    form = reply.ReplyForm(len(request.inputs), request.is_base64, context.model, context.provider)
    return TaskPayload((write_json(members),), partial(_read, form), request.dropped("truncation", "output_dtype"))


def _read(form: reply.ReplyForm, replies: Sequence[WholeReply]) -> bytes | Failure:
    try:
        decoded = _REPLY.decode(replies[0].body)
    except UNREADABLE:
        return unusable(form.provider, "sent a reply without embeddings")
    items = sorted(decoded.data, key=lambda item: item.index)
    if any(item.index != place for place, item in enumerate(items)):
        return unusable(form.provider, "made embeddings that belong to no input")
    tokens = None if decoded.usage is None else decoded.usage.total_tokens
    return reply.write([bytes(item.embedding) for item in items], tokens, form)
