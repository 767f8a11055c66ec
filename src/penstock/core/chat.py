"""A chat request apart from any wire format: what lies between the dialect that it came in and the one it goes out in.

A surface's request reader makes it, a dialect's ``write`` takes it. Values that pass unchanged stay raw JSON (a tool's
schema keeps its bytes). Whatever can't be expressed in a dialect is what nobody took: see ``core/parameters.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from penstock.core.json_text import read_json

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""Who speaks. ``developer`` is ``system`` to everyone but OpenAI."""

SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_ANSWERS: Final = frozenset({"assistant", "tool"})


class Owner:
    """Whose model made an opaque value (a signature, encrypted reasoning): only its maker can read it, and refuses
    what others made. Named by maker, not by host: Claude's signatures are good at Anthropic, Bedrock and Vertex."""

    ANTHROPIC: Final = "anthropic"
    GOOGLE: Final = "google"
    AMAZON: Final = "amazon"
    OPENAI: Final = "openai"
    UNKNOWN: Final = ""
    """Visible text without a signature: it belongs to nobody."""


class Inline(msgspec.Struct, frozen=True):
    """Data within the request. ``data`` is base64, as received; ``mime`` is empty when nobody said."""

    mime: str
    data: str


class Link(msgspec.Struct, frozen=True):
    """Data at an address: ``https://``, ``gs://``, ``s3://``."""

    url: str
    mime: str = ""


class Stored(msgspec.Struct, frozen=True):
    """Data that the provider already holds, under its own id. ``owner`` is whose id it is, empty when nobody said: an
    id means nothing to anybody else."""

    id: str
    mime: str = ""
    owner: str = Owner.UNKNOWN


Source = Inline | Link | Stored


class TextPart(msgspec.Struct, frozen=True):
    """Text. ``cache`` is a ``cache_control`` marker as given (Anthropic's shape), on whatever part it stands."""

    text: str
    cache: Mapping[str, Any] | None = None


class ImagePart(msgspec.Struct, frozen=True):
    """``detail`` is OpenAI's low, high or auto; empty when not given."""

    source: Source
    detail: str = ""
    cache: Mapping[str, Any] | None = None


class AudioPart(msgspec.Struct, frozen=True):
    """Sound. ``format`` is OpenAI's name for it (wav, mp3, ...); the mime type of an inline source may be empty."""

    source: Source
    format: str = ""
    cache: Mapping[str, Any] | None = None


class FilePart(msgspec.Struct, frozen=True):
    """A document or any other file, video included. ``extras`` are members that only its wire knows: Anthropic's
    ``citations`` and ``context``."""

    source: Source
    name: str = ""
    cache: Mapping[str, Any] | None = None
    extras: Mapping[str, Any] = {}


class ReasoningPart(msgspec.Struct, frozen=True):
    """What an assistant thought earlier: text, perhaps with its maker's ``signature``, or ``data`` alone (redacted).
    ``misplaced``: it stood among other parts, and where can't be told any more."""

    text: str = ""
    signature: str = ""
    data: str = ""
    owner: str = Owner.UNKNOWN
    misplaced: bool = False


class ToolCall(msgspec.Struct, frozen=True):
    """A call of the caller's tool. ``arguments`` is JSON text as the model wrote it, possibly empty or broken.

    ``custom`` marks a call of a tool without a schema, whose ``arguments`` is plain text.
    """

    id: str
    name: str
    arguments: str = ""
    signature: str = ""
    owner: str = Owner.UNKNOWN
    cache: Mapping[str, Any] | None = None
    custom: bool = False


class ToolResult(msgspec.Struct, frozen=True):
    """What the caller's tool answered. ``name`` is that of the call, found by its id; empty when no call has it."""

    id: str
    parts: tuple[Part, ...]
    name: str = ""
    is_error: bool = False
    cache: Mapping[str, Any] | None = None


class NativePart(msgspec.Struct, frozen=True):
    """A content block in the shape of the vendor that made it (a server tool's call, its result, ...). ``text`` says
    the same to models of other makers, empty where it can't be said."""

    value: Mapping[str, Any]
    owner: str
    text: str = ""


class UnknownPart(msgspec.Struct, frozen=True):
    """A part of a type that the gateway doesn't know: no dialect can express it. ``kind`` is its ``type``."""

    kind: str
    value: Mapping[str, Any]


Part = TextPart | ImagePart | AudioPart | FilePart | ReasoningPart | ToolCall | ToolResult | NativePart | UnknownPart


