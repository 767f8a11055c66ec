"""The events of an answer, independent of any wire format: a provider dialect reads a reply into events, the caller's
dialect writes them. A plain reply is the collected events.

``choice`` is the index of the answer among several, ``block`` the index of the content block within its choice: a new
number begins a new block. Events are in the provider's order. Text is never cut or joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.usage import Usage


class Start(msgspec.Struct, frozen=True, gc=False):
    """The reply's id, model and time; empty and 0 if the provider sent none. The first event, or absent."""

    id: str = ""
    model: str = ""
    created: int = 0


class Text(msgspec.Struct, frozen=True, gc=False):
    text: str
    choice: int = 0
    block: int = 0


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A piece of the text with which the model refuses to answer."""

    text: str
    choice: int = 0


class Thinking(msgspec.Struct, frozen=True, gc=False):
    """Reasoning: a piece of its text, or the ``signature`` that the client must send back with it (either may be
    empty), or ``data``, a whole block that only its maker can read. ``owner``: see ``core.chat.Owner``. ``covers`` is
    the length of the text after it that the signature signs."""

    text: str = ""
    signature: str = ""
    data: str = ""
    owner: str = ""
    choice: int = 0
    block: int = 0
    covers: int = 0


class ToolStart(msgspec.Struct, frozen=True, gc=False):
    """A call of a caller's tool begins. ``index`` counts the calls of its choice from 0 without gaps. ``id`` is empty
    if the provider sends none: the writer then makes one. ``signature`` is opaque and must be sent back on this
    call. ``custom``: the tool takes free text, and the call's ``ToolArgs`` are pieces of it."""

    index: int
    name: str
    id: str = ""
    signature: str = ""
    owner: str = ""
    choice: int = 0
    custom: bool = False


class ToolArgs(msgspec.Struct, frozen=True, gc=False):
    """A piece of a call's arguments: JSON text, in order. A call without any ``ToolArgs`` has no arguments."""

    json: str
    index: int
    choice: int = 0


class Media(msgspec.Struct, frozen=True, gc=False):
    """An image, a sound or a file that the model made: base64 ``data`` or a ``url``."""

    mime: str
    data: str = ""
    url: str = ""
    choice: int = 0
    block: int = 0


class Citation(msgspec.Struct, frozen=True):
    """A source of the answer's text. ``start`` and ``end`` count characters of the choice's whole text; None: the
    source covers the text of the block so far. ``raw`` is the citation in the provider's own shape."""

    raw: Mapping[str, Any]
    url: str = ""
    title: str = ""
    start: int | None = None
    end: int | None = None
    choice: int = 0
    block: int = 0


class Foreign(msgspec.Struct, frozen=True):
    """A content block, or a piece of a block, that exists only in the provider's dialect (a server tool's call and
    result, executed code, ...), in the provider's shape. It is no call of the caller's tools. ``owner`` is the maker of
    the shape, empty if the block's type identifies the maker."""

    value: Mapping[str, Any]
    choice: int = 0
    block: int = 0
    owner: str = ""


class Extra(msgspec.Struct, frozen=True):
    """A member of the reply (``choice`` None) or of a choice that doesn't exist in OpenAI's dialect, by its name."""

    name: str
    value: Any
    choice: int | None = None


class Logprobs(msgspec.Struct, frozen=True):
    """Log probabilities in OpenAI's shape (``content``: a list of token objects)."""

    content: tuple[Mapping[str, Any], ...]
    choice: int = 0


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A choice is finished. ``reason`` is OpenAI's finish reason: stop, length, tool_calls, content_filter; ``native``
    is the provider's. A later ``Stop`` for the same choice replaces an earlier one. If the choice has tool calls, the
    writer changes ``stop`` to ``tool_calls``. ``sequence`` is the stop sequence that ended the choice, if known.

    ``detail`` names reasons that OpenAI lacks: refusal (the model refused), pause (the turn can be continued), context
    (the context window is full)."""

    reason: str
    native: str = ""
    choice: int = 0
    sequence: str = ""
    detail: str = ""


def is_cut(stop: Stop | None) -> bool:
    """Whether the answer ended where its limit was, perhaps in the middle of a call's arguments."""
    return stop is not None and (stop.reason == "length" or stop.detail == "context")


class Fail(msgspec.Struct, frozen=True):
    """The answer ended with an error of the provider (``raw`` is its body) or with invalid bytes (``broken``: cut off,
    garbage). No event follows."""

    message: str
    type: str = ""
    code: str = ""
    status: int = 0
    raw: bytes = b""
    broken: bool = False


Event = (
    Start
    | Text
    | Refusal
    | Thinking
    | ToolStart
    | ToolArgs
    | Media
    | Citation
    | Foreign
    | Extra
    | Logprobs
    | Usage
    | Stop
    | Fail
)


class CollectedCall(msgspec.Struct):
    """A complete tool call. ``custom``: ``arguments`` is free text."""

    id: str
    name: str
    arguments: str = ""
    signature: str = ""
    owner: str = ""
    custom: bool = False


