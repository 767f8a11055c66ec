"""A request as a strict host takes it: without the cache markers, schemas and parameters that it answers with an error.

Which host is strict in which way is said in its row (``ChatQuirks``). Everything that a host takes keeps its bytes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.core.body import Body, BodyError
from penstock.core.chat import Format
from penstock.core.json_text import write_json
from penstock.core.message_list import Members, decoded, edit_messages
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.dialects.openai.relay.chat_body import says_nothing
from penstock.dialects.told_format import told_format

MARKER: Final = "cache_control"
_IN_JSON: Final = b'"cache_control"'
_SCHEMA: Final = re.compile(rb'"type"\s*:\s*"json_schema"')


def fit_to_host(body: Body, quirks: ChatQuirks) -> tuple[Body, tuple[str, ...]]:
    """The body for the host, and the names of what was left out."""
    dropped: list[str] = []
    if quirks.keeps:
        unknown = [name for name in body if name not in quirks.keeps]
        dropped += [name for name in unknown if not body.is_null(name) and not says_nothing(body, name)]
        body = Body({name: raw for name, raw in body.members.items() if name in quirks.keeps})
        if body.raw("tools") == b"[]":
            body = body.without("tools")
    if quirks.message_members:
        body = _with_known_members(body, quirks.message_members, dropped)
    if not quirks.takes_cache_markers:
        body = _without_markers(body, dropped)
    if not quirks.takes_schemas and _SCHEMA.search(body.raw("response_format") or b"") is not None:
        body = _without_schema(body, dropped)
    return body, tuple(dropped)


def _with_known_members(body: Body, known: Mapping[str, frozenset[str]], dropped: list[str]) -> Body:
    """The body with messages of those members alone that the host knows of their role."""
    by_role = {write_json(role): members for role, members in known.items()}
    positions = itertools.count()

    def edit(messages: list[Members]) -> None:
        for message in messages:
            position = next(positions)
            members = by_role.get(bytes(message.get("role", b"")), message.keys())
            unknown = [name for name in message if name not in members]
            names = [name for name in unknown if bytes(message[name]) not in _NOTHING]
            dropped.extend(f"messages[{position}].{name}" for name in names)
            for name in unknown:
                del message[name]

    return edit_messages(body, edit)


_NOTHING: Final = frozenset({b"null", b'""', b"[]", b"{}"})


def _without_markers(body: Body, dropped: list[str]) -> Body:
    """The body without Anthropic's cache markers, in messages, parts, tools and beside them."""
    if MARKER in body:
        dropped.append(MARKER)
        body = body.without(MARKER)
    if _IN_JSON in (body.raw("messages") or b""):
        positions = itertools.count()

        def edit(messages: list[Members]) -> None:
            for message in messages:
                dropped.extend(_unmark(message, f"messages[{next(positions)}]"))

        body = edit_messages(body, edit)
    if _IN_JSON in (body.raw("tools") or b""):
        body = _without_tool_markers(body, dropped)
    return body


def _unmark(message: Members, path: str) -> list[str]:
    dropped: list[str] = []
    if message.pop(MARKER, None) is not None:
        dropped.append(f"{path}.{MARKER}")
    for name in ("content", "tool_calls"):
        if _IN_JSON not in bytes(message.get(name, b"")):
            continue
        parts = decoded(message[name])
        if isinstance(parts, list):
            marked = [position for position, part in enumerate(parts) if isinstance(part, dict) and MARKER in part]
            dropped += [f"{path}.{name}[{position}].{MARKER}" for position in marked]
            message[name] = write_json([_unmarked(part) for part in parts])
    return dropped


def _without_tool_markers(body: Body, dropped: list[str]) -> Body:
    try:
        tools = body.value("tools")
    except BodyError:
        return body
    if not isinstance(tools, list):
        return body
    unmarked = []
    for position, tool in enumerate(tools):
        bare = _unmarked(tool)
        if isinstance(bare, dict) and isinstance(bare.get("function"), dict):
            bare = {**bare, "function": _unmarked(bare["function"])}
        dropped += [f"tools[{position}].{MARKER}"] if bare != tool else []
        unmarked.append(bare)
    return body.replaced({"tools": write_json(unmarked)}) if unmarked != tools else body


def _unmarked(value: Any) -> Any:
    if not isinstance(value, dict) or MARKER not in value:
        return value
    return {name: each for name, each in value.items() if name != MARKER}


def _without_schema(body: Body, dropped: list[str]) -> Body:
    """The body with ``json_object`` in place of ``json_schema``; the schema is told to the model as the first system
    message's last lines, or as a system message."""
    try:
        wanted = body.value("response_format")
    except BodyError:
        return body
    inner = wanted.get("json_schema") if isinstance(wanted, dict) else None
    if not isinstance(inner, dict):
        return body
    schema, description = inner.get("schema"), inner.get("description")
    written = write_json(schema) if isinstance(schema, dict) else b""
    form = Format("json_schema", "", description if isinstance(description, str) else "", written)
    words = told_format(form)

    is_told = False

    def edit(messages: list[Members]) -> None:
        nonlocal is_told
        if is_told:  # of a large body these are further messages
            return
        is_told = True
        content = decoded(messages[0].get("content")) if messages else None
        if messages and bytes(messages[0].get("role", b"")) == b'"system"' and isinstance(content, str):
            messages[0]["content"] = write_json(f"{content}\n\n{words}")
        else:
            messages.insert(0, {"role": b'"system"', "content": write_json(words)})

    dropped.append("response_format.json_schema")
    return edit_messages(body, edit).replaced({"response_format": b'{"type":"json_object"}'})
