"""What clients send back of an answer beyond what a request's messages may hold: a few hosts refuse it, two insist.

The gateway, like many a provider, gives an assistant's message more than OpenAI's request knows: reasoning, sources,
blocks. Clients keep the message whole and send it back, perhaps to another provider. Most ignore what they don't know.
Sources: https://github.com/QwenLM/qwen-code/issues/11045 (Cerebras), https://github.com/QwenLM/qwen-code/pull/11662
(Fireworks), https://github.com/janhq/jan/issues/8136 (Groq), docs/quirks.md#q73 (Mistral);
https://github.com/danny-avila/LibreChat/issues/12836 (DeepSeek), https://github.com/mastra-ai/mastra/issues/12592
(Kimi).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.json_text import write_json
from penstock.core.message_list import Members, any_message, decoded, edit_messages, has_role

_ASSISTANT: Final = b'"assistant"'
_ECHOES: Final = (
    "reasoning_content", "reasoning", "reasoning_details", "content_blocks", "thinking_blocks", "extra_content",
    "annotations",
)  # fmt: skip
_OFTEN_NULL: Final = ("refusal", "audio", "function_call")
_MARKS: Final = re.compile(
    rb'"(?:reasoning|content_blocks"|thinking_blocks"|extra_content"|annotations"|(?:refusal|audio|function_call)")'
)


def reasoning_as(name: str) -> Callable[[Body], Body]:
    """How requests are put for a strict host that takes back what an assistant thought under this name only."""
    return partial(_with_reasoning_as, name)


def _with_reasoning_as(name: str, body: Body) -> Body:
    def change(message: Members) -> None:
        thought = thought_of(message)
        if thought:
            message[name] = write_json(thought)

    return _with_answers(body, change)


def blocks_as_content(body: Body) -> Body:
    """How requests are put for Databricks: an answer that came in blocks (normalize.py) is as it was, the rest of
    what came with answers is left out. Reasoning may be missing there.
    """

    def change(message: Members) -> None:
        blocks = message.get("content_blocks")
        thought_of(message)
        if blocks is not None and _are_summaries(decoded(blocks)):
            message["content"] = blocks

    return _with_answers(body, change)


def _with_answers(body: Body, change: Callable[[Members], None]) -> Body:
    """The body with each message of an assistant changed; the same where there can't be anything to change."""
    if not body.holds("messages", _MARKS):
        return body

    def edit(messages: list[Members]) -> None:
        for message in messages:
            if has_role(message, _ASSISTANT):
                change(message)

    return edit_messages(body, edit)


def with_thoughts(body: Body) -> Body:
    """The body with a blank for what an assistant thought, where it isn't told, in a conversation with calls of tools.

    Another maker's model, one that a fallback led away from, say, leaves nothing that could be told.
    """
    if not body.holds("messages", _CALLS):
        return body
    if not any_message(body, lambda message: bool(decoded(message.get("tool_calls")))):
        return body
    return edit_messages(body, _tell_thoughts)


def _tell_thoughts(messages: list[Members]) -> None:
    for message in messages:
        if has_role(message, _ASSISTANT) and not decoded(message.get("reasoning_content")):
            thought = decoded(message.get("reasoning"))
            message["reasoning_content"] = write_json(thought if isinstance(thought, str) and thought else _NOTHING)


_CALLS: Final = re.compile(rb'"tool_calls"')
_NOTHING: Final = " "
"""An empty text counts as missing."""


def _are_summaries(blocks: Any) -> bool:
    """Whether these are Databricks' blocks: every maker has its own."""
    parts = blocks if isinstance(blocks, list) else []
    return any(isinstance(part, dict) and part.get("type") == "reasoning" and "summary" in part for part in parts)


def thought_of(message: Members) -> str:
    """Take the echoes out of an assistant's message; give back what it thought, in words."""
    found = ""
    for name in _ECHOES:
        raw = message.pop(name, None)
        value = decoded(raw) if name in {"reasoning_content", "reasoning"} else None
        found = found or (value if isinstance(value, str) else "")
    for name in _OFTEN_NULL:
        if bytes(message.get(name, b"")) == b"null":
            del message[name]
    return found
