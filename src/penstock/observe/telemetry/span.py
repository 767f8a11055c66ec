"""A span as a value, before it is written for OTLP."""

from __future__ import annotations

import random
from enum import IntEnum

import msgspec

Value = str | bool | int | float | tuple[str, ...]
"""The value of an attribute."""
Attributes = dict[str, Value]


class SpanKind(IntEnum):
    """https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto"""

    SERVER = 2
    CLIENT = 3


class Span(msgspec.Struct, frozen=True):
    """Ids are in hexadecimal, ``parent`` is empty for the first span of a trace; times are nanoseconds since 1970.

    ``error`` says what went wrong, None if nothing did. ``is_parent_remote``: the parent is a span of the caller's.
    """

    trace_id: str
    span_id: str
    parent: str
    name: str
    kind: SpanKind
    start: int
    end: int
    attributes: Attributes
    state: str = ""
    error: str | None = None
    flags: int = 1
    is_parent_remote: bool = False


def new_span_id() -> str:
    """A random span id in hexadecimal."""
    return f"{random.getrandbits(64) or 1:016x}"
