"""Output items while they are written: messages, thoughts and calls, each with its events.

Source: OpenAI API reference, "Streaming events".
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.core.chat import Owner, ToolForm
from penstock.core.events import Thinking, ToolStart
from penstock.core.json_text import read_json_or_none, write_json
from penstock.dialects.envelope import Sealer
from penstock.dialects.free_text_tools import free_text
from penstock.dialects.responses.caller.members import item_id
from penstock.dialects.responses.client_tools import CLIENT_TOOLS, TOOL_SEARCH, called


class Teller:
    """Collects the events of one stream, numbered from 0. ``is_quiet``: nothing is collected."""

    __slots__ = ("_is_quiet", "_number", "_told")

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        self._number = 0
        self._told: list[bytes] = []

    def tell(self, kind: str, **members: Any) -> None:
        """Add one event."""
        if not self._is_quiet:
            data = write_json({"type": kind, **members, "sequence_number": self._number})
            self._told.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))
            self._number += 1

    def delta(self, beginning: bytes, text: str, end: bytes) -> None:
        """Add one event whose bytes but for its text and its number are known."""
        if not self._is_quiet:
            self._told += [beginning, write_json(text), end, b"%d}\n\n" % self._number]
            self._number += 1

    def taken(self) -> bytes:
        """The events since the last time."""
        events, self._told = self._told, []
        return b"".join(events)


def _beginning(kind: str, **members: Any) -> bytes:
    """How the events of one text begin."""
    head = write_json({"type": kind, **members})[:-1]
    return b'event: %s\ndata: %s,"delta":' % (kind.encode(), head)


_END = b',"sequence_number":'
_END_OF_TEXT = b',"logprobs":[],"sequence_number":'


class MessageItem(msgspec.Struct):
    """A message. ``kind`` is the type of the part that is open, empty before the first; ``part_start`` and
    ``block_start`` count the characters of the answer's text before the part, and before the provider's block."""

    number: int
    id: str
    kind: str = ""
    part_start: int = 0
    block_start: int = 0
    content: list[dict[str, Any]] = msgspec.field(default_factory=list)
    pieces: list[str] = msgspec.field(default_factory=list)
    annotations: list[dict[str, Any]] = msgspec.field(default_factory=list)
    head: bytes = b""
    end_of_delta: bytes = b""

    def begin(self, teller: Teller) -> None:
        teller.tell("response.output_item.added", output_index=self.number, item=self._item("in_progress", []))

    def _item(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": content}

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.number, "content_index": len(self.content)}

    def begin_part(self, teller: Teller, kind: str, logprobs: list[Any], start: int) -> None:
        """Begin a part after the one that is open, whose log probabilities are given."""
        self._end_part(teller, logprobs)
        self.kind, self.part_start, self.block_start = kind, start, start
        self.head = _beginning(f"response.{kind}.delta", **self._place())
        self.end_of_delta = _END_OF_TEXT if kind == "output_text" else _END
        teller.tell("response.content_part.added", **self._place(), part=self._part("", []))

    def _part(self, text: str, logprobs: list[Any]) -> dict[str, Any]:
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": list(self.annotations), "logprobs": logprobs}

    def say(self, teller: Teller, text: str) -> None:
        """A piece of the text."""
        self.pieces.append(text)
        teller.delta(self.head, text, self.end_of_delta)

    def cite(self, teller: Teller, annotation: dict[str, Any]) -> None:
        """A source of the text."""
        place = {**self._place(), "annotation_index": len(self.annotations), "annotation": annotation}
        teller.tell("response.output_text.annotation.added", **place)
        self.annotations.append(annotation)

    def _end_part(self, teller: Teller, logprobs: list[Any]) -> None:
        if not self.kind:
            return
        text = "".join(self.pieces)
        part = self._part(text, logprobs)
        if self.kind == "refusal":
            teller.tell("response.refusal.done", **self._place(), refusal=text)
        else:
            teller.tell("response.output_text.done", **self._place(), text=text, logprobs=logprobs)
        teller.tell("response.content_part.done", **self._place(), part=part)
        self.content.append(part)
        self.pieces, self.annotations = [], []

    def end(self, teller: Teller, logprobs: list[Any], status: str) -> dict[str, Any]:
        """The whole message."""
        self._end_part(teller, logprobs)
        item = self._item(status, self.content)
        teller.tell("response.output_item.done", output_index=self.number, item=item)
        return item


class ReasoningItem(msgspec.Struct):
    """A thought. ``block`` is the provider's number of it; ``hides``: its text is not shown, so that it goes into the
    envelope."""

    number: int
    id: str
    block: int
    hides: bool = False
    owner: str = ""
    texts: list[str] = msgspec.field(default_factory=list)
    signatures: list[str] = msgspec.field(default_factory=list)
    data: list[str] = msgspec.field(default_factory=list)
    head: bytes = b""

    def begin(self, teller: Teller) -> None:
        item = {"id": self.id, "type": "reasoning", "summary": []}
        teller.tell("response.output_item.added", output_index=self.number, item=item)

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.number, "summary_index": 0}

    def think(self, teller: Teller, each: Thinking) -> None:
        """A piece of the thought."""
        self.owner = each.owner or self.owner
        self.signatures += [each.signature] if each.signature else []
        self.data += [each.data] if each.data else []
        if not each.text:
            return
        self.texts.append(each.text)
        if self.hides:
            return
        if not self.head:
            part = {"type": "summary_text", "text": ""}
            teller.tell("response.reasoning_summary_part.added", **self._place(), part=part)
            self.head = _beginning("response.reasoning_summary_text.delta", **self._place())
        teller.delta(self.head, each.text, _END)

    def end(self, teller: Teller, sealer: Sealer) -> dict[str, Any]:
        """The whole thought."""
        text = "".join(self.texts)
        part = {"type": "summary_text", "text": text}
        if self.head:
            teller.tell("response.reasoning_summary_text.done", **self._place(), text=text)
            teller.tell("response.reasoning_summary_part.done", **self._place(), part=part)
        item: dict[str, Any] = {"id": self.id, "type": "reasoning", "summary": [part] if self.head else []}
        opaque = self._opaque(text, sealer)
        if opaque:
            item["encrypted_content"] = opaque
        teller.tell("response.output_item.done", output_index=self.number, item=item)
        return item

    def _opaque(self, text: str, sealer: Sealer) -> str:
        """OpenAI's own encrypted content as it is; an envelope around what another maker signed or isn't shown."""
        signature, data = "".join(self.signatures), "".join(self.data)
        if self.owner == Owner.OPENAI:
            return data or signature
        hidden = text if self.hides else ""
        return sealer.thought(self.owner, signature, data, hidden) if signature or data or hidden else ""


class CallItem(msgspec.Struct):
    """A call of one of the caller's tools. ``form`` says how the tool is called in this wire, None for a function."""

    number: int
    id: str
    call_id: str
    name: str
    form: ToolForm | None = None
    pieces: list[str] = msgspec.field(default_factory=list)
    head: bytes = b""

    @classmethod
    def of(cls, number: int, each: ToolStart, form: ToolForm | None, seed: str, call_id: str) -> CallItem:
        """The item of a call that begins."""
        if each.custom and form is None:
            form = ToolForm("custom", each.name)
        return cls(number, item_id(_PREFIXES.get(_kind(form), "fc"), seed, number), call_id, each.name, form)

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def begin(self, teller: Teller) -> None:
        teller.tell("response.output_item.added", output_index=self.number, item=self._item("in_progress", ""))
        if _kind(self.form) == "function":
            self.head = _beginning("response.function_call_arguments.delta", **self._place())

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.number}

    def add(self, teller: Teller, json: str) -> None:
        """A piece of the arguments. What isn't JSON in this wire is told when it is whole."""
        if json:
            self.pieces.append(json)
            if self.head:
                teller.delta(self.head, json, _END)

    def end(self, teller: Teller, status: str) -> dict[str, Any]:
        """The whole call. One without arguments has those of an empty object."""
        kind = _kind(self.form)
        if kind == "function":
            if not self.arguments.strip():
                self.add(teller, "{}")
            done = {**self._place(), "name": self._name, "arguments": self.arguments}
            teller.tell("response.function_call_arguments.done", **done)
        elif kind == "custom":
            text = free_text(self.arguments)
            teller.tell("response.custom_tool_call_input.delta", **self._place(), delta=text)
            teller.tell("response.custom_tool_call_input.done", **self._place(), input=text)
        item = self._item(status, self.arguments)
        teller.tell("response.output_item.done", output_index=self.number, item=item)
        return item

    @property
    def _name(self) -> str:
        return self.name if self.form is None else self.form.name

    def _item(self, status: str, arguments: str) -> dict[str, Any]:
        kind = _kind(self.form)
        item: dict[str, Any] = {"id": self.id, "status": status, "call_id": self.call_id}
        named: dict[str, Any] = {"name": self._name}
        if self.form is not None and self.form.namespace:
            named["namespace"] = self.form.namespace
        if kind == "custom":
            return {**item, "type": "custom_tool_call", **named, "input": free_text(arguments) if arguments else ""}
        if kind == TOOL_SEARCH:
            value = read_json_or_none(arguments.encode("utf-8", "surrogatepass")) if arguments else {}
            return {**item, "type": "tool_search_call", "execution": "client", "arguments": value}
        if kind in CLIENT_TOOLS:
            return {**item, "type": CLIENT_TOOLS[kind].call, **called(kind, arguments)}
        return {**item, "type": "function_call", **named, "arguments": arguments}


_PREFIXES = {"custom": "ctc", "local_shell": "lsh", "shell": "sh", "apply_patch": "apc", TOOL_SEARCH: "tsc"}


def _kind(form: ToolForm | None) -> str:
    return "function" if form is None else form.kind
