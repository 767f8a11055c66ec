"""Google's schemas as JSON Schema: types in lower case, ``nullable`` as a type, numbers that came as text as numbers.

Clients write types in capitals in either of Google's two forms. A schema that deviates in nothing keeps its bytes.
Sources: Gemini API reference, "Schema"; JSON Schema 2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.core.json_text import read_json, write_json
from penstock.core.lru import Lru

_TYPES: Final = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_DEVIATES: Final = re.compile(
    rb'"(?:STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|OBJECT|NULL|TYPE_UNSPECIFIED|nullable|propertyOrdering|property_ordering|'
    rb"any_of|(?:min|max)_?(?:Items|Length|Properties|items|length|properties)|prefix_items|additional_properties"
    rb')"'
)
_NAMES: Final[Mapping[str, str]] = {
    "any_of": "anyOf",
    "prefix_items": "prefixItems",
    "additional_properties": "additionalProperties",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
}
_LEFT_OUT: Final = frozenset({"nullable", "propertyOrdering", "property_ordering"})
_NUMBERS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
"""Numbers of 64 bits, which protocol buffers write as text."""
_OF_SCHEMAS: Final = frozenset({"properties", "$defs", "defs", "definitions", "patternProperties"})
_LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONE: Final = frozenset({"items", "additionalProperties", "not"})

_REMEMBERED: Final = 4 << 20
_known: Final[Lru[bytes, bytes]] = Lru(_REMEMBERED)
"""By bytes: agents send the same tools with every request."""


def json_schema(data: bytes) -> bytes:
    """The schema in JSON Schema's words."""
    if _DEVIATES.search(data) is None:
        return data
    found = _known.get(data)
    if found is None:
        try:
            found = write_json(_schema(read_json(data)))
        except (ValueError, RecursionError):  # nested deeper than can be followed
            found = data
        _known.put(data, found, len(data) + len(found))
    return found


def _schema(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for spelling, each in value.items():
        name = _NAMES.get(spelling, spelling)
        if name not in _LEFT_OUT:
            found[name] = _READERS.get(name, _as_it_is)(each)
    if found.get("type") == "TYPE_UNSPECIFIED":
        del found["type"]
    return _nullable(found) if value.get("nullable") is True else found


def _as_it_is(value: Any) -> Any:
    return value


def _type(value: Any) -> Any:
    if isinstance(value, list):
        return [_type(each) for each in value]
    return value.lower() if isinstance(value, str) and value in _TYPES else value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else value


def _schemas(value: Any) -> Any:
    return {name: _schema(each) for name, each in value.items()} if isinstance(value, dict) else value


def _list(value: Any) -> Any:
    return [_schema(each) for each in value] if isinstance(value, list) else value


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "type": _type,
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_OF_SCHEMAS, _schemas),
    **dict.fromkeys(_LISTS, _list),
    **dict.fromkeys(_ONE, _schema),
}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that takes null, too."""
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        with_null = {**schema, "type": [kind, "null"]}
        values = schema.get("enum")
        return {**with_null, "enum": [*values, None]} if isinstance(values, list) and None not in values else with_null
    choices = schema.get("anyOf")
    if isinstance(choices, list) and kind is None:
        return {**schema, "anyOf": [*choices, {"type": "null"}]}
    return schema
