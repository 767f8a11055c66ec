"""Schemas in the part of JSON Schema that Anthropic and Bedrock enforce."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.strict_schema import strict_schema

CLOSED = {"additionalProperties": False}


def fitted(schema: Any) -> tuple[Any, tuple[str, ...]]:
    found = strict_schema(json.dumps(schema).encode())
    return json.loads(found.data), found.lost


@pytest.mark.parametrize(
    "schema",
    [
        b'{"type": "string" }',
        b'{"type":"object","properties":{"n":{"type":"number","const":1.10}},"additionalProperties":false}',
        b'{"type":"string","format":"date-time","pattern":"^a+$"}',
        b'{"type":"array","items":{"type":"string"},"minItems":1,"uniqueItems":false}',
        b'{"anyOf":[{"type":"null"},{"$ref":"#/$defs/a"}],"$defs":{"a":{"enum":[1,"a",null]}}}',
        b'{"type":"object","additionalProperties":{"type":"string"}}',
        b'{"type":"object","additionalProperties":true}',
        b"true",
        b"[1",
        b'{"items":' * 100_000 + b"{}" + b"}" * 100_000,
    ],
)
def test_what_fits_or_can_not_be_made_to_keeps_its_bytes(schema: bytes) -> None:
    found = strict_schema(schema)
    assert (found.data, found.lost) == (schema, ())


@pytest.mark.parametrize(
    ("schema", "wanted", "lost"),
    [
        ({"type": "object"}, {"type": "object", **CLOSED}, ()),
        (
            {"type": "object", "properties": {"any": {"type": "object"}}, **CLOSED},
            {"type": "object", "properties": {"any": {"type": "object", **CLOSED}}, **CLOSED},
            ("additionalProperties",),
        ),
        (
            {"type": ["object", "null"], "properties": {"a": {}}, "additionalProperties": True},
            {"type": ["object", "null"], "properties": {"a": {}}, **CLOSED},
            ("additionalProperties",),
        ),
        (
            {"type": "integer", "minimum": 0, "exclusiveMaximum": 10},
            {"type": "integer", "description": "minimum: 0, exclusiveMaximum: 10"},
            ("minimum", "exclusiveMaximum"),
        ),
        (
            {"type": "string", "description": "A name", "maxLength": 5},
            {"type": "string", "description": "A name (maxLength: 5)"},
            ("maxLength",),
        ),
        (
            {"type": "array", "items": {"type": "string", "format": "uri-reference"}, "minItems": 2},
            {
                "type": "array",
                "items": {"type": "string", "description": 'format: "uri-reference"'},
                "description": "minItems: 2",
            },
            ("minItems", "format"),
        ),
        ({"oneOf": [{"type": "null"}, {"type": "string"}]}, {"anyOf": [{"type": "null"}, {"type": "string"}]}, ()),
    ],
)
def test_what_does_not_fit_is_told_in_words(schema: Any, wanted: Any, lost: tuple[str, ...]) -> None:
    assert fitted(schema) == (wanted, lost)


def test_members_may_be_called_like_keywords() -> None:
    schema = {"type": "object", "properties": {"minimum": {"type": "string"}, "type": {"maximum": 3}}, **CLOSED}
    members = {"minimum": {"type": "string"}, "type": {"description": "maximum: 3"}}
    assert fitted(schema) == ({**schema, "properties": members}, ("maximum",))


KEYWORDS = st.sampled_from(["type", "items", "properties", "anyOf", "oneOf", "$defs", "minimum", "format", "minItems"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["object", "array"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=30,
)


@given(VALUES)
def test_any_json_is_fitted_once_and_for_all(value: Any) -> None:
    once = strict_schema(json.dumps(value).encode())
    twice = strict_schema(once.data)
    assert (twice.data, twice.lost) == (once.data, ())
