"""Puts requests of OpenAI's wire as Mistral takes them (its replies: normalize.py).

Its API takes an assistant's reasoning as a part of the content, and wants tool call ids of nine letters and digits.
Whatever is fine already keeps its bytes. What its API refuses is left out by host_limits.py. Sources: Mistral API
reference, "Chat completion" and "Reasoning"; docs/quirks.md#q73, #q75.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core.body import Body
from penstock.core.json_text import write_json
from penstock.core.message_list import Members, decoded, edit_messages, has_role
from penstock.dialects.call_ids import short_id
from penstock.dialects.openai.relay.assistant_extras import thought_of

_BARE: Final = frozenset({"role", "content"})


def adapt_request(body: Body) -> Body:
    """The body with messages as Mistral takes them."""
    return edit_messages(body, _adapt)


def _adapt(messages: list[Members]) -> None:
    for message in messages:
        _adapt_message(message)


def _adapt_message(message: Members) -> None:
    if message.keys() <= _BARE:
        return
    thought = thought_of(message) if has_role(message, b'"assistant"') else ""
    content = decoded(message.get("content")) if thought else None
    if thought and isinstance(content, str | list | None):  # any other is Mistral's to refuse
        message["content"] = write_json(_with_thought(thought, content))
    calls = decoded(message.get("tool_calls"))
    if isinstance(calls, list) and not all(_fits(call.get("id")) for call in calls if isinstance(call, dict)):
        message["tool_calls"] = write_json([_with_id(call) for call in calls])
    answered = decoded(message.get("tool_call_id"))
    if isinstance(answered, str) and not _fits(answered):
        message["tool_call_id"] = write_json(short_id(answered))


def _with_thought(thought: str, content: str | list[Any] | None) -> list[Any]:
    """The content as a list that begins with what was thought."""
    rest = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or ()
    return [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]}, *rest]


def _fits(call_id: Any) -> bool:
    return not isinstance(call_id, str) or short_id(call_id) == call_id


def _with_id(call: Any) -> Any:
    if isinstance(call, dict) and not _fits(call.get("id")):
        return {**call, "id": short_id(call["id"])}
    return call
