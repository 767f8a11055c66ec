"""The list of scenarios holds together."""

from __future__ import annotations

from bench.measures import STREAM_CONNECTIONS
from bench.results import Of
from bench.scenarios import SCENARIOS
from bench.subject import Role


def test_names_are_unique() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    for scenario in SCENARIOS:
        keys = [metric.key for metric in scenario.metrics]
        assert len(set(keys)) == len(keys)


def test_the_gateway_takes_part_in_everything_and_ratios_have_a_reference() -> None:
    for scenario in SCENARIOS:
        assert Role.GATEWAY in scenario.roles
        for metric in scenario.metrics:
            if metric.budget is not None and metric.budget.of is Of.RATIO:
                assert metric.compared
                assert Role.REFERENCE in scenario.roles


def test_every_number_of_streams_has_its_metrics() -> None:
    (stream,) = [scenario for scenario in SCENARIOS if scenario.name == "chat-stream"]
    wanted = {f"{kind}_{count}" for kind in ("cpu", "rate") for count in STREAM_CONNECTIONS}
    assert {metric.key for metric in stream.metrics} == wanted