class Choice(msgspec.Struct):
    """One complete answer. ``blocks`` are its content blocks by number, each a list of its events. ``calls_before`` is
    the number of tool calls before a block, by block number, without zeros."""

    index: int
    blocks: dict[int, list[Text | Thinking | Media | Citation | Foreign]] = msgspec.field(default_factory=dict)
    calls: list[CollectedCall] = msgspec.field(default_factory=list)
    calls_before: dict[int, int] = msgspec.field(default_factory=dict)
    refusal: str = ""
    logprobs: list[Mapping[str, Any]] = msgspec.field(default_factory=list)
    extras: dict[str, Any] = msgspec.field(default_factory=dict)
    stop: Stop | None = None


class ChatReply(msgspec.Struct):
    """A complete reply. ``failure`` is set if the reply is an error."""

    start: Start = Start()
    choices: dict[int, Choice] = msgspec.field(default_factory=dict)
    usage: Usage | None = None
    extras: dict[str, Any] = msgspec.field(default_factory=dict)
    failure: Fail | None = None

    def choice(self, index: int) -> Choice:
        """The choice with this index, created if it doesn't exist."""
        choice = self.choices.get(index)
        if choice is None:
            choice = self.choices[index] = Choice(index)
        return choice


def collect(events: Iterable[Event]) -> ChatReply:
    """The reply that consists of these events."""
    collected = _Collected(ChatReply())
    for event in events:
        _ADD[type(event)](collected, event)
    return collected.whole()


class PlainReply(msgspec.Struct, frozen=True, gc=False):
    """A complete reply that is one answer, and that nothing but text: as most are."""

    text: str
    start: Start
    stop: Stop | None
    usage: Usage | None


def plain_reply(events: Iterable[Event]) -> PlainReply | None:
    """The reply that consists of these events, without its ``extras``; None for one that says more than text."""
    texts: list[str] = []
    start = _NO_START
    stop: Stop | None = None
    usage: Usage | None = None
    for event in events:
        if type(event) is Text and not event.choice:
            texts.append(event.text)
        elif type(event) is Stop and not event.choice:
            stop = event
        elif type(event) is Usage and usage is None:
            usage = event
        elif type(event) is Start:
            start = event
        elif type(event) is not Extra:
            return None
    return PlainReply(texts[0] if len(texts) == 1 else "".join(texts), start, stop, usage)


_NO_START: Final = Start()


class _Collected(msgspec.Struct):
    """A reply that is being collected, and the pieces of what is joined at its end."""

    reply: ChatReply
    arguments: dict[tuple[int, int], list[str]] = msgspec.field(default_factory=dict)
    """The arguments of calls, by choice and call."""
    refusals: dict[int, list[str]] = msgspec.field(default_factory=dict)
    usages: list[Usage] = msgspec.field(default_factory=list)

    def whole(self) -> ChatReply:
        for (choice, call), pieces in self.arguments.items():
            self.reply.choice(choice).calls[call].arguments = "".join(pieces)
        for choice, pieces in self.refusals.items():
            self.reply.choice(choice).refusal = "".join(pieces)
        self.reply.usage = Usage.folded(self.usages)
        return self.reply


def _add_to_block(collected: _Collected, event: Text | Thinking | Media | Citation | Foreign) -> None:
    choice = collected.reply.choice(event.choice)
    block = choice.blocks.get(event.block)
    if block is None:
        choice.blocks[event.block] = [event]
        if choice.calls:
            choice.calls_before[event.block] = len(choice.calls)
    else:
        block.append(event)


def _add_call(collected: _Collected, event: ToolStart) -> None:
    call = CollectedCall(event.id, event.name, "", event.signature, event.owner, event.custom)
    collected.reply.choice(event.choice).calls.append(call)


def _add_arguments(collected: _Collected, event: ToolArgs) -> None:
    collected.arguments.setdefault((event.choice, event.index), []).append(event.json)


def _add_refusal(collected: _Collected, event: Refusal) -> None:
    collected.reply.choice(event.choice)
    collected.refusals.setdefault(event.choice, []).append(event.text)


def _add_extra(collected: _Collected, event: Extra) -> None:
    reply = collected.reply
    members = reply.extras if event.choice is None else reply.choice(event.choice).extras
    members[event.name] = event.value


def _add_logprobs(collected: _Collected, event: Logprobs) -> None:
    collected.reply.choice(event.choice).logprobs += event.content


def _add_stop(collected: _Collected, event: Stop) -> None:
    collected.reply.choice(event.choice).stop = event


def _add_start(collected: _Collected, event: Start) -> None:
    collected.reply.start = event


def _add_usage(collected: _Collected, event: Usage) -> None:
    collected.usages.append(event)


def _add_failure(collected: _Collected, event: Fail) -> None:
    collected.reply.failure = event


_ADD: Final[Mapping[type, Callable[[_Collected, Any], None]]] = {
    **dict.fromkeys((Text, Thinking, Media, Citation, Foreign), _add_to_block),
    ToolStart: _add_call,
    ToolArgs: _add_arguments,
    Refusal: _add_refusal,
    Extra: _add_extra,
    Logprobs: _add_logprobs,
    Stop: _add_stop,
    Start: _add_start,
    Usage: _add_usage,
    Fail: _add_failure,
}
"""The handler of each event type. A table, because a chain of ``isinstance`` checks was the largest cost."""
