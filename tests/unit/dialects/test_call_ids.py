"""Ids of calls that are used again become different, and results find the last call of their name."""

from penstock.dialects.call_ids import CallIds


def test_the_first_use_keeps_its_id() -> None:
    ids = CallIds()
    assert [ids.called("a"), ids.answered("a"), ids.called("b")] == ["a", "a", "b"]


def test_a_result_is_that_of_the_last_call() -> None:
    ids = CallIds()
    assert [ids.called("a"), ids.answered("a"), ids.called("a"), ids.answered("a")] == ["a", "a", "a-2", "a-2"]


def test_a_result_without_a_call_keeps_its_id() -> None:
    assert CallIds().answered("x") == "x"
