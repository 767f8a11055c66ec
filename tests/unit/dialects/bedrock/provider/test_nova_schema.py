"""A function's parameters as Nova takes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from converse_requests import written
from matrix import (
    ask,
)
from penstock.dialects.bedrock.provider.nova_schema import nova_schema
from penstock.traits import resolve

SPOT = {"type": "object", "properties": {"x": {"type": "number"}}}


@pytest.mark.parametrize(
    ("schema", "told_as", "lost"),
    [
        ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}, ()),
        (
            {"$schema": "x", "title": "T", "additionalProperties": False, **SPOT, "minProperties": 1},
            SPOT,
            ("minProperties",),
        ),
        (
            {"type": "object", "properties": {"at": {"$ref": "#/$defs/p", "description": "d"}}, "$defs": {"p": SPOT}},
            {"type": "object", "properties": {"at": {**SPOT, "description": "d"}}},
            (),
        ),
        (
            {"type": "object", "properties": {"at": {"$ref": "#/$defs/none"}, "all": [{"$ref": 7}]}, "definitions": 1},
            {"type": "object", "properties": {"at": {}, "all": [{}]}},
            (),
        ),
    ],
)
def test_nova_knows_three_members_of_a_schema(schema: Any, told_as: Any, lost: tuple[str, ...]) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    body, dropped = written(ask(tools=[tool]), resolve("amazon.nova-pro-v1:0", "bedrock"))
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == told_as
    assert dropped == tuple(f"tools[0].function.parameters.{name}" for name in lost)


def test_a_definition_within_itself_ends_somewhere() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    found = nova_schema(json.dumps({**node, "$defs": {"node": node}}).encode())
    assert json.dumps(json.loads(found.data)).count("next") == 5
    wide = {"type": "object", "properties": {str(n): {"$ref": "#/$defs/a"} for n in range(60)}}
    many = {
        name: {"properties": {str(n): {"$ref": f"#/$defs/{to}"} for n in range(60)}} for name, to in ("ab", "bc", "ca")
    }
    assert len(nova_schema(json.dumps({**wide, "$defs": many}).encode()).data) < 1_000_000
