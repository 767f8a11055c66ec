"""A chat request independent of any wire format, between the caller's dialect and the provider's dialect.

The caller's dialect reads a request into a ``ChatRequest``, the provider's dialect writes it with ``write``. Values
that pass unchanged stay raw JSON (a tool's schema keeps its bytes). A dialect takes the parameters that it can express;
all others are reported as dropped: see ``core/parameters.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from penstock.core.json_text import read_json

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""The role of a message. Providers other than OpenAI treat ``developer`` as ``system``."""

SYSTEM_ROLES: Final = frozenset({"system", "developer"})
ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
"""The roles by their names, for readers of messages: a name from a caller is any text."""
_MANY: Final = 1024
_ANSWERS: Final = frozenset({"assistant", "tool"})


class Owner:
    """The maker of the model that made an opaque value (a signature, encrypted reasoning). Only this maker can read the
    value; a maker refuses other makers' values. The maker isn't the host: Claude's signatures are valid at Anthropic,
    Bedrock and Vertex."""

    ANTHROPIC: Final = "anthropic"
    GOOGLE: Final = "google"
    AMAZON: Final = "amazon"
    OPENAI: Final = "openai"
    UNKNOWN: Final = ""
    """The owner of visible text without a signature."""


class Inline(msgspec.Struct, frozen=True):
    """Data within the request. ``data`` is base64, as received; ``mime`` is the media type, empty if unknown."""

    mime: str
    data: str


class Link(msgspec.Struct, frozen=True):
    """Data at an address: ``https://``, ``gs://``, ``s3://``."""

    url: str
    mime: str = ""


class Stored(msgspec.Struct, frozen=True):
    """A file that a provider stores under its own id. ``owner`` is the provider's maker, empty if unknown: other
    providers don't know the id."""

    id: str
    mime: str = ""
    owner: str = Owner.UNKNOWN


Source = Inline | Link | Stored


class TextPart(msgspec.Struct, frozen=True, gc=False):
    """Text. ``cache`` is, on every kind of part, the caller's ``cache_control`` marker (Anthropic's shape).
    ``citations`` are the sources of an assistant's earlier text in its provider's shape."""

    text: str
    cache: Mapping[str, Any] | None = None
    citations: tuple[Mapping[str, Any], ...] = ()


class ImagePart(msgspec.Struct, frozen=True):
    """An image. ``detail`` is OpenAI's low, high or auto; empty if the caller sent none."""

    source: Source
    detail: str = ""
    cache: Mapping[str, Any] | None = None


class AudioPart(msgspec.Struct, frozen=True):
    """Sound. ``format`` is OpenAI's name for it (wav, mp3, ...); the mime type of an inline source may be empty."""

    source: Source
    format: str = ""
    cache: Mapping[str, Any] | None = None


class FilePart(msgspec.Struct, frozen=True):
    """A document or any other file, including video. ``extras`` are members that exist only in the caller's wire:
    Anthropic's ``citations`` and ``context``."""

    source: Source
    name: str = ""
    cache: Mapping[str, Any] | None = None
    extras: Mapping[str, Any] = {}


class ReasoningPart(msgspec.Struct, frozen=True):
    """An assistant's earlier reasoning: text, possibly with the maker's ``signature``, or only ``data`` (redacted).
    ``misplaced``: the reasoning stood among other parts and its position is lost."""

    text: str = ""
    signature: str = ""
    data: str = ""
    owner: str = Owner.UNKNOWN
    misplaced: bool = False


class ToolCall(msgspec.Struct, frozen=True):
    """A call of the caller's tool. ``arguments`` is JSON text as the model wrote it, possibly empty or invalid.

    ``custom``: the tool has no schema, and ``arguments`` is plain text.
    """

    id: str
    name: str
    arguments: str = ""
    signature: str = ""
    owner: str = Owner.UNKNOWN
    cache: Mapping[str, Any] | None = None
    custom: bool = False


class ToolResult(msgspec.Struct, frozen=True):
    """The result of the caller's tool. ``name`` is the tool's name from the call with the same id; empty if there is no
    such call."""

    id: str
    parts: tuple[Part, ...]
    name: str = ""
    is_error: bool = False
    cache: Mapping[str, Any] | None = None


class NativePart(msgspec.Struct, frozen=True):
    """A content block in a vendor's own shape (a server tool's call, its result, ...). ``text`` is the same content as
    text for models of other makers, empty if there is no text form."""

    value: Mapping[str, Any]
    owner: str
    text: str = ""


