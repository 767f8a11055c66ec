"""Ids of calls that are used again become different, and results find the last call of their name."""

import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.call_ids import CallIds, TurnIds, allowed_id, short_id

PLAIN: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_the_first_use_keeps_its_id() -> None:
    ids = CallIds()
    assert [ids.called("a"), ids.answered("a"), ids.called("b")] == ["a", "a", "b"]


def test_a_result_is_that_of_the_last_call() -> None:
    ids = CallIds()
    assert [ids.called("a"), ids.answered("a"), ids.called("a"), ids.answered("a")] == ["a", "a", "a-2", "a-2"]


def test_a_result_without_a_call_keeps_its_id() -> None:
    assert CallIds().answered("x") == "x"


@pytest.mark.parametrize("kept", ["a", "call_0-2", "x" * 64])
def test_an_allowed_id_stays(kept: str) -> None:
    assert allowed_id(kept, PLAIN, 47) == kept


def test_an_id_that_is_not_allowed_keeps_its_letters_beside_a_digest() -> None:
    assert re.fullmatch("functions_f_0-[0-9a-f]{16}", allowed_id("functions.f:0", PLAIN))
    assert re.fullmatch("x{47}-[0-9a-f]{16}", allowed_id("x" * 65, PLAIN, 47))
    assert re.fullmatch("-[0-9a-f]{16}", allowed_id("", PLAIN, 47))


@given(st.text(), st.text())
def test_different_ids_become_different_allowed_ones(one: str, other: str) -> None:
    mapped = [allowed_id(each, PLAIN, 47) for each in (one, other)]
    assert all(PLAIN.fullmatch(each) for each in mapped)
    assert (mapped[0] == mapped[1]) is (one == other)


def test_nine_letters_and_digits_stay() -> None:
    assert short_id("abcDEF123") == "abcDEF123"


@given(st.text(), st.text())
def test_different_ids_become_different_short_ones(one: str, other: str) -> None:
    assert (short_id(one) == short_id(other)) is (one == other)
    assert re.fullmatch("[A-Za-z0-9]{9}", short_id(one))


def test_calls_of_one_turn_under_one_id_are_answered_in_their_order() -> None:
    ids = TurnIds()
    ids.turn()
    assert [ids.called("f"), ids.called("f"), ids.called("g")] == ["f", "f-2", "g"]
    assert [ids.answered(each) for each in ("f", "g", "f", "f")] == ["f", "g", "f-2", "f-2"]
    ids.turn()
    assert [ids.called("f"), ids.answered("f"), ids.called(""), ids.called("")] == ["f", "f", "", ""]


def test_a_call_that_nothing_answers_takes_no_result_of_a_later_turn() -> None:
    ids = TurnIds()
    ids.turn()
    ids.called("f")
    ids.turn()
    assert [ids.called("f"), ids.answered("f")] == ["f", "f"]


def test_an_id_made_different_is_never_one_of_the_clients() -> None:
    ids = CallIds()
    made = [ids.called(each) for each in ("f", "f-2", "f", "f", "f-2")]
    assert len(set(made)) == 5
