"""A part of a schema may be referred to any number of times, but not be said without end."""

from penstock.dialects.schema_references import ReferenceBudget


def test_short_parts_are_said_as_often_as_they_are_referred_to() -> None:
    budget, part = ReferenceBudget(), {"type": "string"}
    assert all(budget.admits(part) for _ in range(10_000))


def test_long_parts_are_said_once_and_a_few_times_more() -> None:
    budget, part = ReferenceBudget(), {"description": "x" * 100_000}
    assert [budget.admits(part) for _ in range(5)] == [True, True, True, False, False]
    assert budget.admits({"description": "y" * 1_000_000})
