"""A whole reply as Cohere's. Its stream is written in stream.py, of the same pieces.

What is said beside calls of tools is their plan. Of several answers the first is told, as this wire asks for one.
Source: Cohere API reference, "Chat".
"""

from __future__ import annotations

from typing import Any

from penstock.core.events import ChatReply, Choice, Citation, Text, Thinking, is_cut
from penstock.core.json_text import write_json
from penstock.dialects.call_arguments import is_object
from penstock.dialects.caller import Caption
from penstock.dialects.cohere.caller.members import call_id, citations_of, finish_reason, logprobs_of
from penstock.dialects.cohere.usage import write_usage


def write_reply(reply: ChatReply, caption: Caption) -> bytes:
    """The reply as JSON. It must not be a failure."""
    choice = reply.choices.get(0) or Choice(0)
    made = [call for call in choice.calls if not is_cut(choice.stop) or is_object(call.arguments)]
    calls = [
        {
            "id": call.id or call_id(caption.seed, index),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }
        for index, call in enumerate(made)
    ]
    usage = write_usage(reply.usage)
    return write_json(
        {
            "id": reply.start.id or caption.seed,
            "message": _message(choice, calls),
            "finish_reason": finish_reason(choice.stop, has_calls=bool(calls)),
            **({"usage": usage} if usage else {}),
            **({"logprobs": logprobs_of(choice.logprobs)} if choice.logprobs else {}),
        }
    )


def _message(choice: Choice, calls: list[dict[str, Any]]) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    texts: list[tuple[int, str]] = []
    for events in choice.blocks.values():
        for name, kind in (("thinking", Thinking), ("text", Text)):
            text = "".join(event.text for event in events if isinstance(event, kind))
            if text and name == "text":
                texts.append((len(content), text))
            if text:
                content.append({"type": name, name: text})
    if choice.refusal:
        content.append({"type": "text", "text": choice.refusal})
    sources = [event for events in choice.blocks.values() for event in events if isinstance(event, Citation)]
    message: dict[str, Any] = {"role": "assistant"}
    if calls:
        plan = "".join(block["text"] for block in content if "text" in block)
        content = [block for block in content if "text" not in block]
        message |= {"tool_plan": plan} if plan else {}
        message["tool_calls"] = calls
        sources = []
    if content or not calls:
        message["content"] = content
    return message | ({"citations": citations_of(sources, texts)} if sources else {})
