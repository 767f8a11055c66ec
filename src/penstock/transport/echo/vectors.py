"""Embeddings of the built-in provider: vectors that follow from the text alone, so that equal texts have equal ones.

Source: OpenAI API reference, "Create embeddings".
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Annotated, Any, Final

import msgspec

from penstock.core.json_text import write_json
from penstock.transport.echo.script import Unreadable, count, told_as_unreadable

_DIMENSIONS: Final = 16
_MOST_INPUTS: Final = 2048

Text = str | list[int]
"""A text, or its tokens."""


class Asked(msgspec.Struct, frozen=True):
    """What is read of a request."""

    model: str
    input: str | Annotated[list[str | int | list[int]], msgspec.Meta(min_length=1, max_length=_MOST_INPUTS)]
    encoding_format: str = "float"
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=_MOST_INPUTS)] | None = None


def embeddings(body: bytes) -> bytes:
    """One vector for each input, in order. Raises Unreadable."""
    with told_as_unreadable():
        asked = msgspec.json.decode(body, type=Asked)
    inputs = _inputs(asked.input)
    size = asked.dimensions or _DIMENSIONS
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(_vector(text, size), asked.encoding_format)}
        for index, text in enumerate(inputs)
    ]
    tokens = sum(len(text) if isinstance(text, list) else count(text) for text in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return write_json({"object": "list", "data": data, "model": asked.model, "usage": usage})


def _inputs(value: str | list[Any]) -> list[Text]:
    """The inputs one by one: a list of numbers is one text in tokens. Raises Unreadable."""
    if isinstance(value, str) or all(isinstance(item, int) for item in value):
        return [value]
    if any(isinstance(item, int) for item in value):
        raise Unreadable(400, "Token numbers and texts don't go in one list.", "input", "invalid_value")
    return value


def _vector(text: Text, size: int) -> list[float]:
    """A vector of length 1 from the text's digest."""
    seed = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else write_json(text)
    raw = hashlib.shake_128(seed).digest(2 * size)
    values = [value + 0.5 for value in struct.unpack(f"<{size}h", raw)]
    length = math.hypot(*values)
    return [value / length for value in values]


def _encoded(vector: list[float], encoding_format: str) -> list[float] | str:
    """The vector as numbers, or as Base64 of little-endian 32-bit floats."""
    if encoding_format != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
