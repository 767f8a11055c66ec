"""A forced call at a host that cannot be made to call a function but can be held to a schema: the model is asked for
the function's arguments as its answer, and the answer's text is told as a call.

Source: Ollama documentation, "Structured outputs".
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.chat import Format, Tool
from penstock.core.events import Event, Stop, Text, ToolArgs, ToolStart
from penstock.core.finish_reasons import openai_reason
from penstock.dialects.format_in_words import format_in_words
from penstock.dialects.function_tools import object_schema


def arguments_in_words(function: Tool) -> str:
    """What the model is told: to answer with the arguments of the function, by their schema."""
    described = f" {function.description}" if function.description else ""
    words = format_in_words(Format("json_schema", function.name, schema=object_schema(function.parameters)))
    return f"Answer with the arguments for a call of the function {function.name}.{described}\n{words}"


class ForcedCall:
    """Tells the text of one answer as the arguments of a call. Text that begins no object stays text: a host may pass
    over the schema, as servers do that are older than it."""

    __slots__ = ("_is_call", "_name", "_room", "_spaces")

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_call: bool | None = None
        self._spaces: list[Text] = []
        """White space before anything is said, while it isn't known what it belongs to."""
        self._room = _MOST_SPACES

    def told(self, events: list[Event]) -> list[Event]:
        """The next events, with a call in place of text."""
        found: list[Event] = []
        for event in events:
            match event:
                case Text():
                    found += self._of_text(event)
                case Stop(reason):
                    found += [] if self._is_call else self._spaces
                    ended = openai_reason(reason, has_calls=self._is_call is True)
                    found.append(msgspec.structs.replace(event, reason=ended))
                case _:
                    found.append(event)
        return found

    def _of_text(self, event: Text) -> list[Event]:
        text = event.text.lstrip()
        if self._is_call is None and not text and len(event.text) <= self._room:
            self._room -= len(event.text) or 1
            self._spaces.append(event)
            return []
        if self._is_call:
            return [ToolArgs(event.text, 0)]
        if self._is_call is None:
            self._is_call = text.startswith("{")
            if self._is_call:
                return [ToolStart(0, self._name), ToolArgs(text, 0)]
        held, self._spaces = self._spaces, []
        return [*held, event]


_MOST_SPACES: Final = 1024
"""Characters of white space that are held; an answer that begins with more is a text."""
