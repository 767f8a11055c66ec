"""The contents of a caller of Gemini, part by part in their order, in either spelling.

Results of functions become messages of their own, in the order given and before what stands beside them: everyone wants
them right after their calls. They are matched with calls by id, else by name and order, for ids may be left out.
Foreign thoughts come in envelopes (envelope.py). Sources: Gemini API reference, "Content", "Part"; Gemini API docs,
"Function calling", "Thought signatures".
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.chat import (
    AudioPart,
    FilePart,
    ImagePart,
    Inline,
    Link,
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
from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.call_ids import TurnIds
from penstock.dialects.envelope import ON_CALL, Envelope, is_sealed, unseal
from penstock.dialects.gemini.caller.words import in_words
from penstock.dialects.gemini.provider.contents import UNSIGNED
from penstock.dialects.gemini.spelling import own_members
from penstock.dialects.malformed import CALL_NAME, Malformed, is_name, text_in

_ROLES: Final[Mapping[str, str]] = {"": "user", "user": "user", "function": "user", "model": "model"}
_NOT_SIGNED: Final = frozenset({UNSIGNED, "context_engineering_is_the_way_to_go"})
"""Stand-ins for signatures, which clients write where they have none."""
_SOUNDS: Final[Mapping[str, str]] = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "pcm": "pcm16", "l16": "pcm16"}
_KEPT_AT_GOOGLE: Final = re.compile(r"files/|https?://generativelanguage\.googleapis\.com/")

_Parts = list[dict[str, Any]]


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


def parts_of(content: Any, path: str) -> _Parts:
    """The parts of a content, each by its names in JSON; text alone counts as one. Raises Malformed."""
    if isinstance(content, str):
        return [{"text": content}]
    parts = content.get("parts") if isinstance(content, dict) else None
    if parts is None and isinstance(content, dict):
        return []
    given = parts if isinstance(parts, list) else [parts]
    read = [{"text": part} if isinstance(part, str) else part for part in given]
    if not isinstance(content, dict) or not all(isinstance(part, dict) for part in read):
        raise Malformed(f"{path}.parts", "an array of parts, which are objects")
    return [own_members(part) for part in read]


class _Content(NamedTuple):
    """A content, and where it stands. ``written`` are the arguments and answers of its parts as they were written."""

    position: int
    path: str
    parts: _Parts
    written: list[bytes]

    def written_at(self, number: int) -> bytes:
        return self.written[number] if number < len(self.written) else b""


class _Reader:
    """Reads one conversation."""

    def __init__(self, raw: bytes) -> None:
        self._written = _written(raw)
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
        turn = _Turn([part for content in contents for part in content.parts])
        for content in contents:
            for number, part in enumerate(content.parts):
                self._add(turn, content, number, part)
        return [Message("assistant", turn.parts(), "", contents[0].path)]

    def _add(self, turn: _Turn, content: _Content, number: int, part: Mapping[str, Any]) -> None:
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
            turn.say(_parts(part, place), signature, is_text=isinstance(part.get("text"), str))

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
                others += _parts(part, place)
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
            parts += _parts(own_members(part), f"{path}.functionResponse.parts[{number}]")
        name = self._names.get(call_id, text_in(answer.get("name")))
        return ToolResult(call_id, tuple(parts), name, is_error)

    def _answered(self, given: str, name: str) -> str:
        """The id of the call that a result answers."""
        waiting = self._unanswered.get(name)
        if given:
            call_id = self._ids.answered(given)
            if call_id in self._names:
                for ids in self._unanswered.values():
                    if call_id in ids:
                        ids.remove(call_id)
                return call_id
        if waiting:
            return waiting.popleft()
        return given or name


class _Turn:
    """One turn of the model while it is read: thoughts go back to the places that their envelopes name."""

    def __init__(self, parts: _Parts) -> None:
        signatures = [text_in(part.get("thoughtSignature")) for part in parts]
        envelopes = [unseal(signature) for signature in signatures if is_sealed(signature)]
        self._tells_thoughts = any(
            block.place != ON_CALL and block.text for envelope in envelopes if envelope for block in envelope.blocks
        )
        """Whether an envelope holds the text of the thoughts, which may stand in parts of their own as well."""
        self._found: list[Part] = []
        self._starts: list[int] = []
        """Where each visible part begins; neighbouring text is one."""
        self._in_text = False
        self._inserted: list[tuple[int, ReasoningPart]] = []

    def call(self, call: ToolCall, signature: str) -> None:
        """A call of a function, with what stands at it."""
        envelope = unseal(signature)
        if envelope is not None:
            self._unpack(envelope)
            if envelope.call_signature:
                call = msgspec.structs.replace(call, signature=envelope.call_signature, owner=envelope.owner)
        elif signature not in _NOT_SIGNED and not is_sealed(signature) and signature:
            call = msgspec.structs.replace(call, signature=signature, owner=Owner.GOOGLE)
        self._begin(is_text=False)
        self._found.append(call)

    def thought(self, text: str, signature: str) -> None:
        """A thought that the client has kept."""
        if is_sealed(signature):
            envelope = unseal(signature)
            self._found += () if envelope is None else envelope.reasoning(text)
        elif signature:
            self._found.append(ReasoningPart(text, signature, "", Owner.GOOGLE))
        elif text and not self._tells_thoughts:
            self._found.append(ReasoningPart(text))

    def say(self, parts: tuple[Part, ...], signature: str, *, is_text: bool) -> None:
        """Anything else. The signature of text stands before it."""
        envelope = unseal(signature)
        if envelope is not None:
            self._unpack(envelope)
        elif signature and not is_sealed(signature) and signature not in _NOT_SIGNED:
            self._found.append(ReasoningPart("", signature, "", Owner.GOOGLE))
        if parts:
            self._begin(is_text=is_text)
            self._found += parts

    def parts(self) -> tuple[Part, ...]:
        for at, thought in reversed(self._inserted):
            self._found.insert(at, thought)
        return tuple(_joined(self._found))

    def _begin(self, *, is_text: bool) -> None:
        if not (is_text and self._in_text):
            self._starts.append(len(self._found))
        self._in_text = is_text

    def _unpack(self, envelope: Envelope) -> None:
        blocks = [block for block in envelope.blocks if block.place != ON_CALL]
        for block in blocks:
            place = int(block.place) if block.place.isdecimal() else 0
            at = self._starts[place] if place < len(self._starts) else len(self._found)
            thought = ReasoningPart(block.text, block.signature, block.data, envelope.owner)
            self._inserted.append((at, thought))
        self._inserted.sort(key=_place)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts. Texts in a row are one, and so are thoughts: clients keep each chunk of a stream as a part."""
    for kind, run in groupby(parts, _joins):
        if kind is TextPart:
            yield TextPart("".join(part.text for part in run if isinstance(part, TextPart)))
        elif kind is ReasoningPart:
            yield ReasoningPart("".join(part.text for part in run if isinstance(part, ReasoningPart)))
        else:
            yield from run


