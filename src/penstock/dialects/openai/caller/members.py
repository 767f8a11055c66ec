"""Members of OpenAI's reply that a completion and its chunks share: usage, tool calls, annotations, content blocks.

``content_blocks`` is Portkey's extension (docs/portkey.md#content-blocks), ``reasoning_details`` OpenRouter's:
``reasoning_details`` carries the signatures and encrypted reasoning that a client must send back to the maker. Source:
OpenAI API reference, "The chat completion object".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from penstock.core.chat import Owner
from penstock.core.events import Citation, Foreign, Media, Stop, Text, Thinking
from penstock.core.usage import Usage
from penstock.dialects.caller import Caption
from penstock.dialects.free_text_tools import CUSTOM
from penstock.dialects.openai.caller.earlier_turn import FORMATS


def reply_id(caption: Caption) -> str:
    """The id of a reply whose provider sends none."""
    return f"chatcmpl-{caption.seed}"


def call_id(reply: str, choice: int, index: int) -> str:
    """The id of a tool call whose provider sends none: the same call of the same reply always gets the same id."""
    return (
        "call_"
        + hashlib.blake2s(f"{reply}/{choice}/{index}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    )


def tool_signature(signature: str, owner: str, *, strict: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The members that carry a signature: those added to the tool call, and those added to its function.

    ``extra_content`` is the member of Google's own OpenAI endpoint, ``thought_signature`` the member of Portkey.
    """
    if not signature:
        return {}, {}
    beside = {"extra_content": {owner or Owner.GOOGLE: {"thought_signature": signature}}}
    return beside, {} if strict else {"thought_signature": signature}


def place(text: int, calls: int, blocks: int) -> dict[str, int]:
    """The position of a block of reasoning: the number of characters of the content, of tool calls and of other blocks
    before it. A count of 0 is left out."""
    if not (text or calls or blocks):
        return {}
    return {name: count for name, count in (("text", text), ("tool_calls", calls), ("blocks", blocks)) if count}


def reasoning_detail(
    index: int,
    owner: str,
    after: Mapping[str, int],
    *,
    text: str = "",
    signature: str = "",
    data: str = "",
    covers: int = 0,
) -> dict[str, Any]:
    """One block of reasoning, with its position, which the maker needs back unchanged. ``covers`` is the length of the
    text after it that its signature signs."""
    detail: dict[str, Any] = {"type": "reasoning.encrypted", "data": data} if data else {"type": "reasoning.text"}
    if not data:
        detail |= {"text": text, "signature": signature}
    placed: dict[str, Any] = {"after": after} if after else {}
    placed |= {"covers": covers} if covers else {}
    return {**detail, "format": FORMATS.get(owner, "unknown"), "index": index, **placed}


def data_url(media: Media) -> str:
    return media.url or f"data:{media.mime};base64,{media.data}"


def block(event: Text | Thinking | Media | Citation | Foreign) -> Mapping[str, Any]:
    """A content block in Portkey's shape, from a complete event."""
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
    """A web source in OpenAI's shape, for the characters ``start`` to ``end`` of the content."""
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
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion if tokens.total is None else tokens.total,
    }
    if tokens.cached is not None or tokens.audio_in is not None:
        counts["prompt_tokens_details"] = _given(cached_tokens=tokens.cached, audio_tokens=tokens.audio_in)
    if tokens.reasoning is not None or tokens.audio_out is not None:
        counts["completion_tokens_details"] = _given(reasoning_tokens=tokens.reasoning, audio_tokens=tokens.audio_out)
    if tokens.cached or tokens.cache_written:
        counts["cache_read_input_tokens"] = tokens.cached or 0
        counts["cache_creation_input_tokens"] = tokens.cache_written or 0
    return counts


def _given(**counts: int | None) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}


def stands_for_free_text(name: str, caption: Caption) -> bool:
    """Whether a function was offered in place of the caller's tool for free text."""
    form = caption.echo.forms.get(name)
    return form is not None and form.kind == CUSTOM


def finish_reason(stop: Stop | None, *, has_calls: bool, strict: bool) -> str | None:
    """OpenAI's finish reason; for a caller that isn't strict, the provider's own reason
    (docs/portkey.md#finish-reasons). None where the provider never said that the answer has ended."""
    if stop is None:
        return None
    if not strict and stop.native:
        return stop.native
    return "tool_calls" if has_calls and stop.reason == "stop" else stop.reason
