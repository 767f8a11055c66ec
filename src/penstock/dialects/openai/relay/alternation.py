"""Puts the messages of OpenAI's wire in alternation, for hosts that answer two messages of one role in a row with an
error.

Perplexity: after the system messages, user and assistant take turns (docs/quirks.md#alternation).
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core.body import Body
from penstock.core.json_text import write_json
from penstock.core.message_list import Members, decoded, edit_messages

_JOINED: Final = (b'"user"', b'"assistant"')
_PLAIN: Final = frozenset({"role", "content"})


def in_alternation(body: Body) -> Body:
    """The body with neighbouring messages of one role joined; messages with more than a role and content stay."""
    return edit_messages(body, _join, in_one_piece=True)


def _join(messages: list[Members]) -> None:
    joined: list[Members] = []
    for message in messages:
        before = joined[-1] if joined else None
        role = bytes(message.get("role", b""))
        if before is not None and role in _JOINED and bytes(before.get("role", b"")) == role:
            contents = _together(before, message)
            if contents is not None:
                joined[-1] = {**before, "content": write_json(contents)}
                continue
        joined.append(message)
    if len(joined) != len(messages):
        messages[:] = joined


def _together(before: Members, after: Members) -> Any:
    """The content of two messages: text with a blank line between, parts one after the other. None if they hold more
    than content."""
    if not (before.keys() <= _PLAIN and after.keys() <= _PLAIN):
        return None
    one, other = decoded(before.get("content")), decoded(after.get("content"))
    if isinstance(one, str) and isinstance(other, str):
        return "\n\n".join(filter(None, (one, other)))
    parts = [_parts(one), _parts(other)]
    return None if None in parts else [part for found in parts if found for part in found]


def _parts(content: Any) -> list[Any] | None:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else None
