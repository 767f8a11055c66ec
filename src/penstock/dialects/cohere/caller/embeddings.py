"""Embeddings as callers of Cohere ask for them: ``/v2/embed``, with vectors by their type.

Hosts of other wires make vectors of floats, which base64 is another form of; whole numbers and bits are Cohere's own.
Source: https://docs.cohere.com/reference/embed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.operation import Operation
from penstock.core.segments import Segment, SegmentKind
from penstock.dialects.cohere.caller.dialect import COHERE
from penstock.dialects.embeddings import reply as reader
from penstock.dialects.task_dialect import CommonTask, invalid, unusable
from penstock.dialects.texts import input_texts, inputs, leaves, listed, member

_TAKEN: Final = frozenset("model texts images inputs input_type embedding_types output_dimension truncate".split())
_PASSED: Final = ("input_type", "truncate")
_NAMES: Final = {"dimensions": "output_dimension"}
_TYPES: Final = frozenset({"float", "base64"})


def read_embed(body: Body) -> CommonTask | Failure:
    """A request in OpenAI's wire."""
    try:
        values = {name: body.value(name) for name in body}
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    inputs = [*_inputs(values)]
    if not inputs or any(each is None for each in inputs):
        return invalid("texts", "a list of texts, beside images or inputs with content of text or an image each")
    types = values.get("embedding_types") or ["float"]
    if not isinstance(types, list) or not all(isinstance(each, str) for each in types):
        return invalid("embedding_types", "a list of types")
    unknown = next((each for each in types if each not in _TYPES), None)
    if unknown is not None:
        text = f"Embeddings of type {unknown} are made by Cohere alone: ask for float or base64, or route to Cohere."
        return Failure(Kind.INVALID_REQUEST, text, "embedding_types")
    members: dict[str, Any] = {"model": values.get("model"), "input": inputs}
    members |= {name: values[name] for name in _PASSED if values.get(name) is not None}
    if values.get("output_dimension") is not None:
        members["dimensions"] = values["output_dimension"]
    common = Body({name: write_json(value) for name, value in members.items()})
    texts = [each for each in inputs if isinstance(each, str)]
    dropped = tuple(name for name, value in values.items() if name not in _TAKEN and value is not None)
    return CommonTask(common, partial(_written, tuple(types), tuple(texts), len(inputs)), dropped, _PASSED, _NAMES)


def _inputs(values: Mapping[str, Any]) -> Iterator[str | dict[str, Any] | None]:
    """The inputs, None for one that can't be told."""
    for text in listed(values.get("texts")):
        yield text if isinstance(text, str) else None
    for image in listed(values.get("images")):
        yield {"image": image} if isinstance(image, str) else None
    for each in listed(values.get("inputs")):
        parts = listed(member(each, "content"))
        yield _part(parts[0]) if len(parts) == 1 else None


def _part(part: Any) -> str | dict[str, Any] | None:
    text, url = member(part, "text"), member(member(part, "image_url"), "url")
    if isinstance(text, str):
        return text
    return {"image": url} if isinstance(url, str) else None


def _written(
    types: tuple[str, ...], texts: tuple[str, ...], count: int, reply: bytes, provider: str
) -> bytes | Failure:
    vectors = reader.read(reply, provider, count)
    if isinstance(vectors, Failure):
        return vectors
    found: dict[str, Any] = {"float": vectors.vectors} if "float" in types else {}
    if "base64" in types:
        texted = [reader.encoded(bytes(each)) for each in vectors.vectors]
        if None in texted:
            return unusable(provider, "made an embedding that is no list of numbers")
        found["base64"] = [msgspec.Raw(each) for each in texted if each is not None]
    tokens = vectors.tokens
    units = {} if tokens is None else {"billed_units": {"input_tokens": tokens}}
    return write_json(
        {
            "id": hashlib.blake2s(reply, digest_size=16).hexdigest(),
            "embeddings": found,
            "texts": texts,
            "meta": {"api_version": {"version": "2"}, **units},
            "response_type": "embeddings_by_type",
        }
    )


def _texts(_kind: str, body: Any) -> Iterator[Segment]:
    yield from inputs(member(body, "texts"), ("texts",))
    for number, each in enumerate(listed(member(body, "inputs"))):
        for place, part in enumerate(listed(member(each, "content"))):
            for pointer, text in leaves(member(part, "text"), ("inputs", number, "content", place, "text")):
                yield Segment(pointer, text, "user", SegmentKind.INPUT)


TEXTS: Final = msgspec.structs.replace(input_texts(Operation.EMBEDDINGS, ()), request=_texts)
"""The texts of a request for embeddings."""

EMBED: Final = msgspec.structs.replace(
    COHERE,
    name="cohere_embeddings",
    reading=msgspec.structs.replace(COHERE.reading, task=read_embed),
    texts=TEXTS,
)
"""Callers of ``/v2/embed``."""
