"""Puts the messages of OpenAI's wire in alternation, for hosts that answer two messages of one role in a row with an
error.

Perplexity: after the system messages, user and assistant take turns (docs/quirks.md#alternation).
"""

from __future__ import annotations

from collections.abc import Iterator
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
    joined = [_together(run) if len(run) > 1 else run[0] for run in _runs(messages)]
    if len(joined) != len(messages):
        messages[:] = joined


def _runs(messages: list[Members]) -> Iterator[list[Members]]:
    """Neighbours that can be joined, and every other message alone."""
    run: list[Members] = []
    role = b""
    for message in messages:
        own = bytes(message.get("role", b"")) if _is_joinable(message) else b""
        if run and (not own or own != role):
            yield run
            run = []
        run.append(message)
        role = own
    if run:
        yield run


def _is_joinable(message: Members) -> bool:
    """Whether a message is of a role that takes turns, and holds text or parts alone."""
    if bytes(message.get("role", b"")) not in _JOINED or not message.keys() <= _PLAIN:
        return False
    return isinstance(decoded(message.get("content")), str | list)


def _together(run: list[Members]) -> Members:
    """One message with the contents of several: texts with a blank line between, or all their parts."""
    contents = [decoded(message.get("content")) for message in run]
    if all(isinstance(content, str) for content in contents):
        whole: Any = "\n\n".join(filter(None, contents))
    else:
        whole = [part for content in contents for part in _parts(content)]
    return {**run[0], "content": write_json(whole)}


def _parts(content: str | list[Any]) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content
