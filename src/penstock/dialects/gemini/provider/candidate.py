"""One candidate of Gemini's answer, part by part, as events of one choice.

Neighbouring text is one block, and so are neighbouring thoughts; every other part is a block of its own. Google signs
parts and wants each signature back where it was. On a thought or a function call it goes along; on text or an image it
is a ``Thinking`` without text in a block right before, so that contents.py, which puts a signature that stands
alone on the part after it, finds the same part again, even where a client kept signatures and text apart. A signature
on no text at all, the usual end of a stream, has a block of its own after the text. Source: Gemini API docs, "Thought
signatures"; Gemini API reference, "Candidate", "Part".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.chat import Owner
from penstock.core.events import Event, Extra, Foreign, Media, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.core.finish_reasons import CONTENT_FILTER, is_failure, openai_reason
from penstock.core.json_text import write_json
from penstock.dialects.gemini.provider.grounding import citations, logprobs

_TOLD_OTHERWISE: Final = frozenset({"content", "finishReason", "index", "logprobsResult"})
_RUN_BY_GOOGLE: Final = frozenset({"executableCode", "toolCall"})
"""Parts that a result follows: a ``STOP`` right after one is none, for the answer goes on."""
_KEPT_TEXT: Final = 1 << 20
"""Characters that are kept for placing citations; what comes later has no place."""
_ALONE, _TEXT, _THOUGHT = range(3)
"""What a block is: only text goes on with text, and only a thought with a thought."""


class Candidate:
    """Reads the pieces of one candidate. ``index`` is that of the choice; ``blocked`` is why the prompt was refused,
    when that is all that there is to say."""

    __slots__ = (
        "_block", "_calls", "_extras", "_goes_on", "_index", "_kept", "_kind", "_parts", "_reason", "_runs", "_text",
        "_was_blocked",
    )  # fmt: skip

    def __init__(self, index: int, blocked: str = "") -> None:
        self._index = index
        self._block = -1
        self._text = 0
        """The last block of text."""
        self._kind = _ALONE
        self._calls = 0
        self._parts: list[str] = []
        self._kept = 0
        self._reason = blocked
        self._was_blocked = bool(blocked)
        self._goes_on = False
        """Whether something was said since the last reason to stop."""
        self._runs = False
        """Whether the last part is one that a result follows."""
        self._extras: dict[str, Any] = {}

    @property
    def has_ended(self) -> bool:
        """Whether the last thing that was said is a reason to stop."""
        return bool(self._reason) and not self._goes_on

    @property
    def failed_by(self) -> str:
        """Google's word where it says that no answer came about (a call that can't be read, say), else empty."""
        return self._reason if not self._was_blocked and is_failure(self._reason) else ""

    @property
    def explanation(self) -> str:
        """Google's own words about the end, ``finishMessage``."""
        return json_text.text(self._extras, "finishMessage")

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing at all."""
        return not self._reason and self._block < 0 and not self._calls

    def read(self, value: Mapping[str, Any], arguments: Iterable[str] = ()) -> list[Event]:
        """A piece of the candidate. ``arguments`` are those of its function calls as they were written."""
        found: list[Event] = []
        content = value.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        if isinstance(parts, list):
            written = iter(arguments)
            for part in parts:
                if isinstance(part, dict):
                    found += self._part(part, written)
        for name, member in value.items():
            if name == "finishReason":
                self._stop(member)
            elif name == "logprobsResult":
                found += logprobs(member, self._index) if isinstance(member, dict) else ()
            elif name not in _TOLD_OTHERWISE and member not in (None, {}, [], ""):
                self._keep(name, member)
        return found

    def end(self) -> Iterable[Event]:
        """What is known only when all was said: sources, what has no place in OpenAI's dialect, why it ended."""
        grounding = self._extras.get("groundingMetadata")
        if isinstance(grounding, dict):
            yield from citations(grounding, self._parts, self._index, self._text)
        for name, value in self._extras.items():
            yield Extra(name, value, self._index)
        if self._reason:
            reason = CONTENT_FILTER if self._was_blocked else openai_reason(self._reason, has_calls=self._calls > 0)
            yield Stop(reason, self._reason, self._index)

    # Parts.

    def _part(self, part: Mapping[str, Any], arguments: Iterator[str]) -> Iterable[Event]:
        text = part.get("text")
        if type(text) is not str:
            return self._other(part, arguments)
        if text and "thought" not in part and "thoughtSignature" not in part:
            return (self._say(text),)
        signature = json_text.text(part, "thoughtSignature")
        if part.get("thought") is True:
            return self._thought(text, signature)
        return self._signed(text, signature)

    def _say(self, text: str) -> Event:
        if self._kind != _TEXT:
            self._text = self._open(_TEXT)
        self._goes_on, self._runs = True, False
        self._remember(text)
        return Text(text, self._index, self._text)

    def _thought(self, text: str, signature: str) -> Iterable[Event]:
        """A piece of a thought, or the end of one: its signature is about all of its block."""
        self._remember("")
        if not text and not signature:
            return ()
        block = self._block if self._kind == _THOUGHT else self._open(_THOUGHT)
        self._kind = _ALONE if signature else _THOUGHT
        self._goes_on = self._goes_on or bool(text)
        return (Thinking(text, signature, "", Owner.GOOGLE, self._index, block),)

    def _signed(self, text: str, signature: str) -> Iterable[Event]:
        """Text that may not be joined with any other, and before it its signature."""
        before = (self._sign(signature, len(text)),) if signature else ()
        if not text:
            self._remember("")
            return before
        event = self._say(text)
        if signature:
            self._kind = _ALONE
        return (*before, event)

    def _sign(self, signature: str, covers: int = 0) -> Event:
        return Thinking("", signature, "", Owner.GOOGLE, self._index, self._open(_ALONE), covers)

    def _other(self, part: Mapping[str, Any], arguments: Iterator[str]) -> Iterable[Event]:
        """A call, media, or what exists in Google's dialect only."""
        self._remember("")
        if not part:
            return ()
        self._goes_on, self._runs = True, not _RUN_BY_GOOGLE.isdisjoint(part)
        call = part.get("functionCall")
        if isinstance(call, dict):
            written = next(arguments, "")
            if isinstance(call.get("name"), str):
                self._kind = _ALONE
                return self._call(call, json_text.text(part, "thoughtSignature"), written)
        media = None if part.get("thought") is True else _media(part)
        if media is None:
            return (Foreign(part, self._index, self._open(_ALONE)),)
        signature = json_text.text(part, "thoughtSignature")
        signed = (self._sign(signature),) if signature else ()
        return (*signed, Media(*media, self._index, self._open(_ALONE)))

    def _call(self, call: Mapping[str, Any], signature: str, written: str) -> Iterable[Event]:
        number = self._calls
        self._calls += 1
        owner = Owner.GOOGLE if signature else Owner.UNKNOWN
        yield ToolStart(number, call["name"], json_text.text(call, "id"), signature, owner, self._index)
        args = call.get("args")
        if isinstance(args, dict) and args:
            yield ToolArgs(written or write_json(args).decode(), number, self._index)

    def _open(self, kind: int) -> int:
        """The number of a new block."""
        self._kind = kind
        self._block += 1
        return self._block

    def _remember(self, text: str) -> None:
        """Keep the text of a part: citations count parts, also those without."""
        if self._kept < _KEPT_TEXT:
            self._parts.append(text)
            self._kept += len(text) + 1

    # What is said of it all.

    def _stop(self, reason: Any) -> None:
        if isinstance(reason, str) and reason:
            self._reason = reason
            self._goes_on = self._runs and reason == "STOP"

    def _keep(self, name: str, value: Any) -> None:
        """The last word counts; an object's members one by one, for a stream may tell them in turn."""
        before = self._extras.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            before.update(value)
        else:
            self._extras[name] = value


def _media(part: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Type, data and address of an image, a sound or a video."""
    held = part.get("inlineData")
    if isinstance(held, dict) and isinstance(held.get("data"), str):
        return json_text.text(held, "mimeType"), held["data"], ""
    held = part.get("fileData")
    if isinstance(held, dict) and isinstance(held.get("fileUri"), str):
        return json_text.text(held, "mimeType"), "", held["fileUri"]
    return None
