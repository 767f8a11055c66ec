"""Members of a body: both spellings, three states, all problems at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.control import members as module
from penstock.control.members import (
    VALUE,
    Fields,
    Members,
    in_snake_case,
    is_plain,
    query_values,
    refuse_repeated,
    respelled,
)
from penstock.control.refusal import MOST_PROBLEMS, Refusal

FIELDS = Fields(
    name=VALUE, is_default=VALUE, expires_at=VALUE, periodic_reset_days=VALUE, labels=VALUE, opaque_value=VALUE,
    inner=Fields(config_id=VALUE), many=Fields(value_key=VALUE),
)  # fmt: skip


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@given(st.sampled_from(sorted(FIELDS)), st.booleans())
def test_each_field_is_read_in_both_spellings(name: str, is_camel: bool) -> None:
    members = Members({camel(name) if is_camel else name: "x"}, FIELDS)
    assert members.values == {name: "x"}
    members.finish()


def test_inner_fields_and_opaque_values() -> None:
    body = {"inner": {"configId": "c"}, "many": [{"valueKey": 1}, {"value_key": 2}], "opaqueValue": {"aB": {"cD": 1}}}
    members = Members(body, FIELDS)
    inner, many = members.inner("inner"), members.items("many")
    assert inner is not None
    assert many is not None
    assert inner.text("config_id") == "c"
    assert [each.values["value_key"] for each in many] == [1, 2]
    assert members.values["opaque_value"] == {"aB": {"cD": 1}}
    members.finish()


def test_an_unknown_member_is_told_with_the_nearest_one() -> None:
    members = Members({"nmae": 1, "inner": {"confid": 2}, "id": 3, "sub-type": 4}, FIELDS)
    members.inner("inner")
    assert [(each.pointer, "did you mean" in each.text) for each in members.problems] == [
        ("/nmae", True),
        ("/inner/confid", True),
    ]
    with pytest.raises(Refusal, match="2 problems"):
        members.finish()


def test_two_entries_for_one_thing_are_a_problem() -> None:
    members = Members(
        {"many": [{"value_key": "a"}, {"valueKey": "b"}, {"value_key": "a"}, {"value_key": ["a"]}, {}]}, FIELDS
    )
    refuse_repeated(members.items("many") or [], "value_key")
    assert [each.pointer for each in members.problems] == ["/many/2/value_key"]


def test_two_spellings_with_two_values_are_a_problem() -> None:
    assert Members({"isDefault": 1, "is_default": 0}, FIELDS).problems
    assert not Members({"isDefault": 1, "is_default": 1}, FIELDS).problems


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_remark_is_cleared_by_null_and_by_an_empty_text(empty: str | None) -> None:
    members = Members({"name": empty, "labels": 1}, FIELDS)
    assert (members.remark("name"), members.remark("expires_at"), members.problems) == ("", "", [])
    assert (members.remark("labels"), members.problems[0].pointer) == ("", "/labels")


def test_absent_null_and_a_value() -> None:
    members = Members({"name": None, "labels": {"a": 1, "b": True}}, FIELDS)
    assert members.has("name")
    assert not members.has("expires_at")
    assert members.text("name") is None
    assert members.labels("labels", 5, 9) == {"a": "1", "b": "true"}
    assert not members.problems


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda members: members.text("name"), ""),
        (lambda members: members.text("name"), " "),
        (lambda members: members.text("name"), "\x00"),
        (lambda members: members.text("name"), "\ud800"),
        (lambda members: members.text("name"), 5),
        (lambda members: members.switch("name"), 2),
        (lambda members: members.switch("name"), "true"),
        (lambda members: members.whole("name", 0, 9), 10),
        (lambda members: members.whole("name", 0, 9), True),
        (lambda members: members.whole("name", 0, 9), 1.5),
        (lambda members: members.choice("name", ("a", "b")), "c"),
        (lambda members: members.timestamp("name"), 5),
        (lambda members: members.timestamp("name"), "soon"),
        (lambda members: members.texts("name"), "a"),
        (lambda members: members.texts("name"), [1]),
        (lambda members: members.texts("name"), [""]),
        (lambda members: members.texts("name"), ["\ud800"]),
        (lambda members: members.texts("name"), ["\x00"]),
        (lambda members: members.labels("name", 1, 9), {"a": "\ud800"}),
        (lambda members: members.labels("name", 1, 9), {"\x00": "a"}),
        (lambda members: members.labels("name", 1, 9), {"a": "b", "c": "d"}),
        (lambda members: members.labels("name", 9, 3), {"a": "long"}),
        (lambda members: members.labels("name", 9, 3), {"": "x"}),
        (lambda members: members.labels("name", 9, 3), {"a": None}),
        (lambda members: members.items("many"), 1),
        (lambda members: members.require("name"), None),
    ],
)
def test_values_of_another_kind_are_problems(read: Any, value: object) -> None:
    members = Members({"name": value, "many": value}, FIELDS)
    read(members)
    assert len(members.problems) == 1


def test_what_is_no_object_is_a_problem() -> None:
    assert [each.text for each in Members([1], FIELDS).problems] == ["expected an object"]


def test_a_pointer_is_escaped() -> None:
    assert Members({}, FIELDS, "/x").at("a/b~c") == "/x/a~1b~0c"


def test_names_of_queries_and_of_inner_objects() -> None:
    assert in_snake_case("periodicResetDays") == "periodic_reset_days"
    assert query_values([("pageSize", "5"), ("workspace_id", "NOT_GIVEN"), ("x", "")]) == {"page_size": "5"}
    assert respelled([{"creditLimit": {"aB": 1}}]) == [{"credit_limit": {"a_b": 1}}]
    assert is_plain("é🐴")


def test_very_many_unknown_members_are_not_all_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body has room for 200,000, and each is compared with all known ones. Look-ups are counted, not timed."""
    words: list[str] = []

    def counted(word: str, *_: object) -> str:
        words.append(word)
        return ""

    monkeypatch.setattr(module, "hint", counted)
    with pytest.raises(Refusal, match="problems or more"):
        Members({f"zq{index}": 1 for index in range(10_000)}, FIELDS)
    assert len(words) == MOST_PROBLEMS
