"""A request of a wire that isn't OpenAI's, made ready for a provider of yet another: what the provider's maker can't
read is said in words, put elsewhere, or left out and named.

Requests in OpenAI's words pass as they are: they hold nothing of the kind. Sources: Claude docs, "Web search tool",
"Files API", "System prompts"; docs/dialects.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Link,
    Message,
    NativePart,
    NativeTool,
    Owner,
    Part,
    Reasoning,
    ReasoningPart,
    Source,
    Stored,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    place_of,
    placed,
)
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.free_text_tools import CUSTOM

_MEDIA = (ImagePart, AudioPart, FilePart)


class Reader(msgspec.Struct, frozen=True):
    """What the provider of a dialect can read. ``owner``: whose blocks, files and typed tools; ``tools_of`` that of the
    tools where it is another.

    ``media_in_results``: images and files may stand in a tool's result; otherwise they follow the results as the
    user's. ``system_in_place``: a system message may stand anywhere; otherwise the user says it, marked as a reminder.
    ``errors``: a result can say that it is an error; otherwise its text does. ``marks``: parts may be marked for a
    cache; otherwise the pieces of a standing prompt are one text. ``kinds`` are the provider's own tools,
    by the kind of another maker's that they stand for (``web_search``).
    """

    owner: str = Owner.UNKNOWN
    tools_of: str = Owner.UNKNOWN
    media_in_results: bool = True
    system_in_place: bool = False
    errors: bool = True
    marks: bool = True
    kinds: Mapping[str, str] = {}


_SIGNERS: Final = frozenset({Owner.ANTHROPIC, Owner.GOOGLE, Owner.OPENAI})
"""Who signs or encrypts what its models think, in a wire of its own."""
LOST_REASONING: Final = "messages.reasoning"
"""The path of what is thought in the answer and must come back unread. A caller's wire without a place for it has a
name for this path."""
UNREAD_REASONING: Final = "messages.reasoning_details"
"""The path of earlier reasoning that another maker signed, named once for all of it: the provider can't read it, and
gets none of it."""
PLAIN: Final = Reader(media_in_results=False, system_in_place=True, errors=False, marks=False)
"""A provider that reads what OpenAI's wire has words for, and nothing else."""


def ready_for(reader: Reader, request: ChatRequest, traits: Traits) -> tuple[ChatRequest, Parameters]:
    """The request as the provider's dialect can write it, and its parameters with what is named already."""
    first = Parameters(request)
    if not request.is_prose and _holds_unread(reader, request.messages, traits):
        first.unsupported(UNREAD_REASONING)
    if request.wording is None:
        return _with_functions(reader, request, first) if request.echo.forms else (request, first)
    tools, choice = _tools(reader, request, first)
    parameters = {**request.parameters, **({"tools": tools} if "tools" in request.parameters else {})}
    if choice is not None:
        parameters["tool_choice"] = choice
    limit, most = parameters.get("max_completion_tokens"), traits.output_limit
    if isinstance(limit, int) and most is not None and limit > most:
        parameters["max_completion_tokens"] = most
        first.unsupported("max_completion_tokens")
    reasoning: Reasoning | None = parameters.get("reasoning")
    if reasoning is not None:
        parameters["reasoning"] = _reasoning(reasoning, traits)
    if LOST_REASONING in request.wording.names and _is_signed(reader, reasoning, traits):
        first.unsupported(LOST_REASONING)
    messages = tuple(_messages(reader, request.messages, first))
    ready = msgspec.structs.replace(request, messages=messages, parameters=parameters)
    return ready, first.again(ready)


def _with_functions(reader: Reader, request: ChatRequest, first: Parameters) -> tuple[ChatRequest, Parameters]:
    """As ``ready_for``, for a request of chat completions with tools for free text: functions stand for them where the
    maker knows none."""
    tools, _ = _tools(reader, request, first)
    ready = msgspec.structs.replace(request, parameters={**request.parameters, "tools": tools})
    return ready, first.again(ready)


