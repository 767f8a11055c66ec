"""Converse's streams as far as a relay looks into them: has the answer begun, is this an error, did it end as one does,
what did it cost.

Inside the gateway they are server-sent events of the names of their frames (frames.py). The answer ends with
``messageStop``, after which its counts come. Source: Amazon Bedrock API reference, "ConverseStream".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core import finish_reasons
from penstock.core.json_text import UNREADABLE, read_json, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.aws_exceptions import EXCEPTION_STATUS
from penstock.dialects.bedrock.caller.errors import has_error_shape
from penstock.dialects.bedrock.relay import judge
from penstock.dialects.framing import sse
from penstock.dialects.provider_errors import ClassifiedError, classified
from penstock.dialects.stream_grammar import ErrorForm, StreamGrammar

EXCEPTION: Final = b"Exception"
"""How the names of events end that are exceptions."""
_SAYING: Final = frozenset({b"contentBlockStart", b"contentBlockDelta", b"messageStop"})
_STOP: Final = b"messageStop"
_USAGE: Final = b"metadata"
_RECENT: Final = 4096
"""Bytes that nearly always hold all that an ending says."""


class _Glance(msgspec.Struct):
    """Enough of an event to know that it is JSON and whether it tells a failure."""

    stopReason: str | None = None  # noqa: N815 (Bedrock's name)
    error: msgspec.Raw = msgspec.Raw(b"")


_GLANCE: Final = msgspec.json.Decoder(_Glance)


def error_in(name: bytes, data: bytes, provider: str = "") -> ClassifiedError | None:
    """The error that an event is, None for none. Raises ValueError for data that clients can't read."""
    if not data:
        return None
    if not name.endswith(EXCEPTION):
        try:
            glance = _GLANCE.decode(data)
            if not finish_reasons.is_failure(glance.stopReason) and not bytes(glance.error).startswith(b"{"):
                return None
        except UNREADABLE:
            pass
    value = read_json(data)
    if name.endswith(EXCEPTION):
        members = value if isinstance(value, dict) else {}
        kind = name.decode("utf-8", "replace")
        return classified({**members, "type": kind}, provider, EXCEPTION_STATUS.get(kind, 0))
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("error"), dict):
        return classified(value, provider)
    return judge.failure_of(value.get("stopReason"), provider)


def error_form(name: bytes, data: bytes) -> ErrorForm:
    """How an event tells its error: by its name, or by a reason why the message ended."""
    if name.endswith(EXCEPTION) and has_error_shape(read_json_or_none(data)):
        return ErrorForm.OWN
    return ErrorForm.CHUNK if name == _STOP else ErrorForm.FOREIGN


def has_content(name: bytes, _data: bytes) -> bool:
    """Whether an event says something of the answer: a block begins or goes on, or the message ends without any."""
    return name in _SAYING


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether its message was finished, and its usage."""
    finished, usage = _ending(tail[-_RECENT:])
    if len(tail) > _RECENT and (not finished or usage is None):
        return _ending(tail)
    return finished, usage


def _ending(tail: bytes) -> tuple[bool, Usage | None]:
    finished, usage = False, None
    for name, data in sse.events(tail):
        if name not in (_STOP, _USAGE):
            continue
        value = read_json_or_none(data)
        if isinstance(value, dict):
            finished = finished or bool(name == _STOP and value.get("stopReason"))
            usage = judge.usage_in(value) or usage
    return finished, usage


def is_complete(stream: bytes) -> bool:
    """Whether a stream's message says something and ended well."""
    says, reason, is_own = False, None, False
    for name, data in sse.events(stream):
        says = says or name in (b"contentBlockStart", b"contentBlockDelta")
        is_own = is_own or (name == b"contentBlockStart" and b'"toolResult"' in data)
        if name == _STOP:
            value: Any = read_json_or_none(data)
            reason = value.get("stopReason") if isinstance(value, dict) else None
    return says and not is_own and finish_reasons.is_complete(reason)


GRAMMAR: Final = StreamGrammar(error_in, error_form, has_content, ending, is_complete)
"""Converse's streams, for a relay."""
