"""A text that holds a mark is never passed over; prose that holds none is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.guards.detect.mark_search import MarkSearch
from penstock.guards.detect.personal import PERSONAL
from penstock.guards.detect.secrets import SECRETS
from trials import WITH_TIME, trials

pytestmark = WITH_TIME
MARKS = sorted({mark for each in SECRETS.values() for mark in each.marks})
SEARCH = MarkSearch(MARKS)
PROSE = "A sailor asks: and with the wind from astern? Ease the halyard - slowly - to its mark (page 31), says Bea. "


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_found(mark: str) -> None:
    for text in (mark, f"{PROSE}{mark}{PROSE}", f"é\U0001f469{mark}", f"{'-_A' * 40}{mark}"):
        assert SEARCH.may_find(text)
        assert SEARCH.sign.search(text) is not None


def test_prose_holds_none() -> None:
    assert not SEARCH.may_find("")
    assert not SEARCH.may_find(PROSE * 40)
    assert not SEARCH.may_find("a-b_c " * 100)


@trials(500)
@given(st.lists(st.one_of(st.sampled_from(MARKS), st.text("AKISCa-_9ey2.J \ud800é", max_size=6)), max_size=12))
def test_no_mark_is_missed(parts: list[str]) -> None:
    text = "".join(parts)
    if any(mark in text for mark in MARKS):
        assert SEARCH.may_find(text)


def test_marks_of_one_character() -> None:
    search = MarkSearch({mark for each in PERSONAL.values() for mark in each.marks})
    assert search.may_find("me@example.com")
    assert search.may_find("4111")
    assert not search.may_find("nobody")
