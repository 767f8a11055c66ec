"""Embeddings of Amazon Bedrock: ``InvokeModel`` in the words of each maker's models.

Titan and Nova take one input a request, so that a list becomes several requests; Cohere's models take 96. Sources:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html, …-titan-embed-mm.html,
…-embed-v4.html and https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.dialect import WriteContext
from penstock.dialects.embeddings import cohere, reply
from penstock.dialects.embeddings.request import QUERY, EmbeddingRequest, Image, read_for
from penstock.dialects.embeddings.vertex import MOST_CALLS
from penstock.dialects.task_dialect import TaskPayload, WholeReply, unusable


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw


class _Reply(msgspec.Struct):
    """Titan's reply has ``embedding``, Nova's ``embeddings``."""

    embedding: msgspec.Raw = msgspec.Raw(b"")
    embeddings: list[_Vector] = []
    tokens: int | None = msgspec.field(default=None, name="inputTextTokenCount")


_REPLY: Final = msgspec.json.Decoder(_Reply)


def write(body: Body, context: WriteContext) -> TaskPayload | Failure:
    """The caller's request as Bedrock's InvokeModel takes it, in the words of the model's maker; a Failure for what has
    no place there."""
    model = (context.aliased_model or context.model).lower()
    is_cohere = "cohere" in model
    takes_pictures = "titan-embed-text" not in model
    request = read_for(context.provider, body, cohere.MOST if is_cohere else MOST_CALLS, takes_pictures=takes_pictures)
    if isinstance(request, Failure):
        return request
    form = reply.ReplyForm(len(request.inputs), request.is_base64, context.model, context.provider)
    if is_cohere:
        members = write_json(cohere.members_of(request))
        return TaskPayload((members,), partial(cohere.read_replies, form), request.dropped("truncate", "max_tokens"))
    bodies = _bodies(request, model, context.provider)
    if isinstance(bodies, Failure):
        return bodies
    understood = ("normalize",) if "titan" in model else ()
    return TaskPayload(tuple(map(write_json, bodies)), partial(_read, form), request.dropped(*understood))


def _bodies(request: EmbeddingRequest, model: str, provider: str) -> list[dict[str, Any]] | Failure:
    if "nova" in model:
        return [_nova(request, each) for each in request.inputs]
    if "titan-embed-image" in model:
        config = (
            {} if request.dimensions is None else {"embeddingConfig": {"outputEmbeddingLength": request.dimensions}}
        )
        return [
            {"inputText": each, **config} if isinstance(each, str) else {"inputImage": each.data, **config}
            for each in request.inputs
        ]
    if "titan" not in model:
        text = f"The gateway doesn't know how {provider} makes embeddings with this model: use Titan, Nova or Cohere's."
        return Failure(Kind.INVALID_REQUEST, text, "model")
    options = {"dimensions": request.dimensions, "normalize": request.others.get("normalize")}
    common = {name: value for name, value in options.items() if value is not None}
    return [{"inputText": text, **common} for text in request.inputs]


def _nova(request: EmbeddingRequest, item: str | Image) -> dict[str, Any]:
    purpose = "GENERIC_RETRIEVAL" if request.purpose() == QUERY else (request.task or "").upper()
    known = purpose if purpose.startswith(("GENERIC_", "TEXT_", "IMAGE_", "DOCUMENT_", "CLASS", "CLUSTER")) else ""
    params: dict[str, Any] = {"embeddingPurpose": known or "GENERIC_INDEX"}
    if request.dimensions is not None:
        params["embeddingDimension"] = request.dimensions
    if isinstance(item, str):
        params["text"] = {"truncationMode": "END", "value": item}
    else:
        params["image"] = {"format": item.media_type.removeprefix("image/"), "source": {"bytes": item.data}}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


def _read(form: reply.ReplyForm, replies: Sequence[WholeReply]) -> bytes | Failure:
    vectors: list[bytes] = []
    tokens = 0
    for whole in replies:
        try:
            decoded = _REPLY.decode(whole.body)
        except UNREADABLE:
            return unusable(form.provider, "sent a reply without an embedding")
        vector = bytes(decoded.embedding)
        vectors += [vector] if vector else [bytes(each.embedding) for each in decoded.embeddings]
        tokens += (cohere.counted(whole.headers) if decoded.tokens is None else decoded.tokens) or 0
    return reply.write(vectors, tokens or None, form)
