"""The items of a caller's ``input``, in their order.

What the model made in a row (texts, thoughts, calls) is one turn of the assistant. Results of tools are messages of
their own. Foreign thoughts come in envelopes (envelope.py). What OpenAI alone has stays as it is, with words for other
makers' models; an item that nobody knows is named as dropped. Source: OpenAI API reference, "Create a model response".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import (
    ROLES,
    FilePart,
    ImagePart,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.core.json_text import write_json
from penstock.dialects.call_ids import TurnIds
from penstock.dialects.envelope import is_sealed, unseal
from penstock.dialects.free_text_tools import with_free_text
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.malformed import CALL_NAME, Malformed, is_name, text_in
from penstock.dialects.openai.caller.parts import read_content
from penstock.dialects.responses.caller.hosted import in_words
from penstock.dialects.responses.caller.tools import Tools
from penstock.dialects.responses.client_tools import CALLS, RESULTS, TOOL_SEARCH, arguments_of

_CALLED: Final = "function_call custom_tool_call tool_search_call shell_call apply_patch_call"
LOST: Final = LostMembers(
    "input",
    (
        *(
            ".phase",
            ".prompt_cache_breakpoint.ttl",
            "<output_text>.logprobs",
            "<output_text>.annotations",
            "<shell_call>.environment",
            "<shell_call_output>.max_output_length",
        ),
        *("<function_call>.async", "<custom_tool_call>.async"),
        *[f"<{kind}{end}>.caller" for kind in _CALLED.split() for end in ("", "_output")],
    ),
    once=("phase",),
    usual=({"type": "direct"}, {"type": "local"}),
    kinds=(
        *("message", "input_text", "output_text", "input_image", "input_file", "input_audio", "refusal"),
        *("function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"),
        *("reasoning", "reasoning_text", "summary_text"),
        *("function", "custom", "allowed_tools", "json_schema", "json_object"),
    ),
    beside=("tool_choice", "text"),
)
"""What is said of an item and has no place elsewhere. OpenAI's models call most tools themselves, at the client."""
_ROLES: Final = {name: role for name, role in ROLES.items() if role != "tool"}
_RESULTS: Final = RESULTS | {
    "function_call_output",
    "custom_tool_call_output",
    "tool_search_output",
    "computer_call_output",
}
_SILENT: Final = frozenset({"additional_tools"})
"""Items that are read elsewhere: they add tools."""


def adds_tools(item: Any) -> bool:
    """Whether an item of the input adds tools to those of the request."""
    return isinstance(item, dict) and text_in(item.get("type")) in {"additional_tools", "tool_search_output"}


def read_items(items: Iterable[Any], tools: Tools, places: dict[str, str] | None = None) -> tuple[Message, ...]:
    """The conversation. ``places`` gets what stands elsewhere in the input than in its messages
    (``Wording.places``). Raises Malformed."""
    reader = _Reader(tools, {} if places is None else places)
    for position, item in enumerate(items):
        reader.item(item, f"input[{position}]")
    return tuple(reader.finish())


