"""Calls of one turn under one id, told apart: OpenAI answers two results under one ``tool_call_id`` with an error.

Clients of Gemini use a function's name as the id of each of its calls, and some models repeat ids. A request without
repeated ids costs one search in its bytes. Source: docs/quirks.md#repeated-call-ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.json_text import write_json
from penstock.core.message_list import Members, decoded, edit_messages, has_role
from penstock.dialects.call_ids import TurnIds

_ASSISTANT: Final = b'"assistant"'
_RESULT: Final = b'"tool_call_id"'
_VALUE: Final = re.compile(rb'\s*:\s*("(?:[^"\\]|\\.)*")')


def with_unique_ids(body: Body) -> Body:
    """The body in which each call of a turn has an id of its own, and each result the id of its call."""
    answered = list(_answered(body.raw("messages") or b""))
    if len(set(answered)) == len(answered):
        return body
    ids = TurnIds()

    def edit(messages: list[Members]) -> None:
        for message in messages:
            calls = decoded(message.get("tool_calls")) if has_role(message, _ASSISTANT) else None
            if isinstance(calls, list) and calls:
                ids.turn()
                called = [_with_id(call, ids.called(_id_of(call))) for call in calls]
                if called != calls:
                    message["tool_calls"] = write_json(called)
            result = decoded(message.get("tool_call_id"))
            if isinstance(result, str) and (own := ids.answered(result)) != result:
                message["tool_call_id"] = write_json(own)

    return edit_messages(body, edit)


def _answered(messages: bytes) -> Iterator[bytes]:
    """The ids of all results, as JSON."""
    at = messages.find(b"_")  # the search for one byte is many times as fast, and most prose has no underscore
    at = -1 if at == -1 else messages.find(_RESULT, max(0, at - len(_RESULT)))
    while at != -1:
        at += len(_RESULT)
        value = _VALUE.match(messages, at)
        if value is not None:
            yield value[1]
        at = messages.find(_RESULT, at)


def _id_of(call: Any) -> str:
    call_id = call.get("id") if isinstance(call, dict) else None
    return call_id if isinstance(call_id, str) else ""


def _with_id(call: Any, own: str) -> Any:
    return {**call, "id": own} if own and call["id"] != own else call
