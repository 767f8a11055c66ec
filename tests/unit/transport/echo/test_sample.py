"""Values made from JSON schemas: they fit, and they end."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal

import jsonschema_rs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.transport.echo.sample import sample

SCHEMA = {
    "$defs": {"P": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}},
    "type": "object",
    "properties": {
        "p": {"$ref": "#/$defs/P"}, "e": {"enum": ["x", "y"]}, "a": {"type": "array", "items": {"type": "boolean"}},
        "u": {"anyOf": [{"type": "null"}, {"type": "string"}]}, "s": {}, "c": {"const": 7}, "f": {"type": "number"},
        "d": {"type": "string", "format": "date"}, "l": {"type": ["string", "null"]}, "z": {"type": "null"},
    },
}  # fmt: skip


def test_samples_are_plain() -> None:
    assert sample(SCHEMA, "t") == {
        "p": {"n": 3}, "e": "x", "a": [True], "u": None, "s": "t", "c": 7, "f": 1.0, "d": "2026-01-31", "l": "t", "z": None,
    }  # fmt: skip
    assert sample({**SCHEMA, "required": ["e", "unknown"]}, "t") == {"e": "x", "unknown": "t"}


NAMED = {"properties": {"name": {"type": "string"}}, "required": ["name"]}
ENDS = st.integers(-50, 50)
NUMBERS = st.sampled_from(["integer", "number"]).flatmap(
    lambda kind: st.one_of(
        st.fixed_dictionaries({"type": st.just(kind)}, optional={"minimum": ENDS, "multipleOf": st.integers(1, 9)}),
        st.fixed_dictionaries({"type": st.just(kind)}, optional={"exclusiveMaximum": ENDS, "multipleOf": st.just(3)}),
        st.builds(
            lambda low, room: {"type": kind, "exclusiveMinimum": low, "maximum": low + room}, ENDS, st.integers(1, 9)
        ),
    )
)
STRINGS = st.builds(
    lambda least, room: {"type": "string", "minLength": least, "maxLength": least + room},
    st.integers(0, 90),
    st.integers(0, 90),
)
LEAVES = st.one_of(
    NUMBERS,
    STRINGS,
    st.sampled_from([{}, True, {"type": "boolean"}, {"type": "null"}, {"const": {"a": [1]}}, {"enum": ["x", 1, None]}]),
    st.sampled_from(["date", "date-time", "email", "ipv4", "ipv6", "uuid"]).map(
        lambda name: {"type": "string", "format": name}
    ),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least, "maxItems": least + 1},
            inner,
            st.integers(0, 3),
        ),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda items: {"type": "array", "prefixItems": items, "minItems": len(items)}
        ),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).flatmap(
            lambda members: st.sets(st.sampled_from("abcd")).map(
                lambda names: {"type": "object", "properties": members, "required": sorted(names)}
            )
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2).map(
            lambda members: {"allOf": [{"type": "object", "properties": members}, {"$ref": "#/$defs/Named"}]}
        ),
    ),
    max_leaves=8,
)


@given(SCHEMAS, st.text(max_size=300))
def test_samples_fit_their_schema(schema: Any, text: str) -> None:
    schema = {"$defs": {"Named": NAMED}, "allOf": [schema]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [error.message for error in validator.iter_errors(sample(schema, text))] == []


@pytest.mark.parametrize("detours", range(4))
def test_what_refers_to_itself_ends_where_it_may(detours: int) -> None:
    following: Any = {"$ref": "#"}
    for _ in range(detours):
        following = {"anyOf": [following]}
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "next": {"anyOf": [following, {"type": "null"}]}},
        "required": ["next", "n"],
    }
    value = sample(schema, "t")
    assert value["next"]["n"] == 1
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(value)


class Address(pydantic.BaseModel):
    street: str = pydantic.Field(max_length=4)
    since: date | None


class Friend(pydantic.BaseModel):
    homes: list[Address] | None
    kind: Literal["near", "far"]


class Person(pydantic.BaseModel):
    name: str
    ages: tuple[int, float]
    score: Annotated[float, pydantic.Field(gt=0, lt=1)]
    friends: list[Friend] | None
    parent: Person | None


def test_samples_fit_nested_models() -> None:
    person = Person.model_validate(sample(Person.model_json_schema(), "Ada Lovelace"))
    assert person.friends
    assert person.friends[0].homes == [Address(street="Ada ", since=date(2026, 1, 31))]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"again": {"$ref": "#"}}},
        {"properties": {name: {"$ref": "#"} for name in "abcdefghij"}},
        {"properties": {name: {"anyOf": [{"$ref": "#"}, {"type": "null"}]} for name in "abcdefghij"}, "required": list("abcdefghij")},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 16},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}], "required": ["a"]},
        {"type": "array", "minItems": 16, "items": {"type": "array", "minItems": 16, "items": {"const": "x" * 4000}}},
        {"$ref": "#"},
    ],
)  # fmt: skip
def test_samples_are_bounded_whatever_the_schema(schema: Any) -> None:
    assert len(json.dumps(sample(schema, "t" * 1000))) < 100_000
