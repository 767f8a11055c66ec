"""Texts in a form in which guards see none: an object for a list, a list for an object, tokens for a text.

Most hosts refuse such a body. Some take it, and then the model reads what nobody has judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.dialects.texts import listed, member

_MESSAGES: Final = (("messages", "content"), ("contents", "parts"))
"""The members with the messages of a chat, and the member of a message with its parts."""
_TOKENS: Final = ("prompt", "context")
"""Members in which numbers are tokens of a text: of legacy completions, of Ollama's prompts."""


def misshapen(value: Any) -> str:
    """What of a body's texts has another form than guards read, as the rest of a sentence. Empty if there is none."""
    place = next(_places(value), "")
    if place:
        return f"{place} has not the form in which texts stand there, and a host may take it for one"
    if isinstance(member(value, "input"), dict):
        return "input is an object in the place of a text or a list, and a host may take it for one"
    for name in _TOKENS:
        items = listed(member(value, name))
        if any(isinstance(each, int | list) for each in items):
            return f"{name} holds tokens in the place of text"
    return ""


def _places(value: Any) -> Iterator[str]:
    for name, parts in _MESSAGES:
        messages = member(value, name)
        if messages is None:
            continue
        if name == "messages" and not isinstance(messages, list):
            yield name
        for at, message in enumerate(listed(messages)):
            content = member(message, parts)
            if isinstance(message, list) or (name == "messages" and not _is_message(message, content)):
                yield f"{name}[{at}]"
            for number, part in enumerate(listed(content)):
                if isinstance(part, list) or isinstance(member(part, "text"), dict | list):
                    yield f"{name}[{at}].{parts}[{number}]"


def _is_message(message: Any, content: Any) -> bool:
    """Whether a message is an object, and its content none. Gemini takes a text for a content, and an object for a list
    of one part, which guards read."""
    return isinstance(message, dict) and not isinstance(content, dict)
