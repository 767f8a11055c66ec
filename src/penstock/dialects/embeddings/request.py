"""A caller's request for embeddings, as every host's wire is written from it.

Beyond OpenAI's members, ``input_type`` (also ``task_type``, ``task``), ``truncate``, ``title`` and ``output_dtype`` are
understood where the host has them. Source: OpenAI API reference, "Create embeddings".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.dialects.task_dialect import invalid

MOST_INPUTS: Final = 2048
"""Items of one request at most, as OpenAI has it."""
_TASKS: Final = ("input_type", "task_type", "task")
_OWN: Final = frozenset({"model", "input", "encoding_format", "dimensions", "user"})
_QUERY: Final = frozenset({"query", "search_query", "retrieval_query", "retrieval.query"})
_DOCUMENT: Final = frozenset({"document", "passage", "search_document", "retrieval_document", "retrieval.passage"})
QUERY: Final = "query"
DOCUMENT: Final = "document"


class Image(msgspec.Struct, frozen=True):
    """A picture among the inputs: its media type and its data in base64, as in the URL ``data:image/png;base64,…``."""

    media_type: str
    data: str

    @property
    def url(self) -> str:
        return f"data:{self.media_type};base64,{self.data}"


class EmbeddingRequest(msgspec.Struct, frozen=True):
    """What is asked. ``task`` is the purpose as the caller wrote it. ``others`` are members that OpenAI doesn't have,
    decoded, by name."""

    inputs: Sequence[str | Image]
    is_base64: bool = False
    dimensions: int | None = None
    task: str | None = None
    others: Mapping[str, Any] = {}

    @property
    def texts(self) -> list[str] | None:
        """The inputs, if all of them are text."""
        texts = [each for each in self.inputs if isinstance(each, str)]
        return texts if len(texts) == len(self.inputs) else None

    def purpose(self) -> str | None:
        """The task as ``query`` or ``document``; None for any other, and where none is told."""
        name = (self.task or "").lower()
        return QUERY if name in _QUERY else DOCUMENT if name in _DOCUMENT else None

    def dropped(self, *understood: str) -> tuple[str, ...]:
        """The names of members that a wire can't express: all others but ``understood``."""
        return tuple(name for name in self.others if name not in understood)


def read_for(provider: str, body: Body, most: int, *, takes_pictures: bool = True) -> EmbeddingRequest | Failure:
    """Read a caller's body for a host that takes at most so many inputs in one request."""
    request = read(body)
    if isinstance(request, Failure):
        return request
    if len(request.inputs) > most:
        text = (
            f"{provider} takes at most {most} inputs in one request, and this one has {len(request.inputs)}: send "
            "several requests."
        )
        return Failure(Kind.INVALID_REQUEST, text, "input")
    if not takes_pictures and request.texts is None:
        return Failure(Kind.INVALID_REQUEST, f"{provider} makes embeddings of text only with this model.", "input")
    return request


def read(body: Body) -> EmbeddingRequest | Failure:
    """Read a caller's body."""
    try:
        values = {name: body.value(name) for name in body if name != "model"}
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    inputs = _inputs(values.get("input"))
    if isinstance(inputs, Failure):
        return inputs
    form, dimensions = values.get("encoding_format"), values.get("dimensions")
    if form not in (None, "float", "base64"):
        return invalid("encoding_format", "float or base64")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        return invalid("dimensions", "a whole number above 0")
    named = next((name for name in _TASKS if isinstance(values.get(name), str)), None)
    others = {name: value for name, value in values.items() if name not in _OWN and name != named and value is not None}
    return EmbeddingRequest(inputs, form == "base64", dimensions, values[named] if named else None, others)


def _inputs(value: Any) -> list[str | Image] | Failure:
    items = value if isinstance(value, list) else [value]
    if not items or len(items) > MOST_INPUTS:
        return invalid("input", f"a text, or a list of 1 to {MOST_INPUTS} texts")
    inputs: list[str | Image] = []
    for position, item in enumerate(items):
        read_item = _input(item)
        if read_item is None:
            where = f"input[{position}]" if isinstance(value, list) else "input"
            return invalid(where, "a text, or an object with text or image (a data URL); this provider takes no tokens")
        inputs.append(read_item)
    return inputs


def _input(item: Any) -> str | Image | None:
    if isinstance(item, dict):
        image = item.get("image", item.get("image_url"))
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str):
            head, comma, data = url.partition(";base64,")
            return Image(head.removeprefix("data:"), data) if comma and head.startswith("data:") and data else None
        item = item.get("text")
    return item if isinstance(item, str) and item else None
