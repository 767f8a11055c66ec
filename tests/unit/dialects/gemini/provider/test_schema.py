"""JSON schemas in Google's two forms: what each says, what is lost, and that nothing fails."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemini_schemas import INTEGER, NULL, STRING, holding, told, translated
from matrix import HUGE_SCHEMA, SCHEMA

NUMBER = {"type": "number"}


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (STRING, STRING),
        ({"type": "STRING"}, STRING),
        ({**STRING, "description": "d", "title": "t", "default": "x"}, {**STRING, "description": "d", "title": "t", "default": "x"}),
        ({**STRING, "minLength": 1, "maxLength": 9, "pattern": "^a"}, {**STRING, "minLength": 1, "maxLength": 9, "pattern": "^a"}),
        ({**STRING, "format": "date-time"}, {**STRING, "format": "date-time"}),
        ({**STRING, "enum": ["a", "b"]}, {**STRING, "enum": ["a", "b"]}),
        ({**INTEGER, "minimum": 1, "maximum": 3}, {**INTEGER, "minimum": 1, "maximum": 3}),
        ({"type": "array", "items": STRING, "minItems": 1}, {"type": "array", "items": STRING, "minItems": 1}),
        # Google calls it otherwise, or has one word for several.
        ({"const": "a"}, {**STRING, "enum": ["a"]}),
        ({"enum": ["a"]}, {**STRING, "enum": ["a"]}),
        ({**STRING, "enum": ["a", None]}, {**STRING, "enum": ["a"], "nullable": True}),
        ({"type": ["string", "null"]}, {**STRING, "nullable": True}),
        ({"type": ["string"]}, STRING),
        ({**STRING, "nullable": True}, {**STRING, "nullable": True}),
        ({"anyOf": [STRING, NULL]}, {**STRING, "nullable": True}),
        ({"oneOf": [NULL, STRING], "description": "d"}, {**STRING, "nullable": True, "description": "d"}),
        ({"anyOf": [{"anyOf": [STRING, NULL]}]}, {**STRING, "nullable": True}),
        ({"anyOf": [{"const": None}, STRING]}, {**STRING, "nullable": True}),
        ({"anyOf": [STRING, INTEGER]}, {"anyOf": [STRING, INTEGER]}),
        ({"oneOf": [STRING, INTEGER]}, {"anyOf": [STRING, INTEGER]}),
        # Nothing may stand beside anyOf: Vertex AI refuses it.
        ({"anyOf": [STRING, INTEGER, NULL], "description": "d"}, {"anyOf": [{**STRING, "description": "d", "nullable": True}, {**INTEGER, "description": "d", "nullable": True}]}),
        ({**INTEGER, "exclusiveMinimum": 0, "exclusiveMaximum": 10}, {**INTEGER, "minimum": 1, "maximum": 9}),
        ({**INTEGER, "exclusiveMinimum": 0, "minimum": 5}, {**INTEGER, "minimum": 5}),
        ({**INTEGER, "minimum": 0, "exclusiveMinimum": True}, {**INTEGER, "minimum": 1}),
        ({"properties": {"b": STRING}}, {"type": "object", "properties": {"b": STRING}}),
        ({"items": STRING}, {"type": "array", "items": STRING}),
        # What describes only, and what holds anyway.
        ({**STRING, "$comment": "c", "examples": ["x"], "readOnly": True, "x-order": 3}, STRING),
        ({"type": "array", "items": STRING, "uniqueItems": False}, {"type": "array", "items": STRING}),
        # allOf is one.
        ({"allOf": [STRING], "description": "d"}, {**STRING, "description": "d"}),
        (
            {"allOf": [{"properties": {"x": STRING}, "required": ["x"]}, {"properties": {"y": INTEGER}, "required": ["y"]}]},
            {"type": "object", "properties": {"x": STRING, "y": INTEGER}, "required": ["x", "y"]},
        ),
        (
            {"allOf": [{"properties": {"x": {"description": "d"}}}, {"properties": {"x": STRING}}]},
            {"type": "object", "properties": {"x": {**STRING, "description": "d"}}},
        ),
    ],
    ids=str,
)  # fmt: skip
def test_the_older_form_says_it(member: Any, expected: Any) -> None:
    found = translated(holding(member))
    assert (told(found), found.is_json_schema, found.lost) == (holding(expected), False, ())


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ({"type": "object"}, {"type": "object"}),
        ({"type": "object", "additionalProperties": STRING}, {"type": "object", "additionalProperties": STRING}),
        ({"type": "object", "additionalProperties": {}}, {"type": "object", "additionalProperties": True}),
        ({"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": False}),
        ({"type": "array"}, {"type": "array"}),
        ({"type": "array", "items": {}}, {"type": "array", "items": {}}),
        ({"type": "array", "prefixItems": [STRING, INTEGER]}, {"type": "array", "prefixItems": [STRING, INTEGER]}),
        ({"type": "array", "items": [STRING, INTEGER]}, {"type": "array", "prefixItems": [STRING, INTEGER]}),
        ({"type": ["string", "integer"]}, {"type": ["string", "integer"]}),
        ({"type": ["string", "integer", "null"]}, {"type": ["string", "integer", "null"]}),
        ({**STRING, "format": "uuid"}, {**STRING, "format": "uuid"}),
        ({**STRING, "format": "uuid", "nullable": True}, {"type": ["string", "null"], "format": "uuid"}),
        ({"anyOf": [{**STRING, "format": "uri"}, INTEGER, NULL]}, {"anyOf": [{**STRING, "format": "uri"}, INTEGER, NULL]}),
        ({**INTEGER, "enum": [1, 2]}, {**INTEGER, "enum": [1, 2]}),
        ({**INTEGER, "enum": [1, None]}, {"anyOf": [{**INTEGER, "enum": [1]}, NULL]}),
        ({"const": 3}, {"enum": [3]}),
        ({"enum": ["a", ""]}, {**STRING, "enum": ["a", ""]}),
        (NULL, NULL),
        ({"enum": ["a", 1]}, {"enum": ["a", 1]}),
        ({"nullable": True, "description": "d"}, {"description": "d"}),
        ({}, {}),
        (True, {}),
        ({"type": "object", "properties": {"x": STRING}, "anyOf": [{"required": ["x"]}, {"minProperties": 2}]}, None),
    ],
    ids=str,
)  # fmt: skip
def test_the_newer_form_says_what_the_older_cannot(member: Any, expected: Any) -> None:
    found = translated(holding(member))
    assert found.is_json_schema
    if expected is not None:
        assert (told(found), found.lost) == (holding(expected), ())


@pytest.mark.parametrize(
    ("member", "lost"),
    [
        ({"type": "array", "items": STRING, "uniqueItems": True}, ("uniqueItems",)),
        ({**NUMBER, "multipleOf": 0.5}, ("multipleOf",)),
        ({**NUMBER, "exclusiveMinimum": 0}, ("exclusiveMinimum",)),
        ({**INTEGER, "exclusiveMinimum": float("inf")}, ()),
        ({**INTEGER, "exclusiveMinimum": 10**400, "format": ["x"], "minItems": True, "title": 3}, ()),
        ({**STRING, "not": {"const": "a"}}, ("not",)),
        ({"type": "object", "patternProperties": {"^x": STRING}}, ("patternProperties",)),
        ({**STRING, "format": "uuid", "pattern": "^a"}, ("pattern",)),
        ({**holding(STRING), "required": ["a", "z"]}, ("required",)),
        ({"allOf": [STRING, INTEGER]}, ("allOf",)),
        ({"anyOf": [STRING, INTEGER], "oneOf": [STRING, NUMBER]}, ("oneOf",)),
        ({"$ref": "#/nowhere"}, ("$ref",)),
        ({"$ref": "https://example.com/schema"}, ("$ref",)),
        ({"$ref": "#anchor"}, ("$ref",)),
        ({"enum": [True]}, ("enum",)),
        (False, ("false",)),
    ],
    ids=str,
)
def test_what_restricts_and_cannot_be_said_is_told(member: Any, lost: tuple[str, ...]) -> None:
    assert translated(holding(member)).lost == lost


def test_additional_properties_and_the_like_are_taken_out() -> None:
    """docs/quirks.md#q54: the older form refuses a member that it doesn't know."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "x",
        **holding({**holding(STRING), "additionalProperties": False}),
        "additionalProperties": False,
    }
    found = translated(schema)
    assert (told(found), found.is_json_schema, found.lost) == (holding(holding(STRING)), False, ())


