"""Embeddings as callers of Gemini ask for them: ``embedContent`` for one content, ``batchEmbedContents`` for several.

Either spelling of names is read. A content is one input: its texts in one, or a picture alone. Source: Gemini API
reference, "Embeddings".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, write_json
from penstock.core.operation import Operation
from penstock.core.segments import Segment, SegmentKind
from penstock.dialects.caller import Delivery, FittedRequest, Relay
from penstock.dialects.dialect import WriteContext
from penstock.dialects.embeddings import reply as reader
from penstock.dialects.embeddings.reply import Vectors
from penstock.dialects.gemini.caller.dialect import GEMINI
from penstock.dialects.gemini.caller.texts import content_segments
from penstock.dialects.gemini.spelling import camel
from penstock.dialects.task_dialect import CommonTask, invalid
from penstock.dialects.texts import input_texts, listed, member

_NAMES: Final = {"taskType": "task_type", "title": "title", "outputDimensionality": "dimensions"}
"""The settings of a content, and their names in the common wire."""
_OWN_NAMES: Final = {common: name for name, common in _NAMES.items()}
_ONLY_HERE: Final = ("task_type", "title")
"""What hosts of OpenAI's wire have no word for."""
_ADDRESSED: Final = ("model", "stream")
_REQUESTS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_READ: Final = frozenset({"model", "content", "requests", "stream", *_NAMES})


def _one(body: Body) -> CommonTask | Failure:
    """``embedContent``."""
    request = _members(body)
    return request if isinstance(request, Failure) else _common([request], ("content",), _write_one, list(request))


def _many(body: Body) -> CommonTask | Failure:
    """``batchEmbedContents``."""
    whole = _members(body)
    if isinstance(whole, Failure):
        return whole
    elements = whole.get("requests")
    if not isinstance(elements, list) or not elements or not all(isinstance(each, dict) for each in elements):
        return invalid("requests", "an array of one or more requests")
    requests = [{camel(name): value for name, value in each.items()} for each in elements]
    names = list(dict.fromkeys([*whole, *(name for each in requests for name in each)]))
    return _common(requests, ("requests",), _write_many, names)


def _fit_one(body: Body, _context: WriteContext) -> FittedRequest:
    """``embedContent`` as it came: the model is in the address."""
    for name in _ADDRESSED:
        body = body.without(name)
    return FittedRequest(body)


def _fit_many(body: Body, context: WriteContext) -> FittedRequest | Failure:
    """``batchEmbedContents`` as it came; each request names the model again, as Google calls it."""
    body = _fit_one(body, context).body
    try:
        requests = _REQUESTS.decode(body.raw("requests") or b"[]")
    except UNREADABLE:
        return invalid("requests", "an array of one or more requests")
    model = write_json(f"models/{context.model.removeprefix('models/')}")
    if all(bytes(each.get("model", b"")) == model for each in requests):
        return FittedRequest(body)
    named = [Body({**each, "model": model}).encode() for each in requests]
    return FittedRequest(body.replaced({"requests": b"[" + b",".join(named) + b"]"}))


def _members(body: Body) -> dict[str, Any] | Failure:
    try:
        return {camel(name): body.value(name) for name in body}
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")


def _common(
    requests: Sequence[dict[str, Any]], at: tuple[str, ...], write: Callable[[Vectors], bytes], names: Sequence[str]
) -> CommonTask | Failure:
    """Requests as one of the common wire. Their settings must be the same: one request has one of each."""
    inputs = []
    for number, request in enumerate(requests):
        item = _input(request.get("content"))
        if item is None:
            where = at[0] if at == ("content",) else f"requests[{number}].content"
            return invalid(where, "a content with parts that are all text, or with one picture")
        inputs.append(item)
    members: dict[str, Any] = {"input": inputs}
    dropped = [name for name in names if name not in _READ]
    for name, common in _NAMES.items():
        values = [request.get(name) for request in requests]
        if all(value == values[0] for value in values):
            members |= {} if values[0] is None else {common: values[0]}
        elif name == "title":
            dropped.append(name)
        else:
            return invalid(f"requests[].{name}", "the same in all requests: embeddings are asked for together")
    body = Body({name: write_json(value) for name, value in members.items()})
    return CommonTask(body, partial(_written, write, len(inputs)), tuple(dropped), _ONLY_HERE, _OWN_NAMES)


def _input(content: Any) -> str | dict[str, str] | None:
    """A content as an input: its text, or its picture as a data URL."""
    if isinstance(content, str):
        return content
    content_parts = member(content, "parts")
    parts = content_parts if isinstance(content_parts, list) else [content_parts]
    texts = [part if isinstance(part, str) else member(part, "text") for part in parts]
    if not parts:
        return None
    if all(isinstance(text, str) for text in texts):
        return "\n".join(texts)
    blob = member(parts[0], "inlineData") or member(parts[0], "inline_data")
    kind, data = member(blob, "mimeType") or member(blob, "mime_type"), member(blob, "data")
    if len(parts) != 1 or not isinstance(kind, str) or not isinstance(data, str):
        return None
    return {"image": f"data:{kind};base64,{data}"}


def _written(write: Callable[[Vectors], bytes], count: int, reply: bytes, provider: str) -> bytes | Failure:
    vectors = reader.read(reply, provider, count)
    return vectors if isinstance(vectors, Failure) else write(vectors)


def _usage(vectors: Vectors) -> dict[str, Any]:
    return {"usageMetadata": {"promptTokenCount": vectors.tokens}} if vectors.tokens else {}


def _write_one(vectors: Vectors) -> bytes:
    return write_json({"embedding": {"values": vectors.vectors[0]}, **_usage(vectors)})


def _write_many(vectors: Vectors) -> bytes:
    return write_json({"embeddings": [{"values": each} for each in vectors.vectors], **_usage(vectors)})


def _texts(_kind: str, body: Any) -> Iterator[Segment]:
    yield from content_segments(member(body, "content"), ("content",), "user", SegmentKind.INPUT, 0)
    for number, each in enumerate(listed(member(body, "requests"))):
        at = ("requests", number, "content")
        yield from content_segments(member(each, "content"), at, "user", SegmentKind.INPUT, number)


EMBED: Final = msgspec.structs.replace(
    GEMINI,
    name="gemini_embed",
    reading=msgspec.structs.replace(GEMINI.reading, task=_one),
    relay=Relay(_fit_one),
    delivery=Delivery(GEMINI.delivery.keep_alive),
    texts=msgspec.structs.replace(input_texts(Operation.EMBEDDINGS, ()), request=_texts),
)
"""Callers of ``embedContent``."""

EMBED_MANY: Final = msgspec.structs.replace(
    EMBED,
    name="gemini_batch_embed",
    reading=msgspec.structs.replace(EMBED.reading, task=_many),
    relay=Relay(_fit_many),
)
"""Callers of ``batchEmbedContents``."""
