"""Embeddings as callers of Ollama ask for them: ``/api/embed`` with texts, the older ``/api/embeddings`` with one.

Source: Ollama API documentation, "Generate embeddings".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.operation import Operation
from penstock.core.usage import Usage
from penstock.dialects.caller import Delivery, RequestBody
from penstock.dialects.embeddings import reply as reader
from penstock.dialects.embeddings.reply import Vectors
from penstock.dialects.ollama.caller.dialect import OLLAMA
from penstock.dialects.ollama.caller.request import read_members
from penstock.dialects.ollama.usage import write_usage
from penstock.dialects.task_dialect import CommonTask, invalid
from penstock.dialects.texts import input_texts

_SILENT: Final = frozenset({"model", "name", "input", "prompt", "dimensions", "truncate", "keep_alive"})


def _read(member: str, write: Callable[[Vectors], bytes], body: Body) -> CommonTask | Failure:
    """A request: ``member`` holds the input."""
    try:
        values = {name: body.value(name) for name in body}
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    inputs, dimensions = values.get(member), values.get("dimensions")
    texts = inputs if isinstance(inputs, list) and member != "prompt" else [inputs]
    if not all(isinstance(each, str) for each in texts):
        return invalid(member, "a text" if member == "prompt" else "a text, or a list of texts")
    members: dict[str, Any] = {"model": values.get("model"), "input": inputs}
    if dimensions is not None:
        members["dimensions"] = dimensions
    common = Body({name: write_json(value) for name, value in members.items()})
    dropped = tuple(name for name, value in values.items() if name not in _SILENT and value not in (None, {}))
    return CommonTask(common, partial(_written, write, len(texts)), dropped)


def _written(write: Callable[[Vectors], bytes], count: int, reply: bytes, provider: str) -> bytes | Failure:
    vectors = reader.read(reply, provider, count)
    return vectors if isinstance(vectors, Failure) else write(vectors)


def _many(vectors: Vectors) -> bytes:
    return write_json({"model": vectors.model, "embeddings": vectors.vectors, **write_usage(Usage(vectors.tokens))})


def _one(vectors: Vectors) -> bytes:
    return write_json({"embedding": vectors.vectors[0]})


def _read_whole(data: bytes | memoryview) -> RequestBody | Failure:
    """Vectors are never streamed."""
    request = read_members(data)
    return request if isinstance(request, Failure) else msgspec.structs.replace(request, stream=False)


def _never(_body: Body) -> bool:
    return False


_TEXTS: Final = input_texts(Operation.EMBEDDINGS, ("input", "prompt"))

EMBED: Final = msgspec.structs.replace(
    OLLAMA,
    name="ollama_embed",
    reading=msgspec.structs.replace(
        OLLAMA.reading, body=_read_whole, asks_stream=_never, task=partial(_read, "input", _many)
    ),
    delivery=Delivery(OLLAMA.delivery.keep_alive),
    texts=_TEXTS,
)
"""Callers of ``/api/embed``."""

ONE_EMBEDDING: Final = msgspec.structs.replace(
    EMBED,
    name="ollama_embeddings",
    reading=msgspec.structs.replace(EMBED.reading, task=partial(_read, "prompt", _one)),
)
"""Callers of ``/api/embeddings``."""
