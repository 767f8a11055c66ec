"""A stored message in the other form: a stream as a plain reply, a plain reply as a stream.

Nothing is lost or made up: unknown members are kept, and what can't be told faithfully in the other form is not told at
all (None). Sources: Anthropic API reference, "Create a Message"; Claude docs, "Streaming messages".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.json_text import UNREADABLE, read_json, write_json
from penstock.dialects.anthropic.usage import merged
from penstock.dialects.caller import Reshape
from penstock.dialects.framing import sse

_PIECE: Final = 500
"""Characters of text in one event."""


# A stream as a plain reply.


class _Message:
    """A message, put together event by event."""

    def __init__(self) -> None:
        self.is_whole = False
        self._members: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: list[dict[str, Any]] = []
        self._inputs: list[list[str]] = []
        self._texts: list[dict[str, list[str]]] = []
        """The pieces of each block's texts that go on, by the name of their member."""
        self._is_open = self._says_why = False

    @property
    def is_over(self) -> bool:
        """Whether a message without more events is whole: its last event may be missing where it said why it ended."""
        return self.is_whole or (self._says_why and not self._is_open)

    def add(self, name: str, value: dict[str, Any]) -> None:
        """Continue with one event. Raises ValueError for what no client could follow."""
        match value.pop("type", name):
            case "message_start":
                self._members = _object(value, "message")
                self._usage = dict(json_text.mapping(self._members, "usage"))
            case "content_block_start":
                self._start(value)
            case "content_block_delta":
                self._delta(_object(value, "delta"), self._current(value))
            case "content_block_stop":
                self._current(value)
                self._is_open = False
            case "message_delta":
                merged(self._usage, json_text.mapping(value, "usage"))
                value.pop("usage", None)
                self._members |= _object(value, "delta")
                self._says_why = bool(self._members.get("stop_reason"))
                self._members |= {member: each for member, each in value.items() if member != "delta"}
            case "message_stop":
                self.is_whole = bool(self._members) and not self._is_open
                self._members |= value
            case "ping":
                pass
            case kind:
                raise ValueError(f"an event of type {kind}")

    def _start(self, value: Mapping[str, Any]) -> None:
        if self._is_open or value.get("index") != len(self._blocks):
            raise ValueError("blocks that aren't told one after the other")
        self._is_open = True
        self._blocks.append(_object(value, "content_block"))
        self._inputs.append([])
        self._texts.append({})

    def _current(self, value: Mapping[str, Any]) -> int:
        if not self._is_open or value.get("index") != len(self._blocks) - 1:
            raise ValueError("a block that isn't open")
        return len(self._blocks) - 1

    def _delta(self, delta: dict[str, Any], at: int) -> None:
        block, kind = self._blocks[at], delta.pop("type", None)
        if kind == "input_json_delta":
            self._inputs[at].append(json_text.text(delta, "partial_json"))
        elif kind == "citations_delta":
            _cited(block).append(delta.get("citation"))
        else:
            for name, piece in delta.items():
                before = block.get(name)
                if isinstance(before, str) and isinstance(piece, str):
                    self._texts[at].setdefault(name, [before]).append(piece)
                else:
                    block[name] = piece
                    self._texts[at].pop(name, None)

    def encode(self) -> bytes:
        """The message as JSON. Raises ValueError when a call's arguments are none."""
        for block, texts in zip(self._blocks, self._texts, strict=True):
            block |= {name: "".join(text_pieces) for name, text_pieces in texts.items()}
        for block, pieces in zip(self._blocks, self._inputs, strict=True):
            text = "".join(pieces)
            if text.strip():
                data = text.strip().encode()
                read_json(data)
                block["input"] = msgspec.Raw(data)
        usage = {"usage": self._usage} if self._usage else {}
        return write_json({**self._members, "content": self._blocks, **usage})


def _cited(block: dict[str, Any]) -> list[Any]:
    """The citations of a block, a list that may grow. Raises ValueError when they are none."""
    citations = block.get("citations") or []
    if not isinstance(citations, list):
        raise ValueError("citations that are no list")  # noqa: TRY004 (bad input, not a bug)
    block["citations"] = citations
    return citations


