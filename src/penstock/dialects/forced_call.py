"""A forced call at a host that cannot be made to call a function but can be held to a schema: the model is asked for
the function's arguments as its answer, and the answer's text is told as a call.

Source: Ollama documentation, "Structured outputs".
"""

from __future__ import annotations

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
    """Tells the text of one answer as the arguments of a call."""

    __slots__ = ("_has_begun", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._has_begun = False

    def told(self, events: list[Event]) -> list[Event]:
        """The next events, with a call in place of text."""
        found: list[Event] = []
        for event in events:
            match event:
                case Text(text):
                    if not self._has_begun:
                        self._has_begun = True
                        found.append(ToolStart(0, self._name))
                    found.append(ToolArgs(text, 0))
                case Stop(reason):
                    ended = openai_reason(reason, has_calls=self._has_begun)
                    found.append(msgspec.structs.replace(event, reason=ended))
                case _:
                    found.append(event)
        return found
