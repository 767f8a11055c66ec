"""The form of the answer that a caller of Gemini asks for: JSON, perhaps by a schema in one of Google's three forms.

``responseFormat`` is the newest, with an object for each medium; the others are ``responseSchema`` and
``responseJsonSchema`` beside ``responseMimeType``. Source: Gemini API reference, "GenerationConfig".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from penstock.core.body import Body, BodyError
from penstock.core.chat import Format
from penstock.dialects.gemini.caller.schema import json_schema
from penstock.dialects.gemini.spelling import in_json_spelling
from penstock.dialects.malformed import Malformed, text_in

_CONFIG: Final = "generationConfig"
_FORMAT: Final = "responseFormat"
_PLAIN_TEXT: Final = frozenset({"", "text/plain"})


def read_format(body: Body) -> tuple[Format | None, dict[str, Any]]:
    """The form of text, None for plain text; and what is said of pictures, sound and video, by its place, for which no
    other wire has words. Raises Malformed."""
    if body.is_null(_CONFIG):
        return None, {}
    config = in_json_spelling(Body.parse(body.raw(_CONFIG) or b""))
    mime, schema = config.value("responseMimeType"), _schema(config, ("responseJsonSchema", "responseSchema"), _CONFIG)
    if not isinstance(mime, str | None):
        raise Malformed(f"{_CONFIG}.responseMimeType", "a string")
    others: dict[str, Any] = {}
    for form, path in _formats(config):
        others |= {f"{path}.{medium}": form.value(medium) for medium in form if medium != "text"}
        if not form.is_null("text"):
            text = _object(form, "text", f"{path}.text")
            schema = schema or _schema(text, ("schema",), f"{path}.text")
            mime = mime or _media_type(text.value("mimeType"))
    if schema:
        return Format("json_schema", schema=json_schema(schema)), others
    return None if mime is None or mime in _PLAIN_TEXT else Format("json_object"), others


def _formats(config: Body) -> Iterator[tuple[Body, str]]:
    """The elements of ``responseFormat`` with their paths. One alone may stand without a list."""
    path = f"{_CONFIG}.{_FORMAT}"
    if config.is_null(_FORMAT):
        return
    if not config.is_array(_FORMAT):
        yield _object(config, _FORMAT, path), path
        return
    try:
        elements = config.objects(_FORMAT)
    except BodyError:
        raise Malformed(path, "an array of objects") from None
    yield from ((in_json_spelling(element), f"{path}[{place}]") for place, element in enumerate(elements))


def _object(body: Body, name: str, path: str) -> Body:
    try:
        return in_json_spelling(Body.parse(body.raw(name) or b""))
    except BodyError:
        raise Malformed(path, "an object") from None


def _schema(body: Body, names: Iterable[str], path: str) -> bytes:
    """The first schema of these members with its own bytes; empty without one."""
    for name in names:
        if not body.is_null(name):
            if not isinstance(body.value(name), dict):
                raise Malformed(f"{path}.{name}", "an object")
            return body.raw(name) or b""
    return b""


def _media_type(value: Any) -> str:
    """A media type, which some clients write as a constant: ``APPLICATION_JSON``."""
    return text_in(value).lower().replace("_", "/", 1)
