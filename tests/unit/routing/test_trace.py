"""The line that tells of a walk: short, complete, and never longer than a header may be."""

from __future__ import annotations

import pytest

from penstock.routing.trace import AttemptStep, SkippedStep, Step, line


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((), ""),
        ((AttemptStep("config", "200", 95.4),), "config 200 95ms"),
        ((AttemptStep("config", "cached", 0.2),), "config cached 0ms"),
        ((AttemptStep("config.targets[0]", "connection_refused", 1.5),), "targets[0] connection_refused 2ms"),
        ((AttemptStep("config.targets[0].targets[2]", "200", 1e6),), "targets[0].targets[2] 200 1000000ms"),
        ((SkippedStep("config.targets[0]"), AttemptStep("config.targets[1]", "200", 3)), "targets[0] open skipped; targets[1] 200 3ms"),
        ((AttemptStep("config.targets[0]", "503", 80, ["attempts spent", "next"]),), "targets[0] 503 80ms attempts spent, next"),
    ],
)  # fmt: skip
def test_one_line(steps: tuple[Step, ...], expected: str) -> None:
    assert line(steps) == expected


def test_the_line_of_the_design() -> None:
    steps = (
        AttemptStep("config.targets[0]", "429", 120, ["retry in 1.02s"]),
        AttemptStep("config.targets[0]", "503", 80, ["attempts spent", "next"]),
        AttemptStep("config.targets[1]", "200", 95),
    )
    assert (
        line(steps)
        == "targets[0] 429 120ms retry in 1.02s; targets[0] 503 80ms attempts spent, next; targets[1] 200 95ms"
    )


@pytest.mark.parametrize(("count", "told"), [(32, 32), (33, 33), (1000, 33)])
def test_of_many_steps_the_first_and_the_last_are_told(count: int, told: int) -> None:
    parts = line(tuple(AttemptStep(f"config.targets[{index}]", "500", 1, ["next"]) for index in range(count))).split(
        "; "
    )
    assert len(parts) == told
    assert (parts[0], parts[-1]) == ("targets[0] 500 1ms next", f"targets[{count - 1}] 500 1ms next")
    assert (count == told == 32) or parts[16] == f"({count - 32} more)"


def test_the_longest_line_fits_into_a_header() -> None:
    deep = "config" + ".targets[999]" * 32
    assert (
        len(line((AttemptStep(deep, "first_token_timeout", 600_000, ["retry budget spent", "next"]),) * 1000)) < 16_384
    )
