"""Embeddings and reranking as callers of InvokeModel ask for them: in the words of Titan, of Nova, of Cohere's models.

At Bedrock a body passes as it is; at other hosts it is read into the common task and the reply written in the same
words. Sources: Amazon Bedrock user guide, "Amazon Titan Embeddings", "Cohere Embed models", "Rerank"; Amazon Nova user
guide, "Embeddings".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.operation import Operation
from penstock.core.segments import Segment, SegmentKind
from penstock.dialects.bedrock.caller.invoke_own import INVOKE_OWN, judge
from penstock.dialects.caller import CallerDialect, Delivery, Verdict
from penstock.dialects.cohere.caller.embeddings import TEXTS as COHERES
from penstock.dialects.cohere.caller.embeddings import read_embed
from penstock.dialects.embeddings import reply as reader
from penstock.dialects.embeddings.reply import Vectors
from penstock.dialects.task_dialect import CommonTask, invalid
from penstock.dialects.texts import input_texts, leaves, member

_ADDRESSED: Final = frozenset({"model", "stream"})
_NOVA: Final = "singleEmbeddingParams"
_FLOATS: Final = "float"


def read_embeddings(body: Body) -> CommonTask | Failure:
    """A request for embeddings, whoever's model it is for."""
    try:
        values = {name: body.value(name) for name in body}
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    if _NOVA in values:
        return _nova(values)
    return _titan(values) if "inputText" in values or "inputImage" in values else _cohere(body, values)


def _titan(values: Mapping[str, Any]) -> CommonTask | Failure:
    """Titan takes one input: a text or a picture (PNG or JPEG in base64)."""
    text, image = values.get("inputText"), values.get("inputImage")
    if (text is None) == (image is None) or not isinstance(text or image, str):
        return invalid("inputText" if image is None else "inputImage", "a text, and the only input: one of both")
    types = values.get("embeddingTypes")
    if types is not None and types != [_FLOATS]:
        return _only_at_bedrock("embeddingTypes")
    config = values.get("embeddingConfig")
    length = config.get("outputEmbeddingLength") if isinstance(config, dict) else values.get("dimensions")
    members = {"dimensions": length, "normalize": values.get("normalize")}
    taken = {"inputText", "inputImage", "embeddingTypes", "embeddingConfig", *members}
    write = partial(_write_titan, by_type=types is not None)
    return _common(text or {"image": f"data:image/png;base64,{image}"}, members, values, taken, write)


def _nova(values: Mapping[str, Any]) -> CommonTask | Failure:
    """Nova takes one input, too."""
    asked = values.get(_NOVA)
    text, image = member(member(asked, "text"), "value"), member(asked, "image")
    form, data = member(image, "format"), member(member(image, "source"), "bytes")
    is_picture = isinstance(form, str) and isinstance(data, str)
    if values.get("taskType") != "SINGLE_EMBEDDING" or isinstance(text, str) == is_picture:
        return invalid(_NOVA, "one text, or one image with format and source.bytes; other inputs go to Bedrock only")
    members = {"dimensions": member(asked, "embeddingDimension"), "task_type": _task(member(asked, "embeddingPurpose"))}
    entry = text if isinstance(text, str) else {"image": f"data:image/{form};base64,{data}"}
    write = partial(_write_nova, kind="TEXT" if isinstance(text, str) else "IMAGE")
    task = _common(entry, members, values, {"taskType", "schemaVersion", _NOVA}, write)
    return msgspec.structs.replace(task, names=_OF_NOVA)


_OF_NOVA: Final = {"dimensions": f"{_NOVA}.embeddingDimension", "task_type": f"{_NOVA}.embeddingPurpose"}


def _task(purpose: Any) -> str | None:
    """A purpose of Nova's as a task of the common wire."""
    if not isinstance(purpose, str):
        return None
    return "query" if purpose.endswith("_RETRIEVAL") else "document" if purpose == "GENERIC_INDEX" else purpose


def _cohere(body: Body, values: Mapping[str, Any]) -> CommonTask | Failure:
    """Cohere's models have Cohere's own words; without types of embeddings the reply is a list of vectors."""
    task = read_embed(body)
    if isinstance(task, Failure) or values.get("embedding_types"):
        return task if isinstance(task, Failure) else _without_addressed(task)
    return _without_addressed(msgspec.structs.replace(task, write=partial(_write_floats, task.write)))


