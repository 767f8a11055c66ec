"""Ids of spans."""

from penstock.core.trace_context import read_traceparent
from penstock.observe.telemetry.span import new_span_id


def test_ids_are_those_of_trace_context() -> None:
    ids = {new_span_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(read_traceparent(f"00-{'a' * 32}-{each}-01".encode()) for each in ids)
