"""The settings of the request log."""

from penstock.settings.logs import Logs


def test_patterns_that_are_none_are_told() -> None:
    assert Logs(redact=("[0-9]+",)).problems() == []
    (problem,) = Logs(redact=("[0-9]+", "(")).problems()
    assert problem.startswith("logs.redact: ( is no regular expression")
