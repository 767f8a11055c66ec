"""One definition: what its members are, where its problems stand, and which names there may be."""

from __future__ import annotations

from penstock.stores.definition import Definition, name_problem


def test_members_of_the_right_type() -> None:
    problems: list[str] = []
    definition = Definition("keys", "a", {"text": "t", "switch": False, "texts": ["a", "b"]}, problems)
    assert (definition.text("text"), definition.text("none")) == ("t", None)
    assert (definition.switch("switch", default=True), definition.switch("none", default=True)) == (False, True)
    assert (definition.texts("texts"), definition.texts("none")) == (("a", "b"), None)
    assert problems == []


def test_a_member_of_another_type_is_a_problem_and_a_value_in_its_place() -> None:
    problems: list[str] = []
    definition = Definition("keys", "a", {"text": "", "switch": 1, "texts": ["a", 2]}, problems, "in the request")
    assert (definition.text("text"), definition.switch("switch", default=True)) == (None, True)
    assert definition.texts("texts") is None
    definition.below("limits", "daily", {}).complain("too small")
    assert problems == [
        "keys.a.text in the request: expected text",
        "keys.a.switch in the request: expected true or false",
        "keys.a.texts in the request: expected a list of texts",
        "keys.a.limits.daily in the request: too small",
    ]


def test_names() -> None:
    assert name_problem("team-a.b_c") is None
    assert name_problem("-a") == (
        "a name has letters, digits, dots, dashes and underscores, and begins with a letter or digit"
    )
