"""Google's schemas as JSON Schema."""

import json
from typing import Any

import pytest

from penstock.dialects.gemini.caller.schema import json_schema


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"any_of": [{"type": "NUMBER"}], "nullable": True}, {"anyOf": [{"type": "number"}, {"type": "null"}]}),
        ({"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "2"}, {"type": "array", "items": {"type": "integer"}, "minItems": 2}),
        (
            {"type": "OBJECT", "properties": {"nullable": {"type": "BOOLEAN"}}, "propertyOrdering": ["nullable"]},
            {"type": "object", "properties": {"nullable": {"type": "boolean"}}},
        ),
        ({"type": "TYPE_UNSPECIFIED", "additional_properties": {"type": "OBJECT"}}, {"additionalProperties": {"type": "object"}}),
    ],
)  # fmt: skip
def test_googles_words_become_those_of_json_schema(given: Any, expected: Any) -> None:
    assert json.loads(json_schema(json.dumps(given).encode())) == expected


def test_a_schema_that_deviates_in_nothing_keeps_its_bytes() -> None:
    schema = b'{ "type": "object",  "properties": {"a": {"type": ["string", "null"]}} }'
    assert json_schema(schema) is schema
    assert json_schema(b'{"const": "STRING", "type": "string"}') == b'{"const":"STRING","type":"string"}'
    assert json_schema(b'"STRING"') == b'"STRING"'
