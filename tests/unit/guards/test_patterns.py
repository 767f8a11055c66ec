import re

import pytest
import regex

from penstock.guards.parameters import Parameters
from penstock.guards.patterns import compiled, excerpt, expanded, holds, literal, seconds_for, utf16
from penstock.routing.problems import Problems


def test_literals() -> None:
    assert literal("/a/gi") == ("a", "gi")
    assert literal("/a/x") == ("/a/x", "")
    assert literal("a") == ("a", "")
    assert literal("//") == ("//", "")


@pytest.mark.parametrize(
    ("template", "result"),
    [("$1-$2", "a-b"), ("$&", "ab"), ("$$1", "$1"), ("$`|$'", "x|y"), ("$3", "$3"), ("$01", "a"), ("$11", "a1"), ("$<n>", "a"), ("$", "$")],
)  # fmt: skip
def test_references(template: str, result: str) -> None:
    match = regex.search("(?P<n>a)(b)", "xaby")
    assert match is not None
    assert expanded(template, match) == result


def test_a_name_without_named_groups_stays() -> None:
    match = regex.search("a", "a")
    assert match is not None
    assert expanded("$<n>", match) == "$<n>"


def test_utf_16() -> None:
    assert (utf16("ab"), utf16("é"), utf16("\U0001f600")) == (2, 1, 2)
    assert excerpt("a" * 100) == "a" * 100
    assert excerpt("a" * 101) == "a" * 100 + "..."
    assert excerpt("\U0001f600" * 51) == "\U0001f600" * 50 + "..."


def test_more_text_has_more_time() -> None:
    assert seconds_for("") == 0.01
    assert seconds_for("a" * 20_000) == pytest.approx(0.012)


@pytest.mark.parametrize("source", ["(", "a{2000}{2000}", "a++", "(?i)a", "x" * 10_001])
def test_patterns_that_are_none(source: str) -> None:
    problems = Problems()
    assert compiled(source, Parameters({}, "p", problems), "rule") is None
    failure = problems.failure()
    assert failure is not None
    assert failure.param == "p.rule"


def test_which_patterns_hold() -> None:
    parameters = Parameters({}, "p", Problems())
    for source, can in [("ab", True), ("a*", False), (r"\bab", True), (r"\b-", False), ("a$", False), (r"a*\b", False)]:
        pattern = compiled(source, parameters, "rule")
        assert pattern is not None
        assert holds(pattern) is can, source


def test_flags() -> None:
    parameters = Parameters({}, "p", Problems())
    pattern = compiled("^B.$", parameters, "rule", "ims")
    assert pattern is not None
    assert pattern.compiled.search("a\nb\n\nc") is not None
    assert re.search("^B.$", "a\nbx") is None