def test_the_order_of_members_is_said_where_it_is_asked_for() -> None:
    assert told(translated(SCHEMA, ordered=True)) == {
        "type": "object",
        "properties": {"answer": STRING, "score": {**NUMBER, "nullable": True}},
        "required": ["answer", "score"],
        "propertyOrdering": ["answer", "score"],
    }
    assert "propertyOrdering" not in told(translated(SCHEMA))
    given = {**SCHEMA, "propertyOrdering": ["score", "answer"]}
    assert told(translated(given, ordered=True))["propertyOrdering"] == ["score", "answer"]


def test_a_large_schema_passes_and_is_remembered() -> None:
    assert told(translated(HUGE_SCHEMA)) == HUGE_SCHEMA
    assert translated(HUGE_SCHEMA) is translated(HUGE_SCHEMA)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYWORDS = st.sampled_from(
    [
        *("type", "properties", "items", "anyOf", "oneOf", "allOf", "$ref", "$defs", "enum", "const", "required", "not"),
        *("additionalProperties", "prefixItems", "exclusiveMinimum", "minimum", "nullable", "format", "a", "description"),
    ]
)  # fmt: skip
VALUES = SCALARS | st.sampled_from(
    ["string", "object", "array", "null", "#", "#/a", "#/properties/a", ["string", "null"]]
)
SCHEMAS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner | st.dictionaries(st.sampled_from("ab"), inner, max_size=2), max_size=5), max_leaves=25
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(ANY_JSON | SCHEMAS)
def test_nothing_fails_and_the_older_form_has_only_known_members(schema: Any) -> None:
    found = translated(schema)
    value = told(found)
    if not found.is_json_schema:
        assert unknown_members(value) == set()


def unknown_members(schema: dict[str, Any]) -> set[str]:
    """Members that Google's reference of the older form doesn't have."""
    known = set(
        "type format title description nullable enum items maxItems minItems properties required minProperties maxProperties "
        "minLength maxLength pattern example anyOf propertyOrdering default minimum maximum".split()
    )
    found = schema.keys() - known
    inner = [
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", ()),
        *([schema["items"]] if "items" in schema else []),
    ]
    for each in inner:
        found |= unknown_members(each)
    return found
