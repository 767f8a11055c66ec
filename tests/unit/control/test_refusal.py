"""Why the control plane does not do what was asked."""

import pytest

from penstock.control.refusal import MOST_PROBLEMS, Problem, Problems, Refusal, Why, absent, invalid


def test_a_refusal_tells_all_problems() -> None:
    one = invalid([Problem("/name", "missing")])
    two = invalid([Problem("/name", "missing"), Problem("", "too large")])
    assert one.message == "/name: missing"
    assert two.message == "2 problems: /name: missing; too large"
    assert len(two.problems) == 2


def test_what_is_not_there_is_quoted_in_part() -> None:
    refusal = absent("config", "x" * 100)
    assert refusal.why is Why.ABSENT
    assert refusal.message == f"there is no config {'x' * 64}"


def test_reading_ends_at_the_last_problem_that_is_told() -> None:
    problems = Problems()
    problems.extend([Problem("", "a")] * (MOST_PROBLEMS - 1))
    with pytest.raises(Refusal, match="20 problems or more"):
        problems.append(Problem("", "b"))


def test_what_is_found_after_the_reading_is_not_lost() -> None:
    problems = Problems()
    problems.finish()
    with pytest.raises(Refusal) as raised:
        problems.append(Problem("/user_id", "expected a text"))
    assert raised.value.problems == (Problem("/user_id", "expected a text"),)
