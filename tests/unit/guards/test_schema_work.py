"""How often a schema's parts are applied, told without applying them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from penstock.guards.schema_work import DEEPEST, LARGEST, SchemaWork, extent

TREE: dict[str, Any] = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "value": {"type": "integer"}}}
LIST: dict[str, Any] = {"$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"}


def two_ways(key: str) -> dict[str, Any]:
    """A schema that comes back to itself by two ways at each level."""
    again = {"properties": {"a": {"$ref": "#/$defs/a~1b%20c"}}}
    return {"$defs": {"a/b c": {key: [again, again]}}, "$ref": "#/$defs/a~1b%20c"}


def chain(length: int) -> dict[str, Any]:
    """Definitions of which each is applied twice as often as the one before."""
    parts: dict[str, Any] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(length)}
    return {"$defs": parts, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize("schema", [TREE, LIST])
def test_one_way_down_takes_steps_in_proportion(schema: dict[str, Any]) -> None:
    work = SchemaWork(schema)
    steps = [work.times(depth) for depth in range(DEEPEST + 1)]
    assert {after - before for before, after in itertools.pairwise(steps)} == {steps[2] - steps[1]}
    assert steps[2] - steps[1] <= 2


@pytest.mark.parametrize("key", ["anyOf", "oneOf", "allOf"])
def test_two_ways_double_at_each_level(key: str) -> None:
    work = SchemaWork(two_ways(key))
    assert work.times(12) > 1.9 * work.times(11) > 3.6 * work.times(10)
    assert work.times(DEEPEST) == LARGEST


def test_a_chain_of_definitions_doubles() -> None:
    assert SchemaWork(chain(30)).times(0) > 2**30
    assert SchemaWork(chain(2000)).times(0) == LARGEST


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"$anchor": "here", "not": {"$ref": "#here"}}}, "$ref": "#here"},
        {"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}]},
        {"anyOf": [{"$ref": "elsewhere"}]},
        {"$ref": "#/no/such/part"},
        {"anyOf": [{}, {"$ref": "#/anyOf/2"}]},
        {"anyOf": [{"$ref": f"#/anyOf/{'9' * 5000}"}]},
    ],
)
def test_what_never_ends_is_as_much_as_can_be(schema: dict[str, Any]) -> None:
    assert SchemaWork(schema).times(1) >= LARGEST


def doubling(reference: str, **more: Any) -> dict[str, Any]:
    """A part that comes back to itself by two ways, by one reference."""
    return {**more, "anyOf": [{"items": {"$ref": reference}, "minItems": 9}, {"items": {"$ref": reference}}]}


@pytest.mark.parametrize(
    "parts",
    [
        {"h": doubling("heavy", **{"$id": "http://x/heavy"})},
        {"h": doubling("../y/hea%76y", **{"$id": "http://x/y/heavy"}), "other": {"$id": "heavy"}},
        {
            "a": {"$id": "http://x/heavy", "items": {"$ref": "#/$defs/q"}, "$defs": {"q": doubling("#/$defs/q")}},
            "q": {},
        },
        {"z": {"$id": "http://x/z", "$defs": {"y": {"$anchor": "a"}}}, "h": doubling("#a", **{"$anchor": "a"})},
        {"h": doubling("#a", **{"$anchor": "a"}), "z": {"$id": "http://x/z", "$defs": {"y": {"$anchor": "a"}}}},
        {"n": {"const": {"$id": "http://x/heavy"}}, "h": doubling("heavy", **{"$id": "http://x/heavy"})},
    ],
)
def test_of_parts_with_one_name_the_one_with_the_most_work_counts(parts: dict[str, Any]) -> None:
    """A validator resolves a reference from where it stands: what is light in one resource is heavy in another."""
    for reference in ("heavy", "#a"):
        work = SchemaWork({"$id": "http://x/root", "$defs": parts, "items": {"$ref": reference}})
        assert work.times(20) > 2**17


def test_a_schema_of_many_resources_is_not_reckoned_with() -> None:
    parts = [{"$id": f"http://x/{at}"} for at in range(200)]
    assert SchemaWork({"allOf": parts[:50]}).times(0) == 51
    assert SchemaWork({"allOf": parts}).times(0) == LARGEST


def test_all_applicators_count() -> None:
    inner: dict[str, Any] = {"allOf": [{}, {}]}
    for key in ("not", "if", "then", "else"):
        assert SchemaWork({key: inner}).times(0) == 4
    assert SchemaWork({"dependentSchemas": {"a": inner}}).times(0) == 4
    for key in ("items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems"):
        assert (SchemaWork({key: inner}).times(0), SchemaWork({key: inner}).times(1)) == (1, 4)
    assert SchemaWork({"properties": {"a": inner, "b": inner}}).times(1) == 4
    assert SchemaWork({"patternProperties": {"a": inner, "b": inner}}).times(1) == 7
    assert SchemaWork({"prefixItems": [inner, True], "items": [inner]}).times(1) == 4
    assert SchemaWork(True).times(5) == 1


def test_a_value_deeper_than_is_reckoned_with() -> None:
    assert SchemaWork({}).times(DEEPEST + 1) == LARGEST


@pytest.mark.parametrize(
    ("value", "expected"), [(1, (1, 0)), ([], (1, 0)), ({"a": [1, {"b": 2}]}, (5, 3)), ([[[]]], (3, 2))]
)
def test_the_extent_of_a_value(value: Any, expected: tuple[int, int]) -> None:
    assert extent(value) == expected
