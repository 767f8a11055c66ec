"""Attempts by OpenTelemetry's metrics of generative AI."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.observe.metrics.families import FAMILIES
from penstock.observe.metrics.recorder import Bounds, Recorder
from penstock.observe.metrics.table import SIZE, Table, read_series
from penstock.observe.record import AttemptRecord, Record

USAGE = Usage(100, 20, 120)


@pytest.fixture
def table() -> Iterator[Table]:
    with mmap(-1, SIZE) as memory:
        made = Table(memory)
        yield made
        made.close()


def attempt(**more: Any) -> AttemptRecord:
    members = {"target": "config", "provider": "google", "model": "gemini", "lane": 1, "status": 200, "began": 1.0}
    return AttemptRecord(**{**members, "ended": 3.0, "usage": USAGE, **more})


def counted(table: Table, *attempts: AttemptRecord, has_gen_ai: bool = True, **more: Any) -> dict[str, float]:
    """The sums of the histograms by name and labels."""
    members = {"operation": "chat.completions", "attempts": attempts, **more}
    Recorder(table, Bounds(3, (), has_gen_ai)).count(Record(1.0, "POST", "/v1/chat/completions", 200, 4.0, **members))
    found = {}
    for family, labels, values in read_series(table.snapshot()):
        if FAMILIES[family].is_of_otlp and any(values[1:]):
            found[" ".join([FAMILIES[family].name.removeprefix("gen_ai.client."), *labels])] = values[0]
    return found


def test_tokens_durations_and_first_chunks(table: Table) -> None:
    assert counted(table, attempt(first_content=1.5), stream=True) == {
        "operation.duration chat gcp.gemini gemini ": 2.0,
        "operation.time_to_first_chunk chat gcp.gemini gemini": 0.5,
        "token.usage chat gcp.gemini gemini input": 100,
        "token.usage chat gcp.gemini gemini output": 20,
    }


def test_a_failure_has_its_type_and_no_first_chunk(table: Table) -> None:
    failed = attempt(failure="timeout", usage=None, first_content=1.5)
    assert counted(table, failed, stream=True) == {"operation.duration chat gcp.gemini gemini timeout": 2.0}


@pytest.mark.parametrize(
    "more",
    [{"operation": "models"}, {"operation": None}, {"has_gen_ai": False}, {"attempts": (attempt(is_charged=False),)}],
)
def test_what_is_no_call_of_a_model_is_not_counted(table: Table, more: dict[str, Any]) -> None:
    assert counted(table, attempt(), **more) == {}
