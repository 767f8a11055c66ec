"""The trace of a request, by its headers."""

from __future__ import annotations

from penstock.core.body import Body
from penstock.pipeline.tracing import Tracing, told_parameters

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_trace_that_begins_here() -> None:
    context = Tracing(1.0).context({b"baggage": b"a=1", b"tracestate": b"x=1"}, TRACE)
    assert (context.trace_id, context.parent, context.state, context.baggage) == (TRACE, "", b"", {})
    assert context.is_sampled
    assert not Tracing(0.0).context({}, TRACE).is_sampled


def test_the_callers_trace() -> None:
    fields = {b"traceparent": f"00-{TRACE}-{SPAN}-01".encode(), b"tracestate": b"x=1", b"baggage": b"a=1,b=2"}
    context = Tracing(0.0, True, frozenset({"a"})).context(fields, "another")
    assert (context.trace_id, context.parent, context.state) == (TRACE, SPAN, b"x=1")
    assert (context.baggage, context.propagates, context.is_sampled) == ({"a": "1"}, True, True)


def test_parameters_are_short() -> None:
    body = Body.parse(b'{"model": "m", "temperature": 1, "stop": "' + b"x" * 300 + b'", "max_tokens": 5}')
    assert told_parameters(body) == {"temperature": b"1", "max_tokens": b"5"}
