"""What goes on as it came keeps its spelling; what was changed, and what comes behind it, has none."""

from __future__ import annotations

from penstock.guards.spelling import Spelling


def test_what_goes_on_as_it_came() -> None:
    spelling = Spelling()
    spelling.add("caf", "caf")
    spelling.add("é", r"\u00e9")
    assert spelling.take("ca") == ("ca", "")
    spelling.add(" au", " au")
    assert spelling.take("fé a") == (r"f\u00e9 a", "")
    assert spelling.take("") == ("", "")
    assert spelling.take("u") == ("u", "")


def test_from_the_first_change_on_nothing_is_known() -> None:
    spelling = Spelling()
    spelling.add("é", r"\u00e9")
    spelling.add("abc", "abc")
    assert spelling.take("éab*") == (r"\u00e9", "ab*")
    spelling.add("é", r"\u00e9")
    assert spelling.take("é") == ("", "é")


def test_more_than_came_is_a_change() -> None:
    spelling = Spelling()
    spelling.add("/", r"\/")
    assert spelling.take("/*") == (r"\/", "*")
