"""Objects of a source, read so that no member is left out of the report."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.importers.report import Report
from penstock.importers.section import Section


def section(**values: Any) -> Section:
    return Section(values, "a", Report())


def test_members_are_read_by_their_type() -> None:
    read = section(text="x", number="2.5", whole=3.0, on="True", off=False, texts="one", items=[{}], inner={"b": 1})
    assert (read.text("text"), read.number("number"), read.number("whole")) == ("x", 2.5, 3)
    assert (read.switch("on"), read.switch("off"), read.texts("texts")) == (True, False, ["one"])
    assert [each.path for each in read.sections("items")] == ["a.items[0]"]
    assert read.section("inner").at("b") == "a.inner.b"
    assert [name for name, _ in section(x={"p": {}, "q": {}}).named_sections("x")] == ["p", "q"]
    assert read.report.lines == []


def test_absent_members_and_null_are_nothing() -> None:
    read = section(null=None)
    assert (read.text("null"), read.number("x"), read.switch("x"), read.texts("x")) == (None, None, None, [])
    assert list(read.sections("null")) == []
    assert read.section("null").values == {}
    read.finish()
    assert read.report.lines == []


@pytest.mark.parametrize(
    ("getter", "value", "line"),
    [
        ("text", 1, "✗ a.x: expected text"),
        ("text", "", "✗ a.x: expected text"),
        ("number", "many", "✗ a.x: expected a number"),
        ("number", -1, "✗ a.x: expected a number"),
        ("number", True, "✗ a.x: expected a number"),
        ("number", "inf", "✗ a.x: expected a number"),
        ("number", "nan", "✗ a.x: expected a number"),
        ("switch", 1, "✗ a.x: expected true or false"),
        ("texts", 1, "✗ a.x: expected a list of texts"),
        ("texts", ["a", 1], "✗ a.x[1]: expected text"),
        ("section", 1, "✗ a.x: expected an object"),
    ],
)
def test_another_type_is_told_of(getter: str, value: Any, line: str) -> None:
    read = section(x=value)
    getattr(read, getter)("x")
    assert [str(each) for each in read.report.lines] == [line]


def test_items_that_are_no_objects_are_told_of() -> None:
    read = section(x=[1], y=2)
    assert list(read.sections("x")) == list(read.sections("y")) == []
    assert [str(each) for each in read.report.lines] == [
        "✗ a.x[0]: expected an object",
        "✗ a.y: expected a list of objects",
    ]


def test_what_nobody_asked_for_is_told_of_at_the_end() -> None:
    read = section(met=1, quiet=2, gone=3, unknown=4)
    read.value("met")
    read.skip({"quiet": "needs nothing", "absent": "-"})
    read.lose({"gone": "is not built"}, needs_consent=True)
    read.finish()
    assert [str(each) for each in read.report.lines] == [
        "~ a.quiet: needs nothing",
        "✗ a.gone: is not built (!)",
        "✗ a.unknown: this importer doesn't know it",
    ]


def test_a_limit_that_is_no_number_needs_consent() -> None:
    read = section(rpm="many")
    assert read.number("rpm", needs_consent=True) is None
    assert read.report.lines[0].needs_consent