def _common(
    entry: Any,
    members: Mapping[str, Any],
    values: Mapping[str, Any],
    taken: set[str],
    write: Callable[[Vectors], bytes],
) -> CommonTask:
    request = {"input": [entry], **{name: value for name, value in members.items() if value is not None}}
    dropped = tuple(name for name, value in values.items() if name not in taken | _ADDRESSED and value is not None)
    only_here = ("task_type", "normalize")
    common = Body({name: write_json(value) for name, value in request.items()})
    return CommonTask(common, partial(_written, write), dropped, only_here)


def _without_addressed(task: CommonTask) -> CommonTask:
    dropped = tuple(name for name in task.dropped if name not in _ADDRESSED)
    return msgspec.structs.replace(task, dropped=dropped)


def _only_at_bedrock(name: str) -> Failure:
    text = f"Only Bedrock makes what {name} asks for: leave it out, or route to Bedrock."
    return Failure(Kind.INVALID_REQUEST, text, name)


def _written(write: Callable[[Vectors], bytes], reply: bytes, provider: str) -> bytes | Failure:
    vectors = reader.read(reply, provider, 1)
    return vectors if isinstance(vectors, Failure) else write(vectors)


def _write_titan(vectors: Vectors, *, by_type: bool) -> bytes:
    vector = vectors.vectors[0]
    typed = {"embeddingsByType": {_FLOATS: vector}} if by_type else {}
    return write_json({"embedding": vector, **typed, "inputTextTokenCount": vectors.tokens or 0})


def _write_nova(vectors: Vectors, *, kind: str) -> bytes:
    return write_json({"embeddings": [{"embeddingType": kind, "embedding": vectors.vectors[0]}]})


def _write_floats(write: Callable[[bytes, str], bytes | Failure], reply: bytes, provider: str) -> bytes | Failure:
    typed = write(reply, provider)
    if isinstance(typed, Failure):
        return typed
    members = _MEMBERS.decode(typed)
    members["embeddings"] = _TYPED.decode(members["embeddings"])[_FLOATS]
    members["response_type"] = msgspec.Raw(b'"embeddings_floats"')
    del members["meta"]
    return write_json(members)


_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TYPED: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_reranking(body: Body) -> CommonTask | Failure:
    """A request to rerank, which is the common one but for the version of its form."""
    if "query" not in body or "documents" not in body:
        return invalid("documents", "a list of texts, beside a query")
    common = body
    for name in (*_ADDRESSED, "api_version"):
        common = common.without(name)
    return CommonTask(common, _write_ranks)


def _write_ranks(reply: bytes, _provider: str) -> bytes:
    value = read_json_or_none(reply)
    results = value.get("results") if isinstance(value, dict) else None
    ranks = [{name: each.get(name) for name in ("index", "relevance_score")} for each in results or ()]
    return write_json({"results": ranks})


def _texts(kind: str, body: Any) -> Iterator[Segment]:
    yield from COHERES.request(kind, body)
    texts = (("inputText",), ("singleEmbeddingParams", "text", "value"))
    for pointer in texts:
        value = body
        for name in pointer:
            value = member(value, name)
        for at, text in leaves(value, pointer):
            yield Segment(at, text, "user", SegmentKind.INPUT)


_NO_VECTORS: Final = "sent text in the place of vectors, for which a body asks with textGenerationConfig"


def judge_vectors(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """As ``judge`` of other bodies. A model that writes text takes ``inputText`` for its prompt, too (Titan Text), and
    guards of answers would not see what it wrote."""
    verdict = judge(body, provider, is_chat)
    return msgspec.structs.replace(verdict, problem=_NO_VECTORS) if b'"outputText"' in body else verdict


INVOKE_EMBED: Final[CallerDialect] = msgspec.structs.replace(
    INVOKE_OWN,
    reading=msgspec.structs.replace(INVOKE_OWN.reading, task=read_embeddings),
    replies=msgspec.structs.replace(INVOKE_OWN.replies, judge=judge_vectors),
    delivery=Delivery(INVOKE_OWN.delivery.keep_alive, id_header=INVOKE_OWN.delivery.id_header),
    texts=msgspec.structs.replace(COHERES, request=_texts),
)
"""Callers of InvokeModel for embeddings."""

INVOKE_RERANK: Final[CallerDialect] = msgspec.structs.replace(
    INVOKE_EMBED,
    reading=msgspec.structs.replace(INVOKE_OWN.reading, task=read_reranking),
    texts=input_texts(Operation.RERANK, ("query", "documents")),
)
"""Callers of InvokeModel for reranking."""