class UnknownPart(msgspec.Struct, frozen=True):
    """A part of an unknown type, which no dialect can express. ``kind`` is the part's ``type``."""

    kind: str
    value: Mapping[str, Any]


Part = TextPart | ImagePart | AudioPart | FilePart | ReasoningPart | ToolCall | ToolResult | NativePart | UnknownPart


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message. The parts are in the caller's order: a dialect that can't interleave text, reasoning and calls sorts
    them when it writes.

    A message of role ``tool`` has exactly one part, a ``ToolResult``. ``path`` is the message's path for errors to the
    caller: ``messages[3]``. ``cache`` is the cache marker on the message itself. ``in_place``: a system message that
    belongs at this position of the conversation and is never part of the system prompt.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    path: str = ""
    cache: Mapping[str, Any] | None = None
    in_place: bool = False

    @property
    def text(self) -> str:
        """The texts of all text parts, joined without a separator."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Prose(tuple[Message, ...]):
    """Messages that are a role and a text each, and nothing else: no name, no marker, no call, no result. Nothing but
    texts has to be looked for in them."""

    __slots__ = ()


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. ``parameters`` is its JSON schema as raw bytes, empty without a schema.

    ``extras`` are members beside OpenAI's own (``cache_control`` is in ``cache``), from the tool or its function.
    ``path`` is where the caller's request has it, empty where that is its position: ``place_of``.
    """

    name: str
    description: str = ""
    parameters: bytes = b""
    strict: bool | None = None
    cache: Mapping[str, Any] | None = None
    extras: Mapping[str, Any] = {}
    path: str = ""

    def schema(self) -> dict[str, Any]:
        """The decoded schema; without a schema, the schema of an object without members."""
        value = read_json(self.parameters) if self.parameters else None
        return value if isinstance(value, dict) else {"type": "object", "properties": {}}


class NativeTool(msgspec.Struct, frozen=True):
    """A tool that is no function: ``value`` is the caller's whole element of ``tools``, ``type`` its type.

    ``owner`` is the maker of the tool, empty if the type alone identifies the maker. ``kind`` names tools that several
    makers have under different types: ``web_search``, ``fetch``, ``code``. ``function`` is an equivalent function for
    models of other makers, for tools that the client runs (a shell, an editor). ``path`` is as in ``Tool``.
    """

    type: str
    value: Mapping[str, Any]
    owner: str = Owner.UNKNOWN
    kind: str = ""
    function: Tool | None = None
    path: str = ""


def place_of(tool: Tool | NativeTool, position: int) -> str:
    """Where the caller's request has a tool: ``tools[3]``, ``tools[0].functionDeclarations[3]`` in Gemini's wire."""
    return tool.path or f"tools[{position}]"


def name_of(tool: Tool | NativeTool) -> str:
    """The name by which a tool is called; empty where it has none. A custom tool of a chat has it in ``custom``."""
    if isinstance(tool, Tool):
        return tool.name
    custom = tool.value.get("custom")
    named = custom if isinstance(custom, Mapping) else tool.value
    name = named.get("name") if tool.function is None else tool.function.name
    return name if isinstance(name, str) else ""


def placed(tool: Tool | NativeTool, path: str, position: int) -> Tool | NativeTool:
    """The tool, with the path at which the caller's request has it unless that is its position."""
    return tool if path == f"tools[{position}]" else msgspec.structs.replace(tool, path=path)


