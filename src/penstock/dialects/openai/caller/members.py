"""Pieces of OpenAI's reply that a completion and its chunks share: usage, tool calls, annotations, content blocks.

``content_blocks`` is Portkey's extension (docs/portkey.md#content-blocks), ``reasoning_details`` OpenRouter's:
it carries what a client must send back for its maker to go on thinking. Source: OpenAI API reference,
"The chat completion object".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from penstock.core.chat import Owner
from penstock.core.events import Citation, Foreign, Media, Stop, Text, Thinking
from penstock.core.usage import Usage
from penstock.dialects.caller import Caption
from penstock.dialects.openai.caller.earlier_turn import FORMATS


def reply_id(caption: Caption) -> str:
    """An id for a reply whose provider has none."""
    return f"chatcmpl-{caption.seed}"


def call_id(reply: str, choice: int, index: int) -> str:
    """An id for a tool call whose provider has none: the same for the same call of the same reply."""
    return "call_" + hashlib.blake2s(f"{reply}/{choice}/{index}".encode(), digest_size=12).hexdigest()


def tool_signature(signature: str, owner: str, *, strict: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is added to a tool call and to its function so that its signature can come back.

    ``extra_content`` is how Google's own OpenAI endpoint does it; ``thought_signature`` is Portkey's way.
    """
    if not signature:
        return {}, {}
    beside = {"extra_content": {owner or Owner.GOOGLE: {"thought_signature": signature}}}
    return beside, {} if strict else {"thought_signature": signature}


def place(text: int, calls: int, blocks: int) -> dict[str, int]:
    """Where a block of reasoning stands: after so many characters of the content, so many calls of tools and so many
    blocks of other kinds. Nothing is said of the beginning."""
    if not (text or calls or blocks):
        return {}
    return {name: count for name, count in (("text", text), ("tool_calls", calls), ("blocks", blocks)) if count}


def reasoning_detail(
    index: int, owner: str, after: Mapping[str, int], *, text: str = "", signature: str = "", data: str = ""
) -> dict[str, Any]:
    """One block of reasoning that its maker wants back as it was, where it was."""
    detail: dict[str, Any] = {"type": "reasoning.encrypted", "data": data} if data else {"type": "reasoning.text"}
    if not data:
        detail |= {"text": text, "signature": signature}
    placed = {"after": after} if after else {}
    return {**detail, "format": FORMATS.get(owner, "unknown"), "index": index, **placed}


def data_url(media: Media) -> str:
    return media.url or f"data:{media.mime};base64,{media.data}"


def block(event: Text | Thinking | Media | Citation | Foreign) -> Mapping[str, Any]:
    """A content block in Portkey's shape, from one event that is whole."""
    match event:
        case Text(text):
            return {"type": "text", "text": text}
        case Thinking(data=data) if data:
            return {"type": "redacted_thinking", "data": data}
        case Thinking(text, signature):
            signed = {"signature": signature} if signature else {}
            return {"type": "thinking", "thinking": text, **signed}
        case Media():
            return {"type": "image_url", "image_url": {"url": data_url(event)}}
        case Citation(raw):
            return {"type": "text", "text": "", "citations": [raw]}
        case Foreign(value):
            return value


def annotation(citation: Citation, start: int, end: int) -> dict[str, Any]:
    """A web source in OpenAI's shape, for the characters from ``start`` to ``end`` of the content."""
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start if citation.start is None else citation.start,
            "end_index": end if citation.end is None else citation.end,
            "url": citation.url,
            "title": citation.title or citation.url,
        },
    }


def usage(tokens: Usage | None) -> dict[str, Any] | None:
    """The usage member; None when the provider reported nothing at all."""
    if tokens is None or (tokens.prompt is None and tokens.completion is None and tokens.total is None):
        return None
    prompt, completion = tokens.prompt or 0, tokens.completion or 0
    found: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion if tokens.total is None else tokens.total,
    }
    if tokens.cached is not None or tokens.audio_in is not None:
        found["prompt_tokens_details"] = _given(cached_tokens=tokens.cached, audio_tokens=tokens.audio_in)
    if tokens.reasoning is not None or tokens.audio_out is not None:
        found["completion_tokens_details"] = _given(reasoning_tokens=tokens.reasoning, audio_tokens=tokens.audio_out)
    if tokens.cached or tokens.cache_written:
        found["cache_read_input_tokens"] = tokens.cached or 0
        found["cache_creation_input_tokens"] = tokens.cache_written or 0
    return found


def _given(**counts: int | None) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}


def finish_reason(stop: Stop | None, *, has_calls: bool, strict: bool) -> str:
    """OpenAI's word for why a choice ended; the provider's own where the caller isn't strict about OpenAI's
    (docs/portkey.md#finish-reasons)."""
    if stop is None:
        return "tool_calls" if has_calls else "stop"
    if not strict and stop.native:
        return stop.native
    return "tool_calls" if has_calls and stop.reason == "stop" else stop.reason
