"""The trace of a request, by its headers."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.core.body import Body
from penstock.core.trace_context import TraceContext, trace_id_of
from penstock.pipeline.tracing import Tracing, told_parameters

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def context_of(tracing: Tracing, fields: Mapping[bytes, bytes], trace: str) -> TraceContext:
    return tracing.context(list(fields.items()), fields, trace)


def test_a_trace_that_begins_here() -> None:
    context = context_of(Tracing(1.0), {b"baggage": b"a=1", b"tracestate": b"x=1"}, TRACE)
    assert (context.trace_id, context.parent, context.state, context.baggage) == (TRACE, "", b"", {})
    assert context.is_sampled
    assert not context_of(Tracing(0.0), {}, TRACE).is_sampled


def test_the_callers_trace() -> None:
    fields = {b"traceparent": f"00-{TRACE}-{SPAN}-01".encode(), b"tracestate": b"x=1", b"baggage": b"a=1,b=2"}
    context = context_of(Tracing(0.0, True, frozenset({"a"})), fields, "another")
    assert (context.trace_id, context.parent, context.state) == (TRACE, SPAN, b"x=1")
    assert (context.baggage, context.propagates, context.is_sampled) == ({"a": "1"}, True, True)


def test_headers_that_come_in_several_fields_are_joined() -> None:
    """Of two parents none is one: the trace begins here, and their states belong to nobody."""
    parent = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    headers = [parent, (b"tracestate", b"x=1"), (b"tracestate", b"y=2"), (b"baggage", b"a=1"), (b"baggage", b"b=2")]
    tracing = Tracing(1.0, True, frozenset({"a", "b"}))
    context = tracing.context(headers, dict(headers), "another")
    assert (context.trace_id, context.state, context.baggage) == (TRACE, b"x=1,y=2", {"a": "1", "b": "2"})
    context = tracing.context([*headers, parent], dict(headers), "another")
    assert (context.trace_id, context.parent, context.state) == (trace_id_of("another"), "", b"")
    assert context.baggage == {"a": "1", "b": "2"}


def test_parameters_are_short() -> None:
    body = Body.parse(b'{"model": "m", "temperature": 1, "stop": "' + b"x" * 300 + b'", "max_tokens": 5}')
    assert told_parameters(body) == {"temperature": b"1", "max_tokens": b"5"}