def _joins(part: Part) -> type | None:
    """The kind of a part that can be joined with its neighbours of the same kind; a signature vouches for one alone."""
    match part:
        case TextPart():
            return TextPart
        case ReasoningPart(signature="", data="", owner=Owner.UNKNOWN):
            return ReasoningPart
        case _:
            return None


def _place(inserted: tuple[int, ReasoningPart]) -> int:
    return inserted[0]


# Parts.


def _parts(part: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    """What a part holds: text, data, an address, or something that only Google has."""
    text = part.get("text")
    if isinstance(text, str):
        return (TextPart(text),) if text else ()
    inline, file = own_members(part.get("inlineData")), own_members(part.get("fileData"))
    if inline:
        data = inline.get("data")
        if not isinstance(data, str):
            raise Malformed(f"{path}.inlineData.data", "base64")
        return (_media(Inline(text_in(inline.get("mimeType")), _standard(data)), text_in(inline.get("displayName"))),)
    if file:
        return (_file(file, path),)
    if not part.keys() - {"thoughtSignature", "thought", "partMetadata"}:
        return ()
    return (NativePart(dict(part), Owner.GOOGLE, in_words(part)),)


def _standard(data: str) -> str:
    """Base64 in the standard alphabet: Google's Python client writes the one for addresses."""
    if "-" not in data and "_" not in data:
        return data
    plain = data.replace("-", "+").replace("_", "/")
    return plain + "=" * (-len(plain) % 4)


def _file(file: Mapping[str, Any], path: str) -> Part:
    address, kind = file.get("fileUri"), text_in(file.get("mimeType"))
    if not isinstance(address, str) or not address:
        raise Malformed(f"{path}.fileData.fileUri", "the address of a file")
    if _KEPT_AT_GOOGLE.match(address):
        return FilePart(Stored(address, kind, Owner.GOOGLE))
    return _media(Link(address, kind), text_in(file.get("displayName")))


def _media(source: Inline | Link, name: str) -> Part:
    kind, _, form = source.mime.partition("/")
    if kind == "image":
        return ImagePart(source)
    if kind == "audio":
        form = form.partition(";")[0].lower()
        return AudioPart(source, _SOUNDS.get(form, form))
    return FilePart(source, name)


def _response(response: Mapping[str, Any], raw: bytes) -> tuple[list[Part], bool]:
    """What a function answered, and whether that is an error: the only member as text, or the whole as JSON."""
    name = next(iter(response)) if len(response) == 1 else ""
    if name in {"output", "result", "error"}:
        value = response[name]
        text = value if isinstance(value, str) else write_json(value).decode("utf-8", "surrogatepass")
        return [TextPart(text)], name == "error"
    text = (raw or write_json(response)).decode("utf-8", "surrogatepass")
    return ([TextPart(text)] if response else []), False


# The arguments of calls and the answers of functions, as they were written.


class _WrittenCall(msgspec.Struct):
    args: msgspec.Raw = msgspec.Raw(b"")


class _WrittenResponse(msgspec.Struct):
    response: msgspec.Raw = msgspec.Raw(b"")


class _WrittenPart(msgspec.Struct):
    functionCall: _WrittenCall | None = None  # noqa: N815
    function_call: _WrittenCall | None = None
    functionResponse: _WrittenResponse | None = None  # noqa: N815
    function_response: _WrittenResponse | None = None

    @property
    def written(self) -> bytes:
        call = self.functionCall or self.function_call
        answer = self.functionResponse or self.function_response
        found = bytes(call.args) if call is not None else bytes(answer.response) if answer is not None else b""
        return found if found.startswith(b"{") else b""


class _WrittenContent(msgspec.Struct):
    parts: list[_WrittenPart] = []


_WRITTEN: Final = msgspec.json.Decoder(list[_WrittenContent])
_FUNCTIONS: Final = re.compile(rb'"function_?(?:Call|Response|call|response)"')


def _written(contents: bytes) -> dict[int, list[bytes]]:
    """The bytes of arguments and answers, by the places of content and part; none where they can't be told."""
    if not contents.startswith(b"[") or _FUNCTIONS.search(contents) is None:
        return {}
    found: dict[int, list[bytes]] = {}
    position = 0
    try:
        for piece in slices(contents):
            for content in _WRITTEN.decode(piece):
                found[position] = [part.written for part in content.parts]
                position += 1
    except (ValueError, *UNREADABLE):
        return {}
    return found
