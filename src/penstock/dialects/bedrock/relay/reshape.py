"""A stored answer of Converse in the other form: a stream as a plain reply, a plain reply as a stream.

Nothing is lost or made up: what can't be told faithfully in the other form is not told at all (None). Source: Amazon
Bedrock API reference, "Converse", "ConverseStream".
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.finish_reasons import UNKNOWN
from penstock.core.json_text import UNREADABLE, read_json, write_json
from penstock.dialects.caller import Reshape
from penstock.dialects.framing import sse

_PADDING: Final = "p"
"""A member of every event that hides how long the others are."""
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""Line breaks of indented JSON, made spaces: they stand between values only, and would end a line of an event."""


# A stream as a plain reply.


class _Block:
    """A block, put together piece by piece. Raises ValueError for what no client could follow."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._kind = next(iter(start), "")
        self._start = json_text.mapping(start, self._kind) if self._kind else {}
        self._texts: dict[str, list[str]] = {}
        self._values: list[Any] = []

    def add(self, delta: Mapping[str, Any]) -> None:
        for kind, value in delta.items():
            match kind, value:
                case "text", str():
                    self._text("text", value)
                case "toolUse", {"input": str(arguments)} if self._kind == "toolUse":
                    self._text("input", arguments)
                case "reasoningContent", {**pieces}:
                    for name, piece in pieces.items():
                        self._text(f"reasoning.{name}", piece)
                case "citation", {**source}:
                    self._values.append(source)
                case "image", {**image} if self._kind == "image":
                    self._values.append(image)
                case "toolResult", list() if self._kind == "toolResult":
                    self._values += value
                case _:
                    raise ValueError(f"a piece of {kind}")

    def _text(self, name: str, piece: Any) -> None:
        if not isinstance(piece, str):
            raise ValueError("a piece that is no text")  # noqa: TRY004 (bad input, not a bug)
        self._texts.setdefault(name, []).append(piece)

    def value(self) -> dict[str, Any]:
        texts = {name: "".join(pieces) for name, pieces in self._texts.items()}
        match self._kind:
            case "toolUse":
                data = texts.get("input", "").strip().encode("utf-8", "surrogatepass") or b"{}"
                read_json(data)
                return {"toolUse": {**self._start, "input": msgspec.Raw(data)}}
            case "image":
                shown = {name: each for piece in self._values for name, each in piece.items()}
                return {"image": {**self._start, **shown}}
            case "toolResult":
                return {"toolResult": {**self._start, "content": self._values}}
            case "":
                return self._spoken(texts)
            case kind:
                raise ValueError(f"a block of {kind}")

    def _spoken(self, texts: Mapping[str, str]) -> dict[str, Any]:
        if "reasoning.redactedContent" in texts:
            pieces = self._texts["reasoning.redactedContent"]
            data = b"".join(base64.b64decode(piece) for piece in pieces)
            return {"reasoningContent": {"redactedContent": base64.b64encode(data).decode()}}
        if any(name.startswith("reasoning.") for name in texts):
            thought = {name.removeprefix("reasoning."): text for name, text in texts.items()}
            return {"reasoningContent": {"reasoningText": {"text": "", **thought}}}
        text = texts.get("text", "")
        if self._values:
            return {"citationsContent": {"content": [{"text": text}], "citations": self._values}}
        return {"text": text}


class _Message:
    """A message, put together event by event."""

    def __init__(self) -> None:
        self._role = "assistant"
        self._blocks: dict[int, _Block] = {}
        self._end: dict[str, Any] = {}
        self.is_whole = False

    def add(self, name: str, value: dict[str, Any]) -> None:
        """Continue with one event. Raises ValueError for what no client could follow."""
        value.pop(_PADDING, None)
        index = value.get("contentBlockIndex")
        match name:
            case "messageStart":
                self._role = json_text.text(value, "role") or self._role
            case "contentBlockStart" if isinstance(index, int):
                self._blocks[index] = _Block(json_text.mapping(value, "start"))
            case "contentBlockDelta" if isinstance(index, int):
                if index not in self._blocks:
                    self._blocks[index] = _Block({})
                self._blocks[index].add(json_text.mapping(value, "delta"))
            case "contentBlockStop":
                pass
            case "messageStop" | "metadata":
                self._end |= value
                self.is_whole = self.is_whole or bool(value.get("stopReason"))
            case _:
                raise ValueError(f"an event {name}")

    def encode(self) -> bytes:
        """The message as JSON. Raises ValueError when a call's arguments are none."""
        content = [self._blocks[index].value() for index in sorted(self._blocks)]
        return write_json({"output": {"message": {"role": self._role, "content": content}}, **self._end})


