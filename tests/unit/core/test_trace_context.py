"""W3C Trace Context and Baggage, by the cases of their specifications."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.trace_context import (
    Parent,
    TraceContext,
    begun_flags,
    joined,
    read_baggage,
    read_traceparent,
    read_tracestate,
    trace_id_of,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def header(version: str = "00", trace: str = TRACE, span: str = SPAN, flags: str = "01", more: str = "") -> bytes:
    return f"{version}-{trace}-{span}-{flags}{more}".encode()


@pytest.mark.parametrize(
    ("value", "parent"),
    [
        (header(), Parent(TRACE, SPAN, 1)),
        (header(flags="00"), Parent(TRACE, SPAN, 0)),
        (header(flags="ff"), Parent(TRACE, SPAN, 3)),
        (header("cc", more="-what-the-future-will-be"), Parent(TRACE, SPAN, 1)),
        (None, None),
        (b"", None),
        (header("cc", more="-1") + b"," + header("cc"), None),
        (header("cc", more="-1,2"), None),
        (header("ff"), None),
        (header(more="-more"), None),
        (header(trace="0" * 32), None),
        (header(span="0" * 16), None),
        (header(trace=TRACE.upper()), None),
        (header(trace=TRACE[1:]), None),
        (header("cc", more=".future"), None),
        (header() + b"\n", None),
    ],
)
def test_traceparent(value: bytes | None, parent: Parent | None) -> None:
    assert read_traceparent(value) == parent


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"a=1", b"a=1"),
        (b" a=1 ,, b@c=2\t", b"a=1,b@c=2"),
        (None, b""),
        (b"a", b""),
        ("a=ü".encode(), b""),
        (b"a=1\x01", b""),
        (b"a=" + b"x" * 600, b""),
        (b"a=1,,b=2,\t,c=3", b"a=1,b=2,c=3"),
        (b"a= 1 = ", b""),
        (b"a= 1", b"a= 1"),
        (b"a=", b""),
        (b"=1", b""),
        (b"A=1", b""),
        (b"1a=1", b""),
        (b"a b=1", b""),
        (b"a.b=1", b""),
        (b"a==", b""),
        (b"a_-*/9=~!", b"a_-*/9=~!"),
        (b"1t-2@sys=1", b"1t-2@sys=1"),
        (b"@sys=1", b""),
        (b"t@=1", b""),
        (b"t@s@u=1", b""),
        (b"t@" + b"s" * 14 + b"=1", b"t@" + b"s" * 14 + b"=1"),
        (b"t@" + b"s" * 15 + b"=1", b""),
        (b"k" * 256 + b"=1", b"k" * 256 + b"=1"),
        (b"k" * 257 + b"=1", b""),
        (b"a=" + b"v" * 256, b"a=" + b"v" * 256),
        (b"a=" + b"v" * 257, b""),
        (b",".join(b"k%d=1" % each for each in range(32)), b",".join(b"k%d=1" % each for each in range(32))),
        (b",".join(b"k%d=1" % each for each in range(33)), b""),
    ],
)
def test_tracestate(value: bytes | None, kept: bytes) -> None:
    assert read_tracestate(value) == kept


def test_a_header_in_several_fields() -> None:
    headers = [(b"tracestate", b"a=1"), (b"x", b"y"), (b"tracestate", b"b=2, c=3"), (b"tracestate", b"")]
    assert joined(headers, b"tracestate") == b"a=1,b=2, c=3,"
    assert read_tracestate(joined(headers, b"tracestate")) == b"a=1,b=2,c=3"
    assert joined(headers, b"baggage") is None
    assert read_traceparent(joined([(b"traceparent", header())] * 2, b"traceparent")) is None


def test_baggage() -> None:
    value = b"user.id=a%20b;ttl=1, session.id = s ,other=x,user.id"
    assert read_baggage(value, {"user.id", "session.id"}) == {"user.id": "a b", "session.id": "s"}
    assert read_baggage(value, ()) == read_baggage(None, {"a"}) == read_baggage(b"a=1," * 3000, {"a"}) == {}
    assert read_baggage(b"a=%ff" + b"x" * 300, {"a"})["a"] == "\ufffd" + "x" * 255


def test_headers_of_a_span() -> None:
    context = TraceContext(TRACE, 3, SPAN, b"a=1", {"user.id": "a b,c"})
    assert context.headers("b" * 16) == {
        b"traceparent": header(span="b" * 16, flags="03"),
        b"tracestate": b"a=1",
        b"baggage": b"user.id=a%20b%2Cc",
    }
    assert context.is_sampled
    assert TraceContext(TRACE, 2).headers(SPAN) == {b"traceparent": header(flags="02")}
    assert not TraceContext(TRACE, 2).is_sampled


@given(st.text())
def test_any_text_stands_for_a_trace(text: str) -> None:
    found = trace_id_of(text)
    assert read_traceparent(header(trace=found)) is not None
    assert trace_id_of(found) == found


def test_an_id_stands_for_itself() -> None:
    assert trace_id_of(TRACE) == TRACE
    assert trace_id_of("0" * 32) != "0" * 32


@given(st.integers(0, (1 << 128) - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_ratio_keeps_what_a_smaller_one_keeps(number: int, one: float, other: float) -> None:
    trace = f"{number:032x}"
    smaller, larger = sorted((one, other))
    assert begun_flags(trace, smaller) <= begun_flags(trace, larger)
    assert (begun_flags(trace, 0.0), begun_flags(trace, 1.0)) == (0, 1)
