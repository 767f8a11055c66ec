"""The ``messages`` of a chat request, edited without reading more of a message than its members' names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE

Members = dict[str, "msgspec.Raw | bytes"]
"""A message: the names of its members and their values as JSON."""

_MESSAGES: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def edit_messages(body: Body, edit: Callable[[list[Members]], None], *, in_one_piece: bool = False) -> Body:
    """The body after ``edit`` has changed its messages in place; a value that ``edit`` leaves keeps its bytes. Of
    a large body ``edit`` is given some messages at a time, unless ``in_one_piece``: it looks at neighbours.

    The same body if nothing changed, if ``messages`` is no array of objects, and if ``edit`` meets a value that it
    can't decode.
    """
    raw = body.raw("messages")
    if raw is None:
        return body
    try:
        pieces = [_edited(piece, edit) for piece in ((raw,) if in_one_piece else slices(raw))]
    except (ValueError, *UNREADABLE):
        return body
    if not any(is_changed for _, is_changed in pieces):
        return body
    return body.replaced({"messages": b"[" + b",".join(piece for piece, _ in pieces) + b"]"})


def any_message(body: Body, holds: Callable[[Members], bool]) -> bool:
    """Whether ``holds`` is true of any message; false if ``messages`` is no array of objects, and if ``holds`` meets a
    value that it can't decode."""
    try:
        return any(holds({**message}) for piece in slices(body.raw("messages") or b"") for message in _decode(piece))
    except (ValueError, *UNREADABLE):
        return False


def _edited(piece: bytes, edit: Callable[[list[Members]], None]) -> tuple[bytes, bool]:
    """The messages of an array without its brackets, and whether any was changed."""
    messages = _decode(piece)
    edited: list[Members] = [{**message} for message in messages]
    edit(edited)
    return b",".join([Body(message).encode() for message in edited]), edited != messages


def _decode(piece: bytes) -> list[dict[str, msgspec.Raw]]:
    return _MESSAGES.decode(piece)


def has_role(message: Members, role: bytes) -> bool:
    """Whether the message's role is the given one, which is written as JSON: ``b'"assistant"'``."""
    return bytes(message.get("role", b"")) == role


def decoded(raw: msgspec.Raw | bytes | None) -> Any:
    """A member's value; None if the member is absent. Raises ``json_text.UNREADABLE``."""
    return None if raw is None else msgspec.json.decode(bytes(raw))
