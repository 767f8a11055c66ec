"""References, recursion and what is known of a schema without a type."""

from typing import Any

import pytest

from gemini_schemas import INTEGER, NULL, STRING, holding, told, translated
from matrix import WEATHER
from penstock.dialects.gemini.provider.schema import GoogleSchema, google_schema


def test_references_are_resolved() -> None:
    schema = {
        **holding({"$ref": "#/$defs/Pet", "description": "mine"}),
        "$defs": {"Pet": {"type": "object", "description": "theirs", "properties": {"kind": {"$ref": "#/$defs/a~1b%20c"}}},
                  "a/b c": {"enum": ["cat", "dog"]}},
    }  # fmt: skip
    pet = {"type": "object", "description": "mine", "properties": {"kind": {**STRING, "enum": ["cat", "dog"]}}}
    assert told(translated(schema)) == holding(pet)
    other = {"type": "object", "properties": {"h": holding(STRING), "l": {"items": {"$ref": "#/properties/h"}}}}
    assert told(translated(other))["properties"]["l"] == {"type": "array", "items": holding(STRING)}
    listed = {"type": "object", "properties": {"a": {"$ref": "#/anyOf/1"}}, "anyOf": [INTEGER, STRING]}
    assert told(translated(listed))["properties"] == {"a": STRING}


@pytest.mark.parametrize("place", ["/anyOf/2", "/anyOf/x", f"/anyOf/{'9' * 5000}", "/title/0", "anyOf"])
def test_a_reference_that_leads_nowhere_asks_for_nothing(place: str) -> None:
    schema = {"type": "object", "title": "t", "properties": {"a": {"$ref": f"#{place}"}}, "anyOf": [INTEGER, STRING]}
    assert translated(schema).lost == ("$ref",)


def test_recursion_goes_on_for_some_levels() -> None:
    node = {
        "type": "object",
        "properties": {
            "value": STRING,
            "next": {"anyOf": [{"$ref": "#/$defs/Node"}, NULL]},
            "more": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        },
        "required": ["value"],
    }
    found = translated({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert (found.is_json_schema, found.lost) == (False, ("$ref",))
    level, levels = told(found), 1
    while "next" in level["properties"]:
        assert level["properties"]["more"]["items"]["properties"]["value"] == STRING
        level, levels = level["properties"]["next"], levels + 1
    assert levels == 4
    assert level["properties"] == {"value": STRING}


def test_recursion_that_cannot_be_left_out_ends_in_anything() -> None:
    found = translated({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]})
    level = told(found)
    while level:
        level = level["properties"]["next"]
    assert (found.is_json_schema, found.lost) == (True, ("$ref",))


def test_references_that_multiply_come_to_an_end() -> None:
    doubling = {
        f"d{n}": {"type": "object", "properties": {k: {"$ref": f"#/$defs/d{n + 1}"} for k in "ab"}} for n in range(40)
    }
    found = translated({"$ref": "#/$defs/d0", "$defs": {**doubling, "d40": STRING}})
    assert len(found.data) < 1_000_000
    assert found.lost == ("$ref",)
    merged = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(40)}
    assert translated({"$ref": "#/$defs/d0", "$defs": {**merged, "d40": STRING}}).lost == ("$ref",)
    assert translated({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}).lost == ("$ref",)


@pytest.mark.parametrize(
    "nothing", [{}, {"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": False}]
)
def test_an_object_without_members_is_known(nothing: Any) -> None:
    assert translated(nothing).takes_nothing


@pytest.mark.parametrize(
    "something", [WEATHER["function"]["parameters"], {"type": "object", "additionalProperties": True}, STRING, True]
)
def test_what_takes_something_is_known(something: Any) -> None:
    assert not translated(something).takes_nothing


def test_nesting_beyond_reach_is_passed_on_as_it_is() -> None:
    deep = b'{"items":' * 3000 + b"{}" + b"}" * 3000
    assert google_schema(deep) == GoogleSchema(deep, is_json_schema=True)