class Message(msgspec.Struct, frozen=True):
    """One message. Its parts stand in the caller's order: a dialect that can't interleave text, thoughts and calls
    sorts them when it writes.

    A message of role ``tool`` has exactly one part, a ``ToolResult``. ``path`` says where it stood, for messages to
    the caller: ``messages[3]``. ``cache`` is a marker on the message itself. ``in_place``: a system message that was
    said at this very point, and is never part of the standing prompt, wherever it stands.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    path: str = ""
    cache: Mapping[str, Any] | None = None
    in_place: bool = False

    @property
    def text(self) -> str:
        """All text, joined without anything between."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. ``parameters`` is its JSON schema as raw bytes, empty when it has none.

    ``extras`` are members beside OpenAI's own (``cache_control`` is in ``cache``), from the tool or its function.
    """

    name: str
    description: str = ""
    parameters: bytes = b""
    strict: bool | None = None
    cache: Mapping[str, Any] | None = None
    extras: Mapping[str, Any] = {}

    def schema(self) -> dict[str, Any]:
        """The schema, decoded; that of an object without members when there is none."""
        value = read_json(self.parameters) if self.parameters else None
        return value if isinstance(value, dict) else {"type": "object", "properties": {}}


class NativeTool(msgspec.Struct, frozen=True):
    """A tool that is no function: ``value`` is the whole member of ``tools`` as given, ``type`` its type.

    ``owner`` is whose tool it is, empty when its type alone says so. ``kind`` is what several makers have under
    different names: ``web_search``, ``fetch``, ``code``. ``function`` is what it comes to for models of other makers,
    where the client runs it (a shell, an editor).
    """

    type: str
    value: Mapping[str, Any]
    owner: str = Owner.UNKNOWN
    kind: str = ""
    function: Tool | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """``mode`` is auto, none or required. ``names``, when given, are the only functions that may be called."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


class Format(msgspec.Struct, frozen=True):
    """The wanted form of the answer. ``schema`` is raw JSON, empty unless the kind is json_schema. ``name`` is empty
    where the caller's wire has none for a schema."""

    kind: Literal["json_object", "json_schema"]
    name: str = ""
    description: str = ""
    schema: bytes = b""
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much the model should think before it answers.

    ``effort`` is OpenAI's word (none, minimal, low, medium, high, xhigh). ``budget`` is a limit in tokens.
    ``enabled`` is whether thinking was asked for outright, None when nothing was said. ``native`` is the ``thinking``
    parameter as given, for the dialect that it belongs to.
    """

    effort: str = ""
    budget: int | None = None
    enabled: bool | None = None
    native: Mapping[str, Any] | None = None


class Wording(msgspec.Struct, frozen=True):
    """How a wire other than OpenAI's spells what a request can't keep: what was dropped is told in the caller's words.

    ``names`` are paths, or beginnings of paths, by those in OpenAI's words: ``stop`` -> ``stop_sequences``. ``inside``
    are pieces within a path: ``.function.parameters`` -> ``.input_schema``. ``once`` are members that are named once
    for the whole request, by their own name, ``silent`` those whose loss changes nothing.
    """

    names: Mapping[str, str] = {}
    inside: Mapping[str, str] = {}
    once: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    def told(self, path: str) -> str:
        """What the caller calls it; empty for what needn't be told."""
        member = path.rpartition(".")[2]
        if member in self.silent:
            return ""
        if member in self.once:
            return member
        for piece, own in self.inside.items():
            path = path.replace(piece, own)
        first = _FIRST_NAME.match(path)
        name = "" if first is None else first[0]
        return self.names.get(path) or (self.names.get(name, name) + path[len(name) :])


_FIRST_NAME: Final = re.compile(r"[^.\[]+")


class ChatRequest(msgspec.Struct, frozen=True):
    """A request. ``parameters`` are all members but ``model``, ``messages`` and those about delivery, by OpenAI's
    names; those with a type of their own here are parsed (``tools``, ``tool_choice``, ``response_format``).

    Read them through ``Parameters``, which knows in the end what was left over. ``wording`` is how the caller's wire
    spells them, None for OpenAI's own. ``hides_thinking``: the caller wants no text of thoughts in the reply.
    """

    model: str
    messages: tuple[Message, ...]
    parameters: Mapping[str, Any] = {}
    stream: bool = False
    wording: Wording | None = None
    hides_thinking: bool = False

    @property
    def system(self) -> tuple[Message, ...]:
        """The system and developer messages that stand before any answer. Nothing that is said later changes them: what
        providers cached, and signed, holds."""
        early, _ = self._cut
        return tuple([message for message in early if message.role in SYSTEM_ROLES and not message.in_place])

    @property
    def turns(self) -> tuple[Message, ...]:
        """All other messages, in their order. A system message among them is for the dialect to say in its place."""
        early, late = self._cut
        spoken = [message for message in early if message.role not in SYSTEM_ROLES or message.in_place]
        return (*spoken, *late)

    @property
    def _cut(self) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        """The messages before the first answer, and all from it on. Where the system alone speaks, it is to be
        answered: then nothing is before."""
        messages, only_system = self.messages, True
        for place, message in enumerate(messages):
            if message.role in _ANSWERS:
                return messages[:place], messages[place:]
            only_system = only_system and message.role in SYSTEM_ROLES and not message.in_place
        return ((), messages) if only_system else (messages, ())
