"""Embeddings of Cohere's API: ``/v2/embed``, where every request says what its texts are for.

Source: https://docs.cohere.com/reference/embed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.dialect import WriteContext
from penstock.dialects.embeddings import reply
from penstock.dialects.embeddings.request import DOCUMENT, QUERY, EmbeddingRequest, Image, read_for
from penstock.dialects.task_dialect import TaskPayload, WholeReply, unusable

MOST: Final = 96
_TYPES: Final = {QUERY: "search_query", DOCUMENT: "search_document"}
_COUNT: Final = b"x-amzn-bedrock-input-token-count"


class _Billed(msgspec.Struct):
    input_tokens: float | None = None
    images: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Billed | None = None


class _Reply(msgspec.Struct):
    embeddings: msgspec.Raw
    meta: _Meta | None = None


_REPLY: Final = msgspec.json.Decoder(_Reply)
_BY_TYPE: Final = msgspec.json.Decoder(dict[str, list[msgspec.Raw]])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def write(body: Body, context: WriteContext) -> TaskPayload | Failure:
    """``texts`` for text alone, ``inputs`` where pictures are among them."""
    request = read_for(context.provider, body, MOST)
    if isinstance(request, Failure):
        return request
    members = {"model": context.model, **members_of(request)}
    form = reply.ReplyForm(len(request.inputs), request.is_base64, context.model, context.provider)
    return TaskPayload((write_json(members),), partial(read_replies, form), request.dropped("truncate", "max_tokens"))


def members_of(request: EmbeddingRequest) -> dict[str, Any]:
    """The members of a request but the model's name: the same at Bedrock."""
    purpose = request.purpose()
    members: dict[str, Any] = {
        "input_type": _TYPES[purpose] if purpose else request.task or _TYPES[DOCUMENT],
        "embedding_types": ["float"],
    }
    texts = request.texts
    if texts is not None:
        members["texts"] = texts
    else:
        members["inputs"] = [{"content": [_part(each)]} for each in request.inputs]
    options = {
        "output_dimension": request.dimensions,
        "truncate": request.others.get("truncate"),
        "max_tokens": request.others.get("max_tokens"),
    }
    return members | {name: value for name, value in options.items() if value is not None}


def _part(item: str | Image) -> Mapping[str, Any]:
    return (
        {"type": "text", "text": item}
        if isinstance(item, str)
        else {"type": "image_url", "image_url": {"url": item.url}}
    )


def read_replies(form: reply.ReplyForm, replies: Sequence[WholeReply]) -> bytes | Failure:
    """Vectors by their type, or (older models at Bedrock) in a list."""
    whole = replies[0]
    try:
        decoded = _REPLY.decode(whole.body)
        raw = bytes(decoded.embeddings)
        vectors = _LIST.decode(raw) if raw[:1] == b"[" else _BY_TYPE.decode(raw).get("float", [])
    except UNREADABLE:
        return unusable(form.provider, "sent a reply without embeddings")
    units = None if decoded.meta is None else decoded.meta.billed_units
    billed = None if units is None else units.input_tokens
    tokens = counted(whole.headers) if billed is None else int(billed)
    return reply.write([bytes(each) for each in vectors], tokens, form)


def counted(headers: Headers) -> int | None:
    """The tokens that Bedrock counts in a header of its reply."""
    value = next((value for name, value in headers if name == _COUNT), b"")
    return int(value) if value.isdigit() and len(value) < 12 else None