def _object(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    if isinstance(found, dict):
        return found
    raise ValueError(f"an event without its {name}")


def to_plain(stream: bytes) -> bytes | None:
    """The message that a whole stream amounts to; None for one without end, with an error, or without order."""
    message = _Message()
    try:
        for name, data in sse.events(stream):
            if message.is_whole or not data:
                continue
            value = read_json(data)
            if not isinstance(value, dict) or name == b"error":
                return None
            message.add(name.decode("latin-1"), value)
        return message.encode() if message.is_over else None
    except (ValueError, RecursionError):
        return None


# A plain reply as a stream.

_MESSAGE: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BLOCKS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_IN_DELTA: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
_ALWAYS: Final = ("stop_reason", "stop_sequence")
_TEXTS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "text": (("text", "text_delta"),),
    "thinking": (("thinking", "thinking_delta"), ("signature", "signature_delta")),
}
_NULL: Final = msgspec.Raw(b"null")
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""Line breaks of indented JSON, made spaces: they stand between values only, and would end a line of an event."""


def to_stream(reply: bytes, _include_usage: bool = True) -> bytes | None:
    """The stream that a plain message would have been; None for anything else. Its usage is always told. A message that
    doesn't say why it ended ends as one, with a null (docs/fidelity.md#answers-without-a-reason)."""
    try:
        message = _MESSAGE.decode(reply.translate(_ONE_LINE))
        blocks = _BLOCKS.decode(message.get("content", b""))
        says_why = bytes(message.get("stop_reason", b"null")) != b"null"
        if bytes(message.get("type", b"")) != b'"message"' or not (says_why or blocks):
            return None
        return b"".join(_events(message, blocks))
    except (ValueError, *UNREADABLE):
        return None


def _events(message: dict[str, msgspec.Raw], blocks: list[dict[str, msgspec.Raw]]) -> Iterator[bytes]:
    head: dict[str, Any] = {
        name: [] if name == "content" else None if name in _IN_DELTA else value for name, value in message.items()
    }
    yield _event(
        "message_start", message={name: head[name] for name in head if name not in _IN_DELTA or name in _ALWAYS}
    )
    for index, block in enumerate(blocks):
        start, deltas = _block(block)
        yield _event("content_block_start", index=index, content_block=start)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    delta = {name: message.get(name, _NULL) for name in _IN_DELTA if name in message or name in _ALWAYS}
    usage = {"usage": message["usage"]} if "usage" in message else {}
    yield _event("message_delta", delta=delta, **usage)
    yield _event("message_stop")


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), write_json({"type": kind, **members}))


def _block(block: dict[str, msgspec.Raw]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins, and what follows: text in pieces, input and sources apart, everything else at once."""
    kind = read_json(bytes(block.get("type", b'""')))
    start: dict[str, Any] = dict(block)
    deltas: list[dict[str, Any]] = []
    for name, delta in _TEXTS.get(kind, ()) if isinstance(kind, str) else ():
        text = read_json(bytes(block[name])) if name in block else None
        if isinstance(text, str):
            start[name] = ""
            step = _PIECE if name != "signature" else max(len(text), 1)
            deltas += [{"type": delta, name: text[at : at + step]} for at in range(0, len(text), step)]
    sources = read_json(bytes(block["citations"])) if kind == "text" and "citations" in block else None
    if isinstance(sources, list):
        start["citations"] = []
        deltas += [{"type": "citations_delta", "citation": source} for source in sources]
    written = bytes(block.get("input", b""))
    if written.startswith(b"{") and written[1:-1].strip():
        start["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": written.decode()})
    return start, deltas


def _with_usage(reply: bytes, _include_usage: bool) -> bytes:
    """Anthropic's replies always tell their usage."""
    return reply


RESHAPE: Final = Reshape(to_plain, to_stream, _with_usage, to_plain)
"""Stored messages in the other form."""
