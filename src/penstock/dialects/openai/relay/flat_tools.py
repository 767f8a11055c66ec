"""Tools for free text that lie flat, as Responses have them, in a request of chat completions: OpenAI refuses them
there. Cursor sends one beside functions in their usual form.

Source: OpenAI API reference, "Create chat completion" and "Create a model response" (``tools``).
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.json_text import UNREADABLE, write_json
from penstock.core.rare_word import RareWord
from penstock.dialects.free_text_tools import CUSTOM
from penstock.dialects.request_tools import ANTHROPICS_SCHEMA

_MARK: Final = RareWord(write_json(CUSTOM), 6)


def with_nested_tools(body: Body) -> Body:
    """The body with each such tool in an object ``custom``, its grammar in one of its own, and likewise a choice that
    names one. Other tools keep their bytes."""
    if not body.mentions("tools", _MARK):
        return body
    try:
        tools = _TOOLS.decode(body.raw("tools") or b"")
        nested = [_nested(tool) for tool in tools]
    except (*UNREADABLE, BodyError):
        return body
    choice = _nested_choice(body)
    if nested == tools and not choice:
        return body
    return body.replaced({"tools": b"[" + b",".join(map(bytes, nested)) + b"]", **choice})


def _nested_choice(body: Body) -> dict[str, bytes]:
    """The choice in its new form, by its name; nothing for one that stays."""
    if not body.mentions("tool_choice", _MARK):
        return {}
    choice = body.value("tool_choice")
    if not isinstance(choice, dict) or choice.get("type") != CUSTOM or CUSTOM in choice:
        return {}
    return {"tool_choice": write_json({"type": CUSTOM, CUSTOM: {"name": choice.get("name")}})}


_TOOLS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _nested(raw: msgspec.Raw) -> msgspec.Raw | bytes:
    tool = Body.parse(raw)
    if tool.raw("type") != _MARK.word or CUSTOM in tool or "name" not in tool or ANTHROPICS_SCHEMA in tool:
        return raw
    custom = tool.without("type")
    form = custom.value("format")
    if isinstance(form, dict) and form.get("type") == "grammar" and "grammar" not in form:
        grammar = {name: value for name, value in form.items() if name != "type"}
        custom = custom.replaced({"format": write_json({"type": "grammar", "grammar": grammar})})
    return Body({"type": _MARK.word, CUSTOM: custom.encode()}).encode()
