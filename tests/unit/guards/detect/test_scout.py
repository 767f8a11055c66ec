"""A text that holds a mark is never passed over; prose that holds none is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.guards.detect.personal import PERSONAL
from penstock.guards.detect.scout import Scout
from penstock.guards.detect.secrets import SECRETS

MARKS = sorted({mark for each in SECRETS.values() for mark in each.marks})
SCOUT = Scout(MARKS)
PROSE = "A sailor asks: and with the wind from astern? Ease the halyard - slowly - to its mark (page 31), says Bea. "


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_found(mark: str) -> None:
    for text in (mark, f"{PROSE}{mark}{PROSE}", f"é\U0001f469{mark}", f"{'-_A' * 40}{mark}"):
        assert SCOUT.may_find(text)
        assert SCOUT.sign.search(text) is not None


def test_prose_holds_none() -> None:
    assert not SCOUT.may_find("")
    assert not SCOUT.may_find(PROSE * 40)
    assert not SCOUT.may_find("a-b_c " * 100)


@settings(max_examples=500)
@given(st.lists(st.one_of(st.sampled_from(MARKS), st.text("AKISCa-_9ey2.J \ud800é", max_size=6)), max_size=12))
def test_no_mark_is_missed(parts: list[str]) -> None:
    text = "".join(parts)
    if any(mark in text for mark in MARKS):
        assert SCOUT.may_find(text)


def test_marks_of_one_character() -> None:
    scout = Scout({mark for each in PERSONAL.values() for mark in each.marks})
    assert scout.may_find("me@example.com")
    assert scout.may_find("4111")
    assert not scout.may_find("nobody")
