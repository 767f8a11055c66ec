"""The contents of a caller of Gemini, part by part in their order, in either spelling.

Results of functions become messages of their own, in the order given and before what stands beside them: everyone wants
them right after their calls. They are matched with calls by id, else by name and order, for ids may be left out.
Sources: Gemini API reference, "Content"; Gemini API docs, "Function calling".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.chat import Message, Part, TextPart, ToolCall, ToolResult
from penstock.core.json_text import write_json
from penstock.dialects.call_ids import TurnIds
from penstock.dialects.conversation_members import GEMINI
from penstock.dialects.gemini.caller.model_turn import ModelTurn
from penstock.dialects.gemini.caller.parts import Parts, chat_parts, parts_of
from penstock.dialects.gemini.caller.written_values import written_values
from penstock.dialects.gemini.spelling import own_members, snake
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.malformed import CALL_NAME, Malformed, is_name, text_in

_OF_RESULTS: Final = ("mediaResolution", "videoMetadata", "documentMetadata", "spreadsheetMetadata", "audioMetadata")
LOST: Final = LostMembers(
    "contents",
    [
        f"{parts}.{name}"
        for named in _OF_RESULTS
        for name in (named, snake(named))
        for parts in ("functionResponse.parts", "function_response.parts")
    ],
    spellings=map(snake, GEMINI.split()),
    beside=("systemInstruction", "system_instruction"),
)
"""What is said of media among the results of functions."""
_ROLES: Final[Mapping[str, str]] = {"": "user", "user": "user", "function": "user", "model": "model"}


def read_contents(body: Body) -> tuple[Message, ...]:
    """All messages. Raises Malformed."""
    return _Reader(body.raw("contents") or b"").messages(_given(body))


def _given(body: Body) -> Iterator[Any]:
    """The contents one by one: clients may send one alone, or its text."""
    try:
        if body.is_array("contents"):
            yield from body.elements("contents") or ()
        elif not body.is_null("contents"):
            yield body.value("contents")
    except BodyError:
        raise Malformed("contents", "valid JSON") from None


class _Content(NamedTuple):
    """A content, and where it stands. ``written`` are the arguments and answers of its parts as they were written."""

    position: int
    path: str
    parts: Parts
    written: list[bytes]

    def written_at(self, number: int) -> bytes:
        return self.written[number] if number < len(self.written) else b""


class _Reader:
    """Reads one conversation."""

    def __init__(self, raw: bytes) -> None:
        self._written = written_values(raw)
        self._ids = TurnIds()
        self._names: dict[str, str] = {}
        """The names of the calls so far, by id."""
        self._unanswered: dict[str, deque[str]] = {}
        """The ids of the latest turn's calls that no result has named yet, by name."""

    def messages(self, contents: Iterator[Any]) -> tuple[Message, ...]:
        """The messages. Contents of the model in a row are one turn: Google's SDK keeps each chunk of a stream so."""
        found: list[Message] = []
        turn: list[_Content] = []
        for position, content in enumerate(contents):
            path = f"contents[{position}]"
            role = own_members(content).get("role") or ""
            known = _ROLES.get(role) if isinstance(role, str) else None
            if known is None:
                raise Malformed(f"{path}.role", "user or model")
            read = _Content(position, path, parts_of(content, path), self._written.get(position, []))
            if known == "model":
                turn.append(read)
                continue
            found += self._answer(turn)
            found += self._user(read)
            turn = []
        found += self._answer(turn)
        if not any(message.parts for message in found):
            raise Malformed("contents", "a non-empty array of contents with parts")
        return tuple(found)

    # What a model said.

    def _answer(self, contents: list[_Content]) -> list[Message]:
        """The message of one turn of the model; none of no content."""
        if not contents:
            return []
        self._ids.turn()
        self._unanswered = {}
        turn = ModelTurn([part for content in contents for part in content.parts])
        for content in contents:
            for number, part in enumerate(content.parts):
                self._add(turn, content, number, part)
        return [Message("assistant", turn.parts(), "", contents[0].path)]

    def _add(self, turn: ModelTurn, content: _Content, number: int, part: Mapping[str, Any]) -> None:
        """A part of a content, with what it holds, to the turn."""
        place = f"{content.path}.parts[{number}]"
        call = own_members(part.get("functionCall"))
        signature = text_in(part.get("thoughtSignature"))
        if call:
            own_id = f"call_{content.position}_{number}"
            turn.call(self._call(call, place, own_id, content.written_at(number)), signature)
        elif part.get("thought") is True:
            turn.thought(text_in(part.get("text")), signature)
        else:
            turn.say(chat_parts(part, place), signature, is_text=isinstance(part.get("text"), str))

    def _call(self, call: Mapping[str, Any], path: str, own_id: str, raw: bytes) -> ToolCall:
        name, args = call.get("name"), call.get("args")
        if not is_name(name) or not name:
            raise Malformed(f"{path}.functionCall.name", CALL_NAME)
        if not isinstance(args, dict | None):
            raise Malformed(f"{path}.functionCall.args", "an object")
        arguments = (raw or write_json(args or {})).decode("utf-8", "surrogatepass")
        call_id = self._ids.called(text_in(call.get("id")) or own_id)
        self._names[call_id] = name
        self._unanswered.setdefault(name, deque()).append(call_id)
        return ToolCall(call_id, name, arguments)

    # What a user said, and functions answered.

    def _user(self, content: _Content) -> list[Message]:
        results: list[Message] = []
        others: list[Part] = []
        for number, part in enumerate(content.parts):
            place = f"{content.path}.parts[{number}]"
            answer = own_members(part.get("functionResponse"))
            if answer:
                result = self._result(answer, place, content.written_at(number))
                results.append(Message("tool", (result,), "", place))
            else:
                others += chat_parts(part, place)
        if others or not results:
            results.append(Message("user", tuple(others), "", content.path))
        return results

    def _result(self, answer: Mapping[str, Any], path: str, raw: bytes) -> ToolResult:
        response = answer.get("response")
        if not isinstance(response, dict | None):
            raise Malformed(f"{path}.functionResponse.response", "an object")
        call_id = self._answered(text_in(answer.get("id")), text_in(answer.get("name")))
        parts, is_error = _response(response or {}, raw)
        for number, part in enumerate(json_text.mappings(answer.get("parts"))):
            parts += chat_parts(own_members(part), f"{path}.functionResponse.parts[{number}]")
        name = self._names.get(call_id, text_in(answer.get("name")))
        return ToolResult(call_id, tuple(parts), name, is_error)

    def _answered(self, result_id: str, name: str) -> str:
        """The id of the call that a result answers."""
        waiting = self._unanswered.get(name)
        if result_id:
            call_id = self._ids.answered(result_id)
            if call_id in self._names:
                for ids in self._unanswered.values():
                    if call_id in ids:
                        ids.remove(call_id)
                return call_id
        if waiting:
            return waiting.popleft()
        return result_id or name


def _response(response: Mapping[str, Any], raw: bytes) -> tuple[list[Part], bool]:
    """What a function answered, and whether that is an error: the only member as text, or the whole as JSON."""
    name = next(iter(response)) if len(response) == 1 else ""
    if name in {"output", "result", "error"}:
        value = response[name]
        text = value if isinstance(value, str) else write_json(value).decode("utf-8", "surrogatepass")
        return [TextPart(text)], name == "error"
    text = (raw or write_json(response)).decode("utf-8", "surrogatepass")
    return ([TextPart(text)] if response else []), False