def _holds_unread(reader: Reader, messages: tuple[Message, ...], traits: Traits) -> bool:
    """Whether an earlier turn has thoughts or calls that another maker than the model's own signed. Amazon hosts the
    models of many makers, and the maker of the model reads them there."""
    maker = traits.owner if reader.owner == Owner.AMAZON else reader.owner
    return any(
        part.owner not in (Owner.UNKNOWN, maker) and bool(part.signature or (type(part) is ReasoningPart and part.data))
        for message in messages
        for part in message.parts
        if isinstance(part, ReasoningPart | ToolCall)
    )


# Tools.


def _tools(
    reader: Reader, request: ChatRequest, parameters: Parameters
) -> tuple[tuple[Tool | NativeTool, ...], ToolChoice | None]:
    """The tools that the provider supports, and the tool choice. A choice that names another maker's tool becomes
    ``auto`` if the tool is replaced by the provider's own tool, which a choice can't name."""
    offered: tuple[Tool | NativeTool, ...] = request.parameters.get("tools") or ()
    choice: ToolChoice | None = request.parameters.get("tool_choice")
    chosen = frozenset[str]() if choice is None else choice.allowed
    tools: list[Tool | NativeTool] = []
    for position, each in enumerate(offered):
        # Behind a tool that is left out, the position is another one.
        tool = placed(each, place_of(each, position), len(tools))
        if not isinstance(tool, NativeTool) or not tool.owner or tool.owner in (reader.owner, reader.tools_of):
            tools.append(tool)
            continue
        equivalent = reader.kinds.get(tool.kind)
        if tool.function is not None:
            tools.append(msgspec.structs.replace(tool.function, path=tool.path))
            _name_settings(tool, position, parameters)
        elif equivalent is not None:
            tools.append(NativeTool(equivalent, {"type": equivalent}, path=tool.path))
            _name_settings(tool, position, parameters)
            if str(tool.value.get("name")) in chosen:
                choice = ToolChoice("auto")
        else:
            parameters.unsupported(place_of(tool, position))
    return tuple(tools), choice


_OF_EACH_TOOL: Final = frozenset({"type", "name", CUSTOM})
"""What the function that stands for a tool says, too, or names itself where it can't."""


def _name_settings(tool: NativeTool, position: int, parameters: Parameters) -> None:
    """Name what another maker's tool says beside its type and isn't said by the tool that stands for it."""
    holder = place_of(tool, position)
    for setting, value in tool.value.items():
        if value is not None and setting not in _OF_EACH_TOOL:
            parameters.unsupported(f"{holder}.{setting}")


def _reasoning(reasoning: Reasoning, traits: Traits) -> Reasoning | None:
    """The reasoning settings from Anthropic's ``thinking``, adapted to the model. Clients send adaptive thinking to
    every model: a model that can't think gets no setting, a model without adaptive thinking gets the default. A budget
    is raised to the model's minimum."""
    native = reasoning.native
    if native is None or not traits.family:
        return reasoning
    if native.get("type") == "adaptive" and traits.thinking != "adaptive":
        can_think = traits.thinking != "none" or traits.thinks_unasked
        return msgspec.structs.replace(reasoning, native=None, enabled=None) if can_think else None
    if reasoning.budget is not None and reasoning.budget < traits.min_budget:
        least = {**native, "budget_tokens": traits.min_budget}
        return msgspec.structs.replace(reasoning, budget=traits.min_budget, native=least)
    return reasoning


def _is_signed(reader: Reader, reasoning: Reasoning | None, traits: Traits) -> bool:
    """Whether the model thinks, and its maker wants the thoughts back as it signed them."""
    if reader.owner not in _SIGNERS and reader.tools_of != Owner.ANTHROPIC:
        return False
    if reasoning is None:
        return traits.thinks_unasked
    if reasoning.enabled is False or reasoning.effort == "none":
        return not traits.can_stop_thinking
    return traits.thinking != "none" or traits.thinks_unasked


# Messages.


