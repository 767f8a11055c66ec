"""What a provider's dialect is to the rest of the house: one value. Its counterpart for callers is in caller.py.

All of it is sans-I/O and total: outside bytes, whatever they are, give events or a ``Failure``, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from penstock.core.chat import ChatRequest
from penstock.core.events import Event, PlainReply
from penstock.core.failure import Failure
from penstock.core.http import NDJSON
from penstock.core.json_slices import write_in_slices
from penstock.core.json_text import write_json
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.chat_quirks import NO_QUIRKS, ChatQuirks
from penstock.dialects.framing import sse
from penstock.dialects.function_names import NameRule


class WriteContext(msgspec.Struct, frozen=True):
    """What a request is written for. ``model`` is the name for the provider, ``options`` the row's settings by name
    (``anthropic_version``, ...), ``variant`` tells hosts of one dialect apart where the body differs (``vertex``).
    ``asked`` are settings of the same names that the request itself makes, in header fields of the caller's wire.
    ``aliased_model`` is the model's own name where ``model`` stands for it without saying so. ``quirks`` are the
    host's, where it speaks OpenAI's wire. ``functions`` are the names of the tools that one request offers, for the
    reader of a stream that may write a name over several events (docs/quirks.md#names-in-pieces)."""

    model: str
    provider: str = ""
    traits: Traits = ANY_MODEL
    options: Mapping[str, str] = {}
    variant: str = ""
    aliased_model: str = ""
    quirks: ChatQuirks = NO_QUIRKS
    asked: Mapping[str, str] = {}
    functions: tuple[str, ...] = ()


class Payload(msgspec.Struct, frozen=True):
    """A request in a provider's dialect: the body to send, what could not be expressed, header fields of this request
    alone (a beta feature, say). ``unstreamed``: it can be answered in one piece only, though a stream is wanted.
    ``forced_call`` is the function whose arguments the answer's text is (forced_call.py), empty for none."""

    body: bytes
    dropped: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    unstreamed: bool = False
    forced_call: str = ""


def encoded(body: dict[str, Any], request: ChatRequest) -> bytes:
    """The body of a written request as JSON. Of a large request, body and messages are used up on the way."""
    if not request.is_large:
        return write_json(body)
    data = write_in_slices(body)
    request.forget_messages()
    return data


class Reader(Protocol):
    """Reads one streamed reply. Any way of cutting its bytes gives the same events."""

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes as they came."""
        ...

    def finish(self) -> list[Event]:
        """The stream has ended in good order. Ends with ``Fail(broken=True)`` when the answer had not."""
        ...


def _none_plain(_data: bytes) -> None:
    """Each reply is read by ``read_reply``."""


class ProviderDialect(msgspec.Struct, frozen=True):
    """One wire as providers speak it.

    ``write`` puts a request into it. ``reader`` makes a reader for a streamed reply, ``read_reply`` reads a whole one
    (status 2xx) into the same events. ``stream_types`` are the content types of a streamed reply; of a reply with any
    other type, its first bytes tell whether it is one (``begins_stream``).
    """

    name: str
    write: Callable[[ChatRequest, WriteContext], Payload | Failure]
    reader: Callable[[WriteContext], Reader]
    read_reply: Callable[[bytes, WriteContext], list[Event]]
    stream_types: tuple[bytes, ...] = (b"text/event-stream",)
    function_names: NameRule | None = None
    """What a function may be called; other names are written in allowed characters. None: as the caller calls it."""
    begins_stream: Callable[[bytes], bool] = sse.begins
    read_plain: Callable[[bytes], PlainReply | None] = _none_plain
    """Reads a whole reply that is text alone by one typed decode, as ``read_reply`` and ``plain_reply`` would. None for
    any other, and for bytes that are no reply."""
    repeats_texts: bool = False
    """Whether an event that tells one text leaves its reader as it was, so that the next event with the same bytes
    around its text tells that text, and nothing else (dialects/framing/text_template.py)."""

    @property
    def streams_lines(self) -> bool:
        """Whether a streamed reply is lines of JSON, so that it begins as a whole one does: its first line tells."""
        return NDJSON in self.stream_types
