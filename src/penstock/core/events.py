"""What happens in an answer, apart from any wire format: the closed set of events between a dialect's reader and the
writer of the caller's dialect. A plain reply is the same events, collected.

``choice`` is the index of the answer among several, ``block`` that of the content block within its choice: a new
number begins a new block. Order is the order in which the provider said things. Text is never cut or joined with
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.usage import Usage


class Start(msgspec.Struct, frozen=True, gc=False):
    """What is known of the reply as a whole; empty and 0 where the provider said nothing. First or absent."""

    id: str = ""
    model: str = ""
    created: int = 0


class Text(msgspec.Struct, frozen=True, gc=False):
    text: str
    choice: int = 0
    block: int = 0


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Text by which the model declines."""

    text: str
    choice: int = 0


class Thinking(msgspec.Struct, frozen=True, gc=False):
    """Reasoning: a piece of its text, or the ``signature`` that its maker wants back with it (either may be empty), or
    ``data``, a whole block that only its maker can read. ``owner``: see ``core.chat.Owner``."""

    text: str = ""
    signature: str = ""
    data: str = ""
    owner: str = ""
    choice: int = 0
    block: int = 0


class ToolStart(msgspec.Struct, frozen=True, gc=False):
    """A call of a caller's tool begins. ``index`` counts the calls of its choice from 0, densely. ``id`` may be empty
    where the provider has none: the writer then gives one. ``signature``: opaque, to be sent back on this very call."""

    index: int
    name: str
    id: str = ""
    signature: str = ""
    owner: str = ""
    choice: int = 0


class ToolArgs(msgspec.Struct, frozen=True, gc=False):
    """A piece of a call's arguments: JSON text, in order. None at all means a call without arguments."""

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
    """A source of what was said. ``start`` and ``end`` count characters of the choice's whole text; None: the text of
    the block so far. ``raw`` is the citation in the provider's own shape."""

    raw: Mapping[str, Any]
    url: str = ""
    title: str = ""
    start: int | None = None
    end: int | None = None
    choice: int = 0
    block: int = 0


class Foreign(msgspec.Struct, frozen=True):
    """A content block, or a piece of one, that exists in the provider's dialect only (a server tool's call and result,
    executed code, ...), in its own shape. The caller must not take it for a call of its own tools. ``owner`` is whose
    shape it is, empty when the block's type says so."""

    value: Mapping[str, Any]
    choice: int = 0
    block: int = 0
    owner: str = ""


class Extra(msgspec.Struct, frozen=True):
    """A member of the reply (``choice`` None) or of a choice that OpenAI's dialect has no place for, by its name."""

    name: str
    value: Any
    choice: int | None = None


class Logprobs(msgspec.Struct, frozen=True):
    """Log probabilities in OpenAI's shape (``content``: a list of token objects)."""

    content: tuple[Mapping[str, Any], ...]
    choice: int = 0


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A choice is finished. ``reason`` is OpenAI's word: stop, length, tool_calls, content_filter; ``native`` the
    provider's. A later one for the same choice replaces it. The writer makes ``tool_calls`` of ``stop`` itself where
    the choice has tool calls. ``sequence`` is the stop sequence that ended it, where the provider tells.

    What OpenAI has no word for is told by ``detail``: refusal (the model declined), pause (it would go on), context
    (the context window is full)."""

    reason: str
    native: str = ""
    choice: int = 0
    sequence: str = ""
    detail: str = ""


class Fail(msgspec.Struct, frozen=True):
    """The answer ended in an error that the provider told (``raw`` is its body) or that its bytes show (``broken``:
    cut off, garbage). Nothing follows."""

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
    """A tool call, whole."""

    id: str
    name: str
    arguments: str = ""
    signature: str = ""
    owner: str = ""


class Choice(msgspec.Struct):
    """One answer, whole. ``blocks`` are its content blocks by number, each a list of the events that make it up.
    ``calls_before`` says of how many calls of tools each came after, if any."""

    index: int
    blocks: dict[int, list[Text | Thinking | Media | Citation | Foreign]] = msgspec.field(default_factory=dict)
    calls: list[CollectedCall] = msgspec.field(default_factory=list)
    calls_before: dict[int, int] = msgspec.field(default_factory=dict)
    refusal: str = ""
    logprobs: list[Mapping[str, Any]] = msgspec.field(default_factory=list)
    extras: dict[str, Any] = msgspec.field(default_factory=dict)
    stop: Stop | None = None


class ChatReply(msgspec.Struct):
    """A whole reply. ``failure`` is set when it is an error."""

    start: Start = Start()
    choices: dict[int, Choice] = msgspec.field(default_factory=dict)
    usage: Usage | None = None
    extras: dict[str, Any] = msgspec.field(default_factory=dict)
    failure: Fail | None = None

    def choice(self, index: int) -> Choice:
        """The choice of that index, new if need be."""
        found = self.choices.get(index)
        if found is None:
            found = self.choices[index] = Choice(index)
        return found


def collect(events: Iterable[Event]) -> ChatReply:
    """The reply that a sequence of events makes up."""
    reply = ChatReply()
    for event in events:
        _ADD[type(event)](reply, event)
    return reply


def _add_to_block(reply: ChatReply, event: Text | Thinking | Media | Citation | Foreign) -> None:
    choice = reply.choice(event.choice)
    known = choice.blocks.get(event.block)
    if known is None:
        choice.blocks[event.block] = [event]
        if choice.calls:
            choice.calls_before[event.block] = len(choice.calls)
    else:
        known.append(event)


def _add_call(reply: ChatReply, event: ToolStart) -> None:
    call = CollectedCall(event.id, event.name, "", event.signature, event.owner)
    reply.choice(event.choice).calls.append(call)


def _add_arguments(reply: ChatReply, event: ToolArgs) -> None:
    reply.choice(event.choice).calls[event.index].arguments += event.json


def _add_refusal(reply: ChatReply, event: Refusal) -> None:
    reply.choice(event.choice).refusal += event.text


def _add_extra(reply: ChatReply, event: Extra) -> None:
    members = reply.extras if event.choice is None else reply.choice(event.choice).extras
    members[event.name] = event.value


def _add_logprobs(reply: ChatReply, event: Logprobs) -> None:
    reply.choice(event.choice).logprobs += event.content


def _add_stop(reply: ChatReply, event: Stop) -> None:
    reply.choice(event.choice).stop = event


def _add_start(reply: ChatReply, event: Start) -> None:
    reply.start = event


def _add_usage(reply: ChatReply, event: Usage) -> None:
    reply.usage = event if reply.usage is None else reply.usage.merged(event)


def _add_failure(reply: ChatReply, event: Fail) -> None:
    reply.failure = event


_ADD: Final[Mapping[type, Callable[[ChatReply, Any], None]]] = {
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
"""By type, one for each event: a table, because matching each event against each class costs more than all the rest."""