def _messages(reader: Reader, messages: tuple[Message, ...], parameters: Parameters) -> Iterator[Message]:
    """The messages. Media that may not stand in tool results follow the run of results in a user message."""
    beside: list[Part] = []
    for message in messages:
        if message.role == "tool":
            yield _result(reader, message, parameters, beside)
            continue
        parts = tuple(_parts(reader, message.parts, message.path, parameters))
        if beside and message.role == "user":
            parts, beside = (*beside, *parts), []
        elif beside:
            yield Message("user", tuple(beside), path=message.path)
            beside = []
        if message.role == "system" and len(parts) > 1 and not reader.marks:
            parts = _joined(parts, parameters)
        if message.in_place and not reader.system_in_place:
            yield Message("user", _reminder(parts), path=message.path)
        elif parts or not message.parts:
            yield msgspec.structs.replace(message, parts=parts)
    if beside:
        yield Message("user", tuple(beside), path=messages[-1].path)


def _joined(parts: tuple[Part, ...], parameters: Parameters) -> tuple[Part, ...]:
    """The parts of a system prompt, joined to one text."""
    texts = [part for part in parts if isinstance(part, TextPart)]
    if any(part.cache is not None for part in texts):
        parameters.unsupported("system.cache_control")
    return (TextPart("\n\n".join(part.text for part in texts)),)


def _reminder(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """What the system says in place, as the user's words: marked as clients mark it that know of no such place."""
    text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
    cache = next((part.cache for part in reversed(parts) if isinstance(part, TextPart)), None)
    return (TextPart(f"<system-reminder>\n{text}\n</system-reminder>", cache),)


def _result(reader: Reader, message: Message, parameters: Parameters, beside: list[Part]) -> Message:
    parts: list[Part] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            parts.append(part)
            continue
        inner = list(_parts(reader, part.parts, message.path, parameters))
        if not reader.media_in_results:
            beside += [each for each in inner if isinstance(each, _MEDIA)]
            inner = [each for each in inner if not isinstance(each, _MEDIA)]
        is_error = part.is_error
        if is_error and not reader.errors:
            inner, is_error = _told_as_error(inner), False
        parts.append(msgspec.structs.replace(part, parts=tuple(inner), is_error=is_error))
    return msgspec.structs.replace(message, parts=tuple(parts))


def _told_as_error(parts: list[Part]) -> list[Part]:
    """The parts of an error result, with a text that says that the result is an error."""
    if parts and isinstance(parts[0], TextPart):
        return [msgspec.structs.replace(parts[0], text=f"Error: {parts[0].text}"), *parts[1:]]
    return [TextPart("Error"), *parts]


def _parts(reader: Reader, parts: tuple[Part, ...], path: str, parameters: Parameters) -> Iterator[Part]:
    for position, part in enumerate(parts):
        place = f"{path}.content[{position}]"
        if isinstance(part, NativePart) and part.owner != reader.owner:
            parameters.unsupported(place)
            if part.text:
                yield TextPart(part.text, _marker(part.value))
        elif isinstance(part, _MEDIA) and _is_elsewhere(part.source, reader.owner):
            parameters.unsupported(place)
        else:
            if isinstance(part, FilePart) and reader.owner not in _OF_DOCUMENTS:
                for member in part.extras:
                    parameters.unsupported(f"{place}.{member}")
            elif isinstance(part, TextPart) and any(_cites_for(each) != reader.owner for each in part.citations):
                parameters.unsupported(_CITATIONS)
            yield part


_OF_DOCUMENTS: Final = frozenset({Owner.ANTHROPIC, Owner.AMAZON})
"""Whose wires say of a document what it is about and whether it is to be cited."""
_CITATIONS: Final = "messages.citations"
"""What names the sources of earlier answers, once for all of them."""


def _cites_for(citation: Mapping[str, Any]) -> str:
    """Whose citation it is, by its form."""
    if isinstance(citation.get("type"), str):
        return Owner.ANTHROPIC
    return Owner.AMAZON if "location" in citation else Owner.UNKNOWN


def _marker(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    marker = value.get("cache_control")
    return marker if isinstance(marker, dict) else None


_BUCKETS: Final[Mapping[str, str]] = {"s3": Owner.AMAZON, "gs": Owner.GOOGLE}
"""Whose store an address is in, by its scheme: others can't fetch it."""


def _is_elsewhere(source: Source, owner: str) -> bool:
    """Whether a file is kept where this provider doesn't get it: under an id, or in a store, of another maker's."""
    if isinstance(source, Link):
        return _BUCKETS.get(source.url.partition("://")[0], owner) != owner
    return isinstance(source, Stored) and source.owner not in ("", owner)
