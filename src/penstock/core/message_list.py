"""The ``messages`` of a chat request, edited without reading more of a message than its members' names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import UNREADABLE

Members = dict[str, "msgspec.Raw | bytes"]
"""A message: the names of its members and their values as JSON."""

_MESSAGES: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def edit_messages(body: Body, edit: Callable[[list[Members]], None]) -> Body:
    """The body after ``edit`` has changed its messages in place; a value that ``edit`` leaves keeps its bytes.

    The same body if nothing changed, if ``messages`` is no array of objects, and if ``edit`` meets a value that it
    can't decode.
    """
    raw = body.raw("messages")
    if raw is None:
        return body
    try:
        messages = _MESSAGES.decode(raw)
        edited: list[Members] = [{**message} for message in messages]
        edit(edited)
    except UNREADABLE:
        return body
    if edited == messages:
        return body
    return body.replaced({"messages": b"[" + b",".join(Body(message).encode() for message in edited) + b"]"})


def has_role(message: Members, role: bytes) -> bool:
    """Whether the message's role is the given one, which is written as JSON: ``b'"assistant"'``."""
    return bytes(message.get("role", b"")) == role


def decoded(raw: msgspec.Raw | bytes | None) -> Any:
    """A member's value; None if the member is absent. Raises ``json_text.UNREADABLE``."""
    return None if raw is None else msgspec.json.decode(bytes(raw))
