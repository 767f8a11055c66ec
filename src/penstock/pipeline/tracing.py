"""The trace of a request while it is served: read from its headers, sent on with each attempt. Spans are made of the
account's record afterwards (observe/telemetry)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.http import Headers
from penstock.core.trace_context import (
    BAGGAGE,
    TRACEPARENT,
    TRACESTATE,
    TraceContext,
    begun_flags,
    joined,
    read_baggage,
    read_traceparent,
    read_tracestate,
    trace_id_of,
)
from penstock.observe.telemetry.conventions import PARAMETERS

_LONGEST: Final = 256
"""Bytes of such a member."""


class Tracing(msgspec.Struct, frozen=True):
    """The operator's settings: ``ratio`` is the part of the traces beginning here that is sampled, ``baggage`` the
    names of members that are kept. ``propagates``: providers are told of the trace."""

    ratio: float = 1.0
    propagates: bool = False
    baggage: frozenset[str] = frozenset()

    def context(self, headers: Headers, fields: Mapping[bytes, bytes], trace: str) -> TraceContext:
        """The trace of a request with these headers; ``fields`` are the same by name. ``trace`` is the request's own
        trace id."""
        if len(fields) != len(headers):
            several = {name: joined(headers, name) for name in (TRACEPARENT, TRACESTATE, BAGGAGE)}
            fields = {name: value for name, value in several.items() if value is not None}
        parent = read_traceparent(fields.get(TRACEPARENT))
        baggage = read_baggage(fields.get(BAGGAGE), self.baggage) if self.baggage else {}
        if parent is None:
            trace_id = trace_id_of(trace)
            flags = begun_flags(trace_id, self.ratio)
            return TraceContext(trace_id, flags, baggage=baggage, propagates=self.propagates)
        state = read_tracestate(fields.get(TRACESTATE))
        return TraceContext(parent.trace_id, parent.flags, parent.span_id, state, baggage, self.propagates)


def told_parameters(body: Body) -> dict[str, bytes]:
    """The parameters of a request that its span tells, as JSON."""
    members = body.members
    found = {name: members[name] for name in PARAMETERS if name in members}
    return {name: bytes(value) for name, value in found.items() if len(memoryview(value)) <= _LONGEST}
