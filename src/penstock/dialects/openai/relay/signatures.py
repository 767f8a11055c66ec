"""Lane 1 keeps opaque values at home: what one maker signed or encrypted never goes to another.

A client that sends back what it got from a translated provider (``reasoning_details``, ``content_blocks``, a tool
call's ``extra_content``) may be led to a provider of OpenAI's dialect next, by a fallback, say. Every other byte of the
messages stays.
"""

from __future__ import annotations

import re
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.core.json_text import write_json
from penstock.core.message_list import Members, decoded, edit_messages
from penstock.dialects.openai.caller.earlier_turn import FORMATS

_MARKS: Final = re.compile(rb'_(?:details|blocks|signature)"')
"""How the names of all members end that hold opaque values. The search leaps from one underscore to the next."""


def is_marked(body: Body) -> bool:
    """Whether the messages may hold opaque values at all: hardly any do."""
    raw = body.raw("messages")
    # Most prose has no underscore at all, and the search for one byte is many times as fast.
    at = -1 if raw is None else raw.find(b"_")
    return raw is not None and at >= 0 and _MARKS.search(raw, at) is not None


def kept_at_home(body: Body, owner: str) -> Body:
    """The body without what others than this owner (``core.chat.Owner``) have signed."""

    def edit(messages: list[Members]) -> None:
        for message in messages:
            _keep_at_home(message, owner)

    return edit_messages(body, edit)


def _keep_at_home(message: Members, owner: str) -> None:
    if owner != Owner.ANTHROPIC:
        message.pop("content_blocks", None)
        message.pop("thinking_blocks", None)
    details = _list(message, "reasoning_details")
    if details is not None:
        own = [detail for detail in details if not _is_foreign(detail, owner)]
        if len(own) != len(details):
            message.pop("reasoning_details")
            message |= {"reasoning_details": write_json(own)} if own else {}
    if owner != Owner.GOOGLE and b'_signature"' in bytes(message.get("extra_content", b"")):
        message.pop("extra_content")
    if owner != Owner.GOOGLE:
        message.pop("thought_signature", None)
    calls = _list(message, "tool_calls")
    if calls is not None and owner != Owner.GOOGLE and b'_signature"' in bytes(message["tool_calls"]):
        message["tool_calls"] = write_json([_unsigned(call) for call in calls])


def _list(message: Members, name: str) -> list[Any] | None:
    value = decoded(message.get(name))
    return value if isinstance(value, list) else None


def _is_foreign(detail: Any, owner: str) -> bool:
    """Whether a maker that isn't this one put its name to a block of reasoning."""
    form = detail.get("format") if isinstance(detail, dict) else None
    return form in FORMATS.values() and form != FORMATS.get(owner)


def _unsigned(call: Any) -> Any:
    """A tool call without Google's signature."""
    if not isinstance(call, dict):
        return call
    extra, function = call.get("extra_content"), call.get("function")
    if isinstance(extra, dict):
        rest = {name: value for name, value in extra.items() if name != Owner.GOOGLE}
        call = {**call, "extra_content": rest} if rest else {k: v for k, v in call.items() if k != "extra_content"}
    if isinstance(function, dict):
        call = {**call, "function": {k: v for k, v in function.items() if k != "thought_signature"}}
    return call
