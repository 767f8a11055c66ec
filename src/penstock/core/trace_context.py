"""The trace that a request belongs to, and the headers that carry it: W3C Trace Context and Baggage.

Sources: https://www.w3.org/TR/trace-context-2/, https://www.w3.org/TR/baggage/.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote

import msgspec

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"
BAGGAGE: Final = b"baggage"

_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?")
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_SAMPLED: Final = 1
_RANDOM: Final = 2
"""Flag: the trace id is random, so that its last bytes can decide about sampling."""
_MEMBER: Final = re.compile(
    rb"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    rb"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
"""A member of ``tracestate``: its key, of one tenant's system or of a system alone, and its value."""
_MOST_STATES: Final = 32
"""Members of a ``tracestate``; one with more is none."""
_LONGEST_STATE: Final = 512
"""Characters of a ``tracestate`` that is kept: as many as every system must pass on."""
_LONGEST_BAGGAGE: Final = 8192
_MOST_MEMBERS: Final = 64
_LONGEST_VALUE: Final = 256
_IDS: Final = 1 << 64


class Parent(msgspec.Struct, frozen=True):
    """What ``traceparent`` says: the caller's trace and span, both in hexadecimal, and the flags."""

    trace_id: str
    span_id: str
    flags: int


class TraceContext(msgspec.Struct, frozen=True):
    """The trace of one request. ``parent`` is the caller's span, empty where the trace begins here.

    ``state`` is the caller's ``tracestate``; ``baggage`` are the members of its baggage that the operator names.
    ``propagates``: providers are told of the trace.
    """

    trace_id: str
    flags: int
    parent: str = ""
    state: bytes = b""
    baggage: Mapping[str, str] = {}
    propagates: bool = False

    @property
    def is_sampled(self) -> bool:
        return bool(self.flags & _SAMPLED)

    def headers(self, span_id: str) -> dict[bytes, bytes]:
        """The headers of a request whose parent is a span of this trace."""
        headers = {TRACEPARENT: f"00-{self.trace_id}-{span_id}-{self.flags:02x}".encode()}
        if self.state:
            headers[TRACESTATE] = self.state
        if self.baggage:
            headers[BAGGAGE] = ",".join([f"{name}={quote(value)}" for name, value in self.baggage.items()]).encode()
        return headers


def joined(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The value of a header whose members may come in several fields (RFC 9110, 5.3); None without any. Of
    ``traceparent``, which has no members, two fields make a value that must be ignored."""
    values = [value for field, value in headers if field == name]
    return b",".join(values) if values else None


def read_traceparent(value: bytes | None) -> Parent | None:
    """The caller's span; None for no header, and for a header that must be ignored: what a future version puts behind
    the flags has no comma, which stands between two fields."""
    match = None if value is None else _TRACEPARENT.fullmatch(value)
    if match is None or match[1] == b"ff" or (match[1] == b"00" and match[5] is not None):
        return None
    trace_id, span_id = match[2].decode(), match[3].decode()
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Parent(trace_id, span_id, int(match[4], 16) & (_SAMPLED | _RANDOM))


def read_tracestate(value: bytes | None) -> bytes:
    """The caller's ``tracestate`` as it goes on; empty where there is none, and for one that is no list of members."""
    if value is None or len(value) > _LONGEST_STATE or not value.isascii():
        return b""
    members = [each.strip(b" \t") for each in value.split(b",") if each.strip(b" \t")]
    is_list = len(members) <= _MOST_STATES and all(map(_MEMBER.fullmatch, members))
    return b",".join(members) if is_list else b""


def read_baggage(value: bytes | None, names: Collection[str]) -> dict[str, str]:
    """The members of a caller's baggage with these names; properties of members are left out."""
    if value is None or not names or len(value) > _LONGEST_BAGGAGE:
        return {}
    found: dict[str, str] = {}
    for member in value.decode("latin-1").split(",")[:_MOST_MEMBERS]:
        name, equals, rest = member.partition("=")
        name = name.strip()
        if equals and name in names:
            found[name] = unquote(rest.partition(";")[0].strip(), errors="replace")[:_LONGEST_VALUE]
    return found


def trace_id_of(text: str) -> str:
    """The trace id that stands for the request's own trace id, which can be any text: all requests that share a text
    share a trace."""
    if _HEX.fullmatch(text) and text.strip("0"):
        return text
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def begun_flags(trace_id: str, ratio: float) -> int:
    """The flags of a trace that begins here: sampled in a part ``ratio`` of all traces, by the id's last 8 bytes. All
    who decide by the same ratio decide alike."""
    return _SAMPLED if int(trace_id[16:], 16) < ratio * _IDS else 0
