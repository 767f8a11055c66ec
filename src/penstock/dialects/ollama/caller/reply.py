"""A whole reply as Ollama's. Its lines are written in stream.py, of the same pieces.

A call whose arguments are no JSON object can't be told: ``arguments`` is an object. Of several answers the first is
told, as this wire asks for one. Source: Ollama API documentation, "Generate a chat message".
"""

from __future__ import annotations

from typing import Any

from penstock.core.events import ChatReply, Choice, Logprobs, Media, Text, Thinking, is_cut
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.call_arguments import BROKEN_ARGUMENTS, is_object
from penstock.dialects.caller import Caption
from penstock.dialects.ollama.caller.members import ReplyForm, created_at, ending, logprobs_of, piece_of
from penstock.dialects.whole_calls import WholeCall


def write_reply(form: ReplyForm, reply: ChatReply, caption: Caption) -> bytes | Failure:
    """The reply as JSON. It must not be a failure. A Failure when a call can't be told."""
    choice = reply.choices.get(0) or Choice(0)
    calls = [call for call in choice.calls if not is_cut(choice.stop) or is_object(call.arguments)]
    broken = next((call for call in calls if not is_object(call.arguments)), None)
    if broken is not None:
        return Failure(Kind.INVALID_RESPONSE, BROKEN_ARGUMENTS.format(name=broken.name), sent=True)
    message = _said(choice)
    if caption.hides_thinking:
        message.pop("thinking", None)
    whole_calls = [WholeCall(index, call.id, call.name, call.arguments) for index, call in enumerate(calls)]
    if whole_calls:
        message["tool_calls"] = [each for call in whole_calls for each in piece_of(call)["tool_calls"]]
    now = caption.elapsed()
    return write_json(
        {
            "model": reply.start.model or caption.model,
            "created_at": created_at(reply.start.created or caption.created),
            **form.said(message),
            **logprobs_of([Logprobs(tuple(choice.logprobs))]),
            **ending(choice.stop, reply.usage, now, now),
        }
    )


def _said(choice: Choice) -> dict[str, Any]:
    """What was said and thought, each in one text; images and sounds in words."""
    pieces = [piece for events in choice.blocks.values() for piece in events]
    message: dict[str, Any] = {}
    thinking = "".join(piece.text for piece in pieces if isinstance(piece, Thinking))
    texts = [piece_of(piece).get("content", "") for piece in pieces if isinstance(piece, Text | Media)]
    message["content"] = "".join(texts) + choice.refusal
    return message | ({"thinking": thinking} if thinking else {})
