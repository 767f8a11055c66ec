"""An OpenAI conversation as Gemini's contents: turns of ``user`` and ``model``, each a list of parts.

Results of functions are a turn by themselves, in the order of the calls: Google counts one against the other, matches
them by name and order, and Vertex AI refuses what stands beside them. A signature goes back on the part that it came
on: see candidate.py. Sources: Gemini API reference, "Content", "Part"; Gemini API docs, "Function calling",
"Thought signatures".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
    UnknownPart,
)
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE
from penstock.core.parameters import Parameters
from penstock.dialects.dialect import WriteContext
from penstock.dialects.gemini.provider.media import RESOLUTIONS, media
from penstock.dialects.malformed import marker_name

UNSIGNED: Final = "skip_thought_signature_validator"
"""In place of the signature of a call that no Gemini made: Gemini 3 refuses a turn whose first call has none. Of the
two words that Google documents it is the one that Vertex AI takes as well."""


def _only_text(message: Message) -> str:
    """The text of a message that is nothing else, as most are; empty for any other."""
    if len(message.parts) == 1 and not message.name:
        part = message.parts[0]
        if type(part) is TextPart and part.cache is None:
            return part.text
    return ""


class Conversation:
    """Writes the messages of one request. What can't be said is refused at its place."""

    def __init__(self, request: ChatRequest, parameters: Parameters, context: WriteContext) -> None:
        self._standing, self._spoken = request.parted()
        self._parameters = parameters
        self._traits = context.traits
        self._is_vertex = context.variant == "vertex"
        self._has_ids = not self._is_vertex
        """Whether calls of functions have ids: on Vertex AI they are unknown members."""
        self._is_third = context.traits.thinking == "level"
        """Gemini 3 and later: they want signatures, and take media in a result and a resolution for each image."""
        self._turns: list[dict[str, Any]] = []
        self._step = _Step()
        self._steps = [self._step]

    def system(self) -> list[dict[str, Any]]:
        """The text of all system messages that stand before any answer."""
        found = []
        for message in self._standing:
            if plain := _only_text(message):
                found.append({"text": plain})
                continue
            for part, path in self._placed(message):
                if not isinstance(part, TextPart):
                    self._parameters.unsupported(path)
                elif part.text:
                    found.append({"text": part.text})
        return found

    def turns(self) -> list[dict[str, Any]] | Failure:
        """What user and model said in turn."""
        if not self._traits.system_role:
            self._say("user", self.system())
        for message in self._spoken:
            if message.role == "assistant":
                self._say("model", self._answer(message))
            elif message.role != "tool":
                self._say("user", self._parts(message))
            elif failure := self._result(message):
                return failure
        if not self._turns and self._traits.system_role and any(each.text.strip() for each in self._standing):
            self._turns.append(_nothing())  # Google answers the system instruction alone
        if not self._turns:
            text = "Gemini needs a message of a user or an assistant with visible content: add one to messages."
            return Failure(Kind.INVALID_REQUEST, text, "messages")
        for step in self._steps:
            step.sort()
        self._complete(self._spoken)
        return self._turns

    def _complete(self, turns: Sequence[Message]) -> None:
        """Put a user's blank where Google wants a user's turn: before calls, and after a model's last turn."""
        if any("functionCall" in part for part in self._turns[0]["parts"]):
            self._turns.insert(0, _nothing())
        if self._turns[-1]["role"] == "model" and turns[-1].role != "assistant":
            self._turns.append(_nothing())
        elif self._turns[-1]["role"] == "model" and not self._traits.prefill:
            self._parameters.unsupported(turns[-1].path)
            self._turns.append(_nothing())

    def _say(self, role: str, parts: list[dict[str, Any]]) -> None:
        """Add to the turn of that role, or begin it. Results of functions stay by themselves."""
        last = self._turns[-1] if self._turns else None
        if last is not None and last["role"] == role and not _is_results(last):
            last["parts"] += parts
        elif parts:
            self._turns.append({"role": role, "parts": parts})

    def _placed(self, message: Message) -> Iterator[tuple[Part, str]]:
        """The parts, each with where it stood in the caller's message. Google caches by itself: markers are refused."""
        if message.name and message.role != "tool":
            self._parameters.unsupported(f"{message.path}.name")
        content = calls = 0
        for part in message.parts:
            path = message.path
            if isinstance(part, ToolCall):
                path, calls = f"{path}.tool_calls[{calls}]", calls + 1
            elif not isinstance(part, ReasoningPart | ToolResult):
                path, content = f"{path}.content[{content}]", content + 1
            self._refuse_marker(part, path)
            yield part, path

    def _refuse_marker(self, part: Part, path: str) -> None:
        if not isinstance(part, ReasoningPart | NativePart | UnknownPart) and part.cache is not None:
            self._parameters.unsupported(f"{path}.{marker_name(part.cache)}")

    # What users and models say.

    def _parts(self, message: Message) -> list[dict[str, Any]]:
        if plain := _only_text(message):
            return [{"text": plain}]
        return [written for part, path in self._placed(message) for written in self._part(part, path)]

    def _part(self, part: Part, path: str) -> Iterator[dict[str, Any]]:
        """What a part becomes, if it becomes anything."""
        match part:
            case TextPart(text):
                if text:
                    yield {"text": text}
            case ImagePart() | AudioPart() | FilePart():
                yield from self._media(part, path)
            case NativePart(value, Owner.GOOGLE):
                yield dict(value)
            case _:
                self._parameters.unsupported(path)

    def _media(self, part: ImagePart | AudioPart | FilePart, path: str) -> Iterator[dict[str, Any]]:
        is_image = isinstance(part, ImagePart) or part.source.mime.startswith("image/")
        if (is_image and not self._traits.vision) or (isinstance(part, FilePart) and not self._traits.documents):
            self._parameters.unsupported(path)
            return
        found = media(part, needs_type=self._is_vertex)
        if isinstance(part, FilePart) and part.name and part.source.mime:  # else the name has told the type
            self._parameters.unsupported(f"{path}.file.filename")
        resolution = RESOLUTIONS.get(part.detail) if isinstance(part, ImagePart) else None
        if resolution is not None and self._is_third:
            found["mediaResolution"] = {"level": resolution}
        elif resolution is not None:
            self._parameters.unsupported(f"{path}.image_url.detail")
        yield found

    def _answer(self, message: Message) -> list[dict[str, Any]]:
        """What a model said. A signature that stands alone belongs to the part after it."""
        if not self._turns or self._turns[-1]["role"] != "model":
            self._step = _Step()
            self._steps.append(self._step)
        if plain := _only_text(message):
            return [{"text": plain}]
        found: list[dict[str, Any]] = []
        signature = ""
        for part, path in self._placed(message):
            if isinstance(part, ReasoningPart):
                found += _alone(signature)
                thought, signature = _thought(part)
                found += thought
                continue
            if isinstance(part, ToolCall):
                written = [self._call(part, is_signed=bool(signature))]
            else:
                written = [*self._part(part, path)]
            if written and signature:
                if isinstance(part, NativePart) or "thoughtSignature" in written[0]:
                    found += _alone(signature)
                else:
                    written[0]["thoughtSignature"] = signature
                signature = ""
            found += written
        return [*found, *_alone(signature)]

    def _call(self, call: ToolCall, *, is_signed: bool) -> dict[str, Any]:
        """A call of a function. ``is_signed``: its signature stood before it."""
        is_first = self._step.call(call.id)
        made: dict[str, Any] = {"name": call.name, "args": _arguments(call)}
        if call.id and self._has_ids:
            made["id"] = call.id
        own = call.signature if call.owner == Owner.GOOGLE else ""
        if not own and is_first and self._is_third and not is_signed:
            own = UNSIGNED
        return {"functionCall": made, **({"thoughtSignature": own} if own else {})}

    # What functions answer.

    def _result(self, message: Message) -> Failure | None:
        """The result of a function, in its place among those of the same turn. Media that can't stand in it follow."""
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        path = message.path
        self._refuse_marker(result, path)
        if not result.name:
            text = f"{path} answers a call that no message before it makes: give it the id of one, or a name."
            return Failure(Kind.INVALID_REQUEST, text, f"{path}.tool_call_id")
        made: dict[str, Any] = {"name": result.name, "response": _response(result)}
        if self._has_ids:
            made["id"] = result.id
        inside, after = self._pieces(result, path)
        if inside:
            made["parts"] = inside
        if self._step.add(result.id, {"functionResponse": made}):
            results = {"role": "user", "parts": self._step.results}
            place = self._after_model()
            if place == len(self._turns):
                self._turns.append(results)
            else:
                self._turns.insert(place, results)
        self._say("user", after)
        return None

    def _after_model(self) -> int:
        """Where results stand: right after the calls, whatever was said meanwhile."""
        place = len(self._turns)
        while place and self._turns[place - 1]["role"] != "model" and not _is_results(self._turns[place - 1]):
            place -= 1
        return place or len(self._turns)

    def _pieces(self, result: ToolResult, path: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What isn't text in a result: the media that may stand in it, and the parts that may not."""
        inside: list[dict[str, Any]] = []
        after: list[dict[str, Any]] = []
        for position, part in enumerate(result.parts):
            place = f"{path}.content[{position}]"
            self._refuse_marker(part, place)
            if self._is_third and isinstance(part, ImagePart | FilePart) and isinstance(part.source, Inline):
                if isinstance(part, ImagePart) and part.detail in RESOLUTIONS:
                    self._parameters.unsupported(f"{place}.image_url.detail")
                inside.append(media(part, needs_type=True))
            elif not isinstance(part, TextPart):
                after += self._part(part, place)
        return inside, after


def _is_results(turn: dict[str, Any]) -> bool:
    return "functionResponse" in turn["parts"][0]


def _nothing() -> dict[str, Any]:
    """A user who says nothing. Gemini refuses calls that answer nobody, and goes on with an answer that stands last."""
    return {"role": "user", "parts": [{"text": " "}]}


class _Step:
    """One turn of the model, as far as its calls go: the place of each by its id, and the parts that answer them, in
    the same order once they are sorted."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []
        self._calls = 0
        self._place_of: dict[str, int] = {}
        self._places: list[int] = []

    def call(self, call_id: str) -> bool:
        """Count a call; whether it is the first."""
        self._place_of.setdefault(call_id, self._calls)
        self._calls += 1
        return self._calls == 1

    def add(self, call_id: str, part: dict[str, Any]) -> bool:
        """Add an answer; whether it is the first."""
        self._places.append(self._place_of.get(call_id, self._calls))
        self.results.append(part)
        return len(self.results) == 1

    def sort(self) -> None:
        """Put the answers in the places of their calls."""
        order = sorted(range(len(self._places)), key=self._places.__getitem__)
        self.results[:] = [self.results[at] for at in order]


def _alone(signature: str) -> list[dict[str, Any]]:
    """A signature on no text at all."""
    return [{"text": "", "thoughtSignature": signature}] if signature else []


def _thought(part: ReasoningPart) -> tuple[list[dict[str, Any]], str]:
    """A thought that Gemini signed, or the signature of what follows. What others thought is none of its business."""
    if part.owner != Owner.GOOGLE:
        return [], ""
    if part.text and part.signature:
        return [{"text": part.text, "thought": True, "thoughtSignature": part.signature}], ""
    return [], part.signature or part.data


def _arguments(call: ToolCall) -> Any:
    """The arguments as the model wrote them; text that is no JSON object as the only member of one."""
    if call.custom:
        return {"input": call.arguments}
    if not call.arguments.strip():
        return {}
    return _json_object(call.arguments) or {"arguments": call.arguments}


def _response(result: ToolResult) -> Any:
    """What the function answered, which must be an object: its own, or the text as Google's ``output`` or ``error``."""
    text = "".join(part.text for part in result.parts if isinstance(part, TextPart))
    own = _json_object(text)
    if result.is_error:
        return {"error": own or text}
    return own or {"output": text}


def _json_object(text: str) -> msgspec.Raw | None:
    """The text as JSON with its own bytes; None unless it is an object."""
    data = text.encode("utf-8", "surrogatepass")
    try:
        return msgspec.Raw(data) if isinstance(msgspec.json.decode(data), dict) else None
    except UNREADABLE:
        return None
