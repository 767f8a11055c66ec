"""One search finds what each of several patterns finds, and in JSON what is no plain text, too."""

from __future__ import annotations

import re
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from penstock.guards.hold import HoldRule
from penstock.guards.sign_search import search_of
from trials import trials


def words(*listed: str) -> re.Pattern[str]:
    return HoldRule(regex.compile("|".join(listed))).begins


BESIDE_ASCII = "\x80-\U0010ffff"
PATTERNS = (
    re.compile(f"[0-9{BESIDE_ASCII}]"),
    re.compile(r"[\-A_]"),
    words("inner", "cab", "ca b"),
    words("call", "9 lives"),
    words(" a", "inn"),
    re.compile("x+y"),
)


@given(
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=5, unique=True),
    st.text('inercabl 9-_A0xy"\\é\n', max_size=12),
    st.integers(0, 3),
)
@trials(400)
def test_any_of_several_patterns(patterns: list[re.Pattern[str]], text: str, at: int) -> None:
    search = search_of(tuple(patterns))
    finds = any(each.search(text, at) for each in patterns)
    assert (search.in_text(text, at) is not None) is finds
    is_plain = text.isascii() and not set(text) & set('"\\\n')
    assert (search.in_json(text.encode()) is not None) is (not is_plain or any(each.search(text) for each in patterns))


@pytest.mark.parametrize("pattern", [None, re.compile("a", re.IGNORECASE)])
def test_what_can_be_no_part_of_one_search_is_found_everywhere(pattern: re.Pattern[str] | None) -> None:
    search = search_of((PATTERNS[0], pattern))
    assert search.in_text("", 0) is not None
    assert search.in_json(b"") is not None


def test_a_pattern_that_looks_back_is_none_for_parts_of_json() -> None:
    search = search_of((PATTERNS[0], re.compile("(?<=a)b")))
    assert search.in_text("ab", 1) is not None
    assert search.in_text("b", 0) is None
    assert search.in_json(b"c") is not None


def test_the_pattern_begins_with_a_set_of_characters() -> None:
    """The library passes over what is in none: an alternative before the set would be tried at each place."""
    searches: tuple[Any, ...] = search_of(PATTERNS[:5])
    for search in searches:
        assert search.__self__.pattern[:1] in {"[", b"["}
