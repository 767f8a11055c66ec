"""Anthropic's blocks and tools in a chat completion, put into OpenAI's words for hosts that know no others.

Cursor in agent mode posts ``tool_use`` and ``tool_result`` blocks and bare tools ``{name, input_schema}`` to
/v1/chat/completions (github.com/automazeio/vibeproxy/issues/411); a host of OpenAI's wire answers them with an error. A
request of plain texts costs one search in its bytes. Source: OpenAI API reference, "Chat Completions"; Anthropic API
reference, "Create a Message".
"""

from __future__ import annotations

import itertools
from typing import Any, Final

from penstock.core.body import Body, BodyError
from penstock.core.json_text import write_json
from penstock.core.message_list import Members, decoded, edit_messages

_LIST: Final = b"["
_MARKS: Final = (b'"tool_use"', b'"tool_result"', b'"source"')
_PART: Final = b'"type"'
_IN_TOOLS: Final = b'"input_schema"'
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_NULL: Final = b"null"
Part = dict[str, Any]


def without_blocks(body: Body) -> tuple[Body, tuple[str, ...]]:
    """The body in OpenAI's words, and the names of what these words don't hold."""
    dropped: list[str] = []
    messages = body.raw("messages") or b""
    # Blocks stand in a list within the list of messages. Most prose has no bracket, and the search for one byte is many
    # times as fast as that for a word.
    if messages.find(_LIST, 1) > 0 and _PART in messages and any(mark in messages for mark in _MARKS):
        positions = itertools.count()

        def edit(messages: list[Members]) -> None:
            translated: list[Members] = []
            for message in messages:
                translated += _in_openais_words(message, f"messages[{next(positions)}]", dropped)
            messages[:] = translated

        body = edit_messages(body, edit)
    if _IN_TOOLS in (body.raw("tools") or b""):
        body = _with_functions(body)
    if (body.raw("tool_choice") or b"")[:1] == b"{":
        body = _with_choice(body)
    return body, tuple(dropped)


def _in_openais_words(message: Members, path: str, dropped: list[str]) -> list[Members]:
    """A message in OpenAI's words: a message of its own for each result, then the message with the rest."""
    raw = bytes(message.get("content", b""))
    if raw[:1] != b"[" or not any(mark in raw for mark in _MARKS):
        return [message]
    parts = decoded(raw)
    results: list[Members] = []
    calls: list[Part] = []
    rest: list[Any] = []
    for position, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_use":
            calls.append(_call(part))
        elif kind == "tool_result":
            results.append(_result(part, rest))
            dropped += [f"{path}.content[{position}].is_error"] if part.get("is_error") else []
        else:
            rest.append(_image(part) if kind == "image" else part)
    if rest == parts:  # the marks stand in a text
        return [message]
    if calls:
        known = decoded(message.get("tool_calls"))
        message["tool_calls"] = write_json([*(known if isinstance(known, list) else []), *calls])
    message["content"] = write_json(rest) if rest else _NULL
    return [*results, message] if rest or calls or not results else results


def _call(part: Part) -> Part:
    arguments = write_json(part.get("input") or {}).decode()
    return {"id": part.get("id"), "type": "function", "function": {"name": part.get("name"), "arguments": arguments}}


def _result(part: Part, beside: list[Any]) -> Members:
    """A result as a tool's message, which holds text only: its images are said by the user, after it."""
    content = part.get("content")
    if isinstance(content, list):
        beside += [_image(each) for each in content if not _is_text(each)]
        texts = [each["text"] for each in content if _is_text(each)]
        content = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts] or ""
    return {
        "role": b'"tool"',
        "tool_call_id": write_json(part.get("tool_use_id")),
        "content": write_json(content if content is not None else ""),
    }


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _image(part: Any) -> Any:
    source = part.get("source") if isinstance(part, dict) and part.get("type") == "image" else None
    if not isinstance(source, dict):
        return part
    url = source.get("url")
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type')};base64,{source.get('data')}"
    return {"type": "image_url", "image_url": {"url": url}} if isinstance(url, str) else part


def _with_functions(body: Body) -> Body:
    try:
        tools = body.value("tools")
    except BodyError:
        return body
    if not isinstance(tools, list):
        return body
    functions = [_function(tool) for tool in tools]
    return body.replaced({"tools": write_json(functions)}) if functions != tools else body


def _function(tool: Any) -> Any:
    if not isinstance(tool, dict) or "input_schema" not in tool or tool.get("type", "custom") != "custom":
        return tool
    function = {name: value for name, value in tool.items() if name not in {"type", "input_schema", "cache_control"}}
    beside = {"cache_control": tool["cache_control"]} if "cache_control" in tool else {}
    return {"type": "function", "function": {**function, "parameters": tool["input_schema"]}, **beside}


def _with_choice(body: Body) -> Body:
    try:
        choice = body.value("tool_choice")
    except BodyError:
        return body
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind == "tool" and isinstance(choice.get("name"), str):
        wanted: Any = {"type": "function", "function": {"name": choice["name"]}}
    elif isinstance(kind, str) and kind in _CHOICES:
        wanted = _CHOICES[kind]
    else:
        return body
    changes = {"tool_choice": write_json(wanted)}
    if choice.get("disable_parallel_tool_use") is True and "parallel_tool_calls" not in body:
        changes["parallel_tool_calls"] = b"false"
    return body.replaced(changes)
