"""Vectors as OpenAI's reply: a list in the order of the inputs, numbers as the host wrote them or in base64.

Source: OpenAI API reference, "The embedding object". Base64 is of little-endian float32.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.core.failure import Failure
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.task_dialect import unusable

_NUMBERS: Final = msgspec.json.Decoder(list[float])


class ReplyForm(msgspec.Struct, frozen=True):
    """What the reply must be: so many vectors, in base64 or not, of this model."""

    count: int
    is_base64: bool
    model: str
    provider: str


def write(vectors: Sequence[bytes], tokens: int | None, form: ReplyForm) -> bytes | Failure:
    """The reply. ``vectors`` are JSON arrays of numbers, or texts in base64 as the host made them; ``tokens`` are those
    of all inputs, None where the host tells none."""
    if len(vectors) != form.count:
        return _miscounted(form.provider, len(vectors), form.count)
    items = []
    for index, vector in enumerate(vectors):
        value = encoded(vector) if form.is_base64 and vector[:1] == b"[" else vector
        if value is None or vector[:1] not in (b"[", b'"'):
            return unusable(form.provider, "made an embedding that is no list of numbers")
        items.append(b'{"object":"embedding","index":%d,"embedding":%b}' % (index, value))
    counts = write_json({"prompt_tokens": tokens or 0, "total_tokens": tokens or 0})
    model = write_json(form.model)
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (b",".join(items), model, counts)


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw
    index: int = 0


class _Counts(msgspec.Struct):
    prompt_tokens: int | None = None


class Vectors(msgspec.Struct):
    """OpenAI's reply, as far as it is told on in other wires. Numbers keep their bytes."""

    data: list[_Vector]
    model: str = ""
    usage: _Counts | None = None

    @property
    def tokens(self) -> int | None:
        """The tokens of all inputs, None where the host tells none."""
        return None if self.usage is None else self.usage.prompt_tokens

    @property
    def vectors(self) -> list[msgspec.Raw]:
        """JSON arrays of numbers, in the order of the inputs."""
        return [each.embedding for each in self.data]


_VECTORS: Final = msgspec.json.Decoder(Vectors)


def _miscounted(provider: str, made: int, count: int) -> Failure:
    return unusable(provider, f"made {made} embeddings of {count} inputs")


def read(reply: bytes, provider: str, count: int) -> Vectors | Failure:
    """The vectors of a reply in OpenAI's wire to a request with ``count`` inputs."""
    try:
        found = _VECTORS.decode(reply)
    except UNREADABLE:
        return unusable(provider, "sent a reply without embeddings")
    if not found.data or any(bytes(each.embedding)[:1] != b"[" for each in found.data):
        return unusable(provider, "made an embedding that is no list of numbers")
    if len(found.data) != count:
        return _miscounted(provider, len(found.data), count)
    found.data.sort(key=lambda each: each.index)
    return found


def encoded(vector: bytes) -> bytes | None:
    """A JSON array of numbers as a JSON text in base64; None for any other value."""
    try:
        numbers = _NUMBERS.decode(vector)
        return b'"%b"' % base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers))
    except (*UNREADABLE, OverflowError):
        return None