class _Reader:
    """Reads items one after the other."""

    def __init__(self, tools: Tools, places: dict[str, str]) -> None:
        self._tools = tools
        self._places = places
        self._found: list[Message] = []
        self._turn: list[Part] = []
        """The assistant's turn that is open, and its path."""
        self._path = ""
        self._ids = TurnIds()
        self._names: dict[str, str] = {}
        """The names of calls by their ids."""
        self._signature, self._owner = "", Owner.UNKNOWN
        """A signature that belongs to the call after it."""

    def finish(self) -> list[Message]:
        self._end_turn()
        return self._found

    def _end_turn(self) -> None:
        if self._turn:
            self._found.append(Message("assistant", tuple(self._turn), path=self._path))
        self._turn = []
        self._signature, self._owner = "", Owner.UNKNOWN

    def _begin_turn(self, path: str) -> None:
        """Something that the model made follows."""
        if not self._turn:
            self._path = path
            self._ids.turn()

    def item(self, item: Any, path: str) -> None:
        if not isinstance(item, dict):
            raise Malformed(path, "an object")
        kind, before = item.get("type"), len(self._turn)
        if kind is None or kind == "message":
            self._message(item, path)
            self._note_places(path, before, is_message=True)
        elif not isinstance(kind, str):
            raise Malformed(f"{path}.type", "a string")
        elif kind in _RESULTS:
            self._result(item, kind, path)
        elif kind in _CALL_ARGUMENTS or kind in CALLS:
            self._begin_turn(path)
            self._turn.append(self._call(item, kind, path))
        elif kind == "reasoning":
            self._begin_turn(path)
            self._turn += self._thoughts(item)
            self._note_places(path, before, is_message=False)
        elif kind not in _SILENT:
            self._begin_turn(path)
            self._turn.append(NativePart(item, Owner.OPENAI, in_words(item)))
            self._note_places(path, before, is_message=False)

    def _note_places(self, path: str, before: int, *, is_message: bool) -> None:
        """Note where the parts of the open turn that an item added stand in the input."""
        for position in range(before, len(self._turn)):
            place = f"{path}.content[{position - before}]" if is_message else path
            named = f"{self._path}.content[{position}]"
            if named != place:
                self._places[named] = place

    def _message(self, item: Mapping[str, Any], path: str) -> None:
        role = _ROLES.get(text_in(item.get("role")))
        if role is None:
            raise Malformed(f"{path}.role", "user, assistant, system or developer")
        parts = [*_content(item.get("content"), path)]
        if role == "assistant":
            self._begin_turn(path)
            self._turn += parts
            return
        self._end_turn()
        self._found.append(Message(role, tuple(parts), path=path))

    def _call(self, item: Mapping[str, Any], kind: str, path: str) -> ToolCall:
        typed = CALLS.get(kind)
        name = item.get("name") if kind in _NAMED else typed or TOOL_SEARCH
        if not is_name(name) or not name:
            raise Malformed(f"{path}.name", CALL_NAME)
        name = self._tools.name_of(text_in(item.get("namespace")), name)
        arguments = arguments_of(typed, item) if typed is not None else _CALL_ARGUMENTS[kind](item)
        call_id = self._ids.called(text_in(item.get("call_id")) or text_in(item.get("id")))
        self._names[call_id] = name
        call = ToolCall(call_id, name, arguments, self._signature, self._owner)
        self._signature, self._owner = "", Owner.UNKNOWN
        return call

    def _thoughts(self, item: Mapping[str, Any]) -> Iterator[Part]:
        summary = [json_text.text(each, "text") for each in json_text.mappings(item.get("summary"))]
        shown = "\n\n".join(filter(None, summary))
        if not shown:
            shown = "".join(json_text.text(each, "text") for each in json_text.mappings(item.get("content")))
        opaque = text_in(item.get("encrypted_content"))
        if not is_sealed(opaque):
            owner = Owner.OPENAI if opaque else Owner.UNKNOWN
            if shown or opaque:
                yield ReasoningPart(shown, "", opaque, owner)
            return
        envelope = unseal(opaque)
        if envelope is None:  # damaged on its way: the visible text is nobody's
            if shown:
                yield ReasoningPart(shown)
            return
        if envelope.call_signature:
            self._signature, self._owner = envelope.call_signature, envelope.owner
        yield from envelope.reasoning(shown)

    def _result(self, item: Mapping[str, Any], kind: str, path: str) -> None:
        self._end_turn()
        call_id = text_in(item.get("call_id")) or text_in(item.get("id"))
        if not call_id:
            raise Malformed(f"{path}.call_id", "the id of the tool call that this answers")
        call_id = self._ids.answered(call_id)
        content = item.get("tools") if kind == "tool_search_output" else item.get("output")
        parts = tuple(_output(content, path))
        result = ToolResult(call_id, parts, self._names.get(call_id, ""))
        self._found.append(Message("tool", (result,), path=path))


def _function_arguments(item: Mapping[str, Any]) -> str:
    arguments = item.get("arguments")
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else write_json(arguments).decode("utf-8", "surrogatepass")


_NAMED: Final = frozenset({"function_call", "custom_tool_call"})
_CALL_ARGUMENTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "function_call": _function_arguments,
    "custom_tool_call": lambda item: with_free_text(text_in(item.get("input"))),
    "tool_search_call": _function_arguments,
}


def _content(content: Any, path: str) -> Iterator[Part]:
    """The parts of a message. A stored file belongs to OpenAI."""
    for part in read_content(content, path):
        if isinstance(part, ImagePart | FilePart) and isinstance(part.source, Stored):
            source = msgspec.structs.replace(part.source, owner=Owner.OPENAI)
            yield msgspec.structs.replace(part, source=source)
        else:
            yield part


def _output(output: Any, path: str) -> Iterator[Part]:
    """What a tool gave: a text, parts, or an object, which is told as JSON."""
    if isinstance(output, str):
        yield TextPart(output)
    elif isinstance(output, dict) and output.get("type") == "computer_screenshot":
        yield from _content([{**output, "type": "input_image"}], path)
    elif isinstance(output, list) and all(isinstance(each, dict) and _is_part(each) for each in output):
        yield from _content(output, path)
    elif output is not None:
        yield TextPart(write_json(output).decode("utf-8", "surrogatepass"))


def _is_part(value: Mapping[str, Any]) -> bool:
    return text_in(value.get("type")) in _PARTS


_PARTS: Final = frozenset({"input_text", "input_image", "input_file", "input_audio", "output_text", "text"})
