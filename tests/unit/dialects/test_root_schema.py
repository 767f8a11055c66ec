"""Combinators at a schema's root are merged into it and told in words."""

import json
from typing import Any

import pytest

from penstock.dialects.root_schema import plain_root

A, B = {"a": {"type": "string"}}, {"b": {"type": "number"}}


@pytest.mark.parametrize(
    ("schema", "properties", "required"),
    [
        ({"anyOf": [{"properties": A, "required": ["a"]}, {"properties": B, "required": ["b"]}]}, A | B, None),
        (
            {"oneOf": [{"properties": A, "required": ["a"]}, {"properties": A | B, "required": ["a", "b"]}]},
            A | B,
            ["a"],
        ),
        ({"allOf": [{"properties": A, "required": ["a"]}, {"properties": B, "required": ["b"]}]}, A | B, ["a", "b"]),
        ({"allOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": {"properties": A, "required": ["a"]}}}, A, ["a"]),
        ({"anyOf": [True, {"properties": B}]}, B, None),
    ],
)
def test_the_branches_become_the_root(schema: dict[str, Any], properties: Any, required: Any) -> None:
    found = plain_root(json.dumps(schema).encode())
    root = json.loads(found.data)
    assert root["type"] == "object"
    assert root["properties"] == properties
    assert root.get("required") == required
    assert not root.keys() & {"anyOf", "oneOf", "allOf"}
    assert found.lost == tuple(name for name in schema if name.endswith("Of"))
    assert found.described("D").startswith("D\n\nThe arguments also match")


def test_a_root_that_may_be_null_is_an_object() -> None:
    found = plain_root(b'{"type":["object","null"],"properties":{}}')
    assert json.loads(found.data)["type"] == "object"
    assert (found.lost, found.described("D")) == ((), "D")


@pytest.mark.parametrize(
    "data", [b'{"type":"object","properties":{"x":{"anyOf":[]}}}', b"{}", b'["anyOf"]', b'{"anyOf']
)
def test_a_plain_root_keeps_its_bytes(data: bytes) -> None:
    assert plain_root(data).data == data
