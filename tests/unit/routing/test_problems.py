"""All problems of a config in one failure, and how many."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure, Kind
from penstock.routing.problems import MOST_PROBLEMS, Enough, Problems, Refused, of_config_alone, refuse


def failure_of(problems: Problems) -> Failure:
    failure = problems.failure()
    assert failure is not None
    return failure


def test_without_a_problem_there_is_no_failure() -> None:
    assert Problems().failure() is None


def test_one_problem_stands_alone() -> None:
    problems = Problems()
    problems.add(refuse("config.a", "no"))
    assert failure_of(problems) == refuse("config.a", "no").failure


def test_several_are_told_together_and_the_first_one_is_named() -> None:
    problems = Problems()
    with problems.collected():
        raise refuse("config.a", "no")
    with problems.collected():
        raise Refused(Failure(Kind.UNKNOWN_PROVIDER, "There is no provider 'x'.", "config.provider"))
    failure = failure_of(problems)
    assert (failure.kind, failure.param, failure.plain) == (Kind.INVALID_CONFIG, "config.a", "Invalid config passed")
    assert failure.message == (
        "The config has 2 problems: (1) The config is not valid at config.a: no. (2) There is no provider 'x'."
    )
    assert failure.details == ("path: a, message: no",)
    assert [each.param for each in failure.parts] == ["config.a", "config.provider"]


def test_the_first_problem_of_a_place_counts() -> None:
    problems = Problems()
    problems.add(refuse("config.a", "Expected number, received string"))
    problems.add(refuse("config.a", "Required"))
    assert failure_of(problems).details == ("path: a, message: Expected number, received string",)


def test_a_config_is_good_without_a_provider() -> None:
    problems = Problems()
    problems.add(Refused(Failure(Kind.MISSING_PROVIDER, "No provider.", "x-portkey-provider")))
    assert of_config_alone(failure_of(problems)) is None
    problems.add(refuse("config.a", "no"))
    assert failure_of(problems).kind is Kind.MISSING_PROVIDER
    assert of_config_alone(failure_of(problems)) == refuse("config.a", "no").failure


def test_reading_ends_at_the_bound() -> None:
    problems = Problems()
    for number in range(MOST_PROBLEMS - 1):
        problems.add(refuse(f"config.targets[{number}]", "no"))
    with pytest.raises(Enough):
        problems.add(refuse("config.z", "no"))
    assert failure_of(problems).message.startswith(f"The config has {MOST_PROBLEMS} problems or more: (1) ")
    assert len(failure_of(problems).parts) == MOST_PROBLEMS


# Refusals.


@pytest.mark.parametrize(
    ("path", "where"), [("config", ""), ("config.retry.attempts", "retry,attempts"), ("config.targets[0].targets[12].x[1]", "targets,0,targets,12,x,1")]
)  # fmt: skip
def test_a_path_is_told_in_both_spellings(path: str, where: str) -> None:
    failure = refuse(path, "no").failure
    assert (failure.param, failure.details) == (path, (f"path: {where}, message: no",))


def test_a_wording_of_its_own_stands_alone() -> None:
    failure = refuse("config", "no", plain="Invalid custom host").failure
    assert (failure.plain, failure.details) == ("Invalid custom host", ())