def to_plain(stream: bytes) -> bytes | None:
    """The message that a whole stream amounts to; None for one without end, or with anything that isn't known."""
    message = _Message()
    try:
        for name, data in sse.events(stream):
            value = read_json(data) if data else None
            if isinstance(value, dict):
                message.add(name.decode("latin-1"), value)
        return message.encode() if message.is_whole else None
    except (ValueError, RecursionError):
        return None


# A plain reply as a stream.

_REPLY: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Use(msgspec.Struct, forbid_unknown_fields=True):
    toolUseId: str  # noqa: N815 (Bedrock's name)
    name: str
    input: msgspec.Raw
    type: str | msgspec.UnsetType = msgspec.UNSET


class _Said(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A block of a kind that streams tell, too."""

    text: str | None = None
    toolUse: _Use | None = None  # noqa: N815
    reasoningContent: dict[str, Any] | None = None  # noqa: N815
    citationsContent: dict[str, Any] | None = None  # noqa: N815
    image: dict[str, Any] | None = None


class _Content(msgspec.Struct):
    content: list[_Said]
    role: str = "assistant"


class _Output(msgspec.Struct):
    message: _Content


_OUTPUT: Final = msgspec.json.Decoder(_Output)
_IN_STOP: Final = ("stopReason", "additionalModelResponseFields")


def to_stream(reply: bytes, _include_usage: bool = True) -> bytes | None:
    """The stream that a plain message would have been; None for anything else. Its usage is always told."""
    try:
        members = _REPLY.decode(reply.translate(_ONE_LINE))
        message = _OUTPUT.decode(members.get("output", b"")).message
        return b"".join(_events(members, message)) if message.content or "stopReason" in members else None
    except (ValueError, *UNREADABLE):
        return None


def _events(members: Mapping[str, msgspec.Raw], message: _Content) -> Iterator[bytes]:
    yield _event("messageStart", role=message.role)
    for index, block in enumerate(message.content):
        start, deltas = _pieces(block)
        if start is not None:
            yield _event("contentBlockStart", start=start, contentBlockIndex=index)
        for delta in deltas:
            yield _event("contentBlockDelta", delta=delta, contentBlockIndex=index)
        yield _event("contentBlockStop", contentBlockIndex=index)
    stop: dict[str, Any] = {name: members[name] for name in _IN_STOP if name in members}
    if bytes(members.get("stopReason", b"null")) in (b"null", b'""'):
        stop["stopReason"] = UNKNOWN  # a stream without it was cut (docs/fidelity.md#answers-without-a-reason)
    yield _event("messageStop", **stop)
    rest = {name: value for name, value in members.items() if name not in {*_IN_STOP, "output"}}
    yield _event("metadata", **rest)


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), write_json(members))


def _pieces(block: _Said) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """How a block begins, None for one that doesn't say so, and its pieces. Raises ValueError."""
    if block.text is not None:
        return None, [{"text": block.text}]
    if block.toolUse is not None:
        use = block.toolUse
        kind = {} if use.type is msgspec.UNSET else {"type": use.type}
        start = {"toolUse": {"toolUseId": use.toolUseId, "name": use.name, **kind}}
        return start, [{"toolUse": {"input": bytes(use.input).decode()}}]
    if block.reasoningContent is not None:
        return None, _thoughts(block.reasoningContent)
    if block.citationsContent is not None:
        texts, sources = block.citationsContent.get("content"), block.citationsContent.get("citations")
        return None, [
            *({"text": json_text.text(each, "text")} for each in json_text.mappings(texts)),
            *({"citation": each} for each in json_text.mappings(sources)),
        ]
    if block.image is not None:
        start = {"image": {"format": json_text.text(block.image, "format")}}
        return start, [{"image": {name: each for name, each in block.image.items() if name != "format"}}]
    raise ValueError("a block that no stream tells")


def _thoughts(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "redactedContent" in value:
        return [{"reasoningContent": {"redactedContent": value["redactedContent"]}}]
    thought = json_text.mapping(value, "reasoningText")
    return [{"reasoningContent": {name: thought[name]}} for name in ("text", "signature") if name in thought]


def _with_usage(reply: bytes, _include_usage: bool) -> bytes:
    """Converse's replies always tell their usage."""
    return reply


RESHAPE: Final = Reshape(to_plain, to_stream, _with_usage, to_plain)
"""Stored answers in the other form."""