class ToolChoice(msgspec.Struct, frozen=True):
    """A tool choice. ``mode`` is auto, none or required. If ``names`` isn't empty, only these functions may be
    called."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()

    @property
    def allowed(self) -> frozenset[str]:
        """The names, for looking many tools up."""
        return frozenset(self.names)


class Format(msgspec.Struct, frozen=True):
    """The response format. ``schema`` is raw JSON, empty unless the kind is json_schema. ``name`` is empty if the
    caller's wire has no names for schemas."""

    kind: Literal["json_object", "json_schema"]
    name: str = ""
    description: str = ""
    schema: bytes = b""
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much the model should think before it answers.

    ``effort`` is OpenAI's effort (none, minimal, low, medium, high, xhigh). ``budget`` is a limit in tokens.
    ``enabled``: the caller turned thinking on or off, None if neither. ``native`` is the caller's ``thinking``
    parameter, for the dialect that has this parameter.
    """

    effort: str = ""
    budget: int | None = None
    enabled: bool | None = None
    native: Mapping[str, Any] | None = None


class Wording(msgspec.Struct, frozen=True):
    """The names of parameters in a wire other than OpenAI's, so that dropped parameters are reported in the caller's
    names.

    ``names`` are paths, or beginnings of paths, by OpenAI's paths: ``stop`` -> ``stop_sequences``. ``inside`` are
    pieces within a path: ``.function.parameters`` -> ``.input_schema``. Members in ``once`` are reported once for the
    whole request, by the member's name alone; members in ``silent`` are not reported, because their loss changes
    nothing. ``places`` are parts of messages that stand elsewhere in the caller's request, because blocks before them
    are no parts: ``messages[0].content[1]`` -> ``messages[0].content[2]``.
    """

    names: Mapping[str, str] = {}
    inside: Mapping[str, str] = {}
    once: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    places: Mapping[str, str] = {}

    def told(self, path: str) -> str:
        """The caller's path for OpenAI's path; empty if the loss isn't reported."""
        member = path.rpartition(".")[2]
        if member in self.silent:
            return ""
        if member in self.once:
            return self.names.get(member, member)
        part = _PART.match(path) if self.places else None
        if part is not None and part[0] in self.places:
            path = self.places[part[0]] + path[part.end() :]
        for piece, callers_piece in self.inside.items():
            path = path.replace(piece, callers_piece)
        first = _FIRST_NAME.match(path)
        name = "" if first is None else first[0]
        return self.names.get(path) or (self.names.get(name, name) + path[len(name) :])


_PART: Final = re.compile(r"[^.]+\.content\[\d+\]")
_FIRST_NAME: Final = re.compile(r"[^.\[]+")


class ToolForm(msgspec.Struct, frozen=True):
    """How a function that is offered in place of another tool is called in the caller's wire: ``kind`` is the tool's
    type there (``custom``, ``local_shell``, ``function``), ``name`` its name, ``namespace`` that of its group."""

    kind: str
    name: str
    namespace: str = ""


class Echo(msgspec.Struct, frozen=True):
    """What a reply is written by beside its events, in wires whose replies repeat parts of the request.

    ``members`` are the repeated members as JSON bytes, by name. ``forms`` are the tools that aren't plain functions in
    the caller's wire, by the name of the function that the provider is offered.
    """

    members: Mapping[str, bytes] = {}
    forms: Mapping[str, ToolForm] = {}


NO_ECHO: Final = Echo()


class ChatRequest(msgspec.Struct, frozen=True):
    """A request. ``parameters`` are all members except ``model``, ``messages``, ``stream`` and ``stream_options``, by
    OpenAI's names; members with a type in this module are parsed (``tools``, ``tool_choice``, ``response_format``).

    Read them through ``Parameters``, which knows in the end what was left over. ``wording`` is how the caller's wire
    spells them, None for OpenAI's own. ``hides_thinking``: the caller wants no text of thoughts in the reply.
    ``echo`` is what the reply repeats.
    """

    model: str
    messages: tuple[Message, ...]
    parameters: Mapping[str, Any] = {}
    stream: bool = False
    wording: Wording | None = None
    hides_thinking: bool = False
    echo: Echo = NO_ECHO

    @property
    def is_large(self) -> bool:
        """Whether the request has so many messages, parts or tools that it is written a few at a time."""
        if len(self.messages) > _MANY or len(self.parameters.get("tools") or ()) > _MANY:
            return True
        return not self.is_prose and any(len(message.parts) > _MANY for message in self.messages)

    @property
    def is_prose(self) -> bool:
        """Whether nothing but texts is in the messages, as their reader has seen it."""
        return type(self.messages) is Prose

    def forget_messages(self) -> None:
        """Free the messages of a large request, some at a time: freed at once, they would hold up all other threads."""
        if self.is_large:
            messages = list(self.messages)
            msgspec.structs.force_setattr(self, "messages", ())
            while messages:
                del messages[-_MANY:]

    def parted(self) -> tuple[Sequence[Message], Sequence[Message]]:
        """The system and developer messages before the first answer, and all other messages, in their order.

        Later system messages don't change the first ones, so that the providers' prompt caches and signatures stay
        valid: the dialect writes them at their position. If all messages are system messages, they are the
        conversation: then the first part is empty."""
        system: list[Message] = []
        turns: list[Message] = []
        for place, message in enumerate(self.messages):
            role = message.role
            if role in _ANSWERS:
                turns += self.messages[place:]
                return system, turns
            (system if role in SYSTEM_ROLES and not message.in_place else turns).append(message)
        return (system, turns) if turns else (turns, system)
