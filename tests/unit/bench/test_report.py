"""The benchmark's table and JSON."""

from __future__ import annotations

import json

import pytest
from bench import report
from bench.report import Report
from bench.results import Budget, Figure, Metric, Of, Row

CPU = Metric("cpu", "CPU per request", "µs", Budget(6, Of.RATIO))
RATE = Metric("rate", "requests per second", "", compared=False)
START = Metric("seconds", "first answer after", "s", Budget(0.6, Of.VALUE))


def figures(**medians: float) -> dict[str, Figure]:
    return {name: Figure((value,)) for name, value in medians.items()}


REPORT = Report(
    machine={"cpu": "a fast one"},
    effort={"seconds": 5.0},
    contenders=("nginx", "penstock", "portkey"),
    judged="penstock",
    rows=(
        Row("chat", CPU, figures(nginx=20.0, penstock=80.0, portkey=1234.0), "nginx"),
        Row("chat", RATE, figures(nginx=41234.0, penstock=12000.0), "nginx"),
        Row("cold-start", START, figures(penstock=0.75), "nginx"),
    ),
    failures=("chat-stream, portkey: no",),
)


def test_the_table_has_one_aligned_line_a_metric() -> None:
    assert report.table(REPORT).splitlines() == [
        "scenario    metric                  nginx  penstock  ratio  portkey  ratio  budget",
        "chat        CPU per request, µs        20        80     4×    1,234  61.7×    ≤ 6×    ok",
        "            requests per second    41,234    12,000               -",
        "cold-start  first answer after, s       -      0.75               -          ≤ 0.6  over",
    ]


def test_a_run_that_measured_nothing_still_has_a_header() -> None:
    empty = Report({}, {}, ("nginx", "penstock"), "penstock", (), ())
    assert report.table(empty).split() == ["scenario", "metric", "nginx", "penstock", "ratio", "budget"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (7.0, "7"),
        (0.25, "0.25"),
        (0.0131, "0.013"),
        (0.00004, "0.000"),
        (-0.5, "-0.50"),
        (17.26, "17.3"),
        (99.96, "100.0"),
        (123.4, "123"),
        (41234.5, "41,234"),
    ],
)
def test_numbers_keep_about_three_digits(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_json_holds_samples_ratios_and_failures() -> None:
    document = json.loads(json.dumps(report.as_json(REPORT)))
    first, _, last = document["results"]
    assert first["contenders"]["portkey"] == {"median": 1234.0, "ratio": 61.7, "samples": [1234.0]}
    assert (first["budget"], first["within_budget"]) == ("≤ 6×", True)
    assert (last["budget"], last["within_budget"]) == ("≤ 0.6", False)
    assert document["failures"] == ["chat-stream, portkey: no"]
    assert document["machine"] == {"cpu": "a fast one"}
