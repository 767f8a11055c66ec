"""A naive reading of answers in the seven wires of chats, plain and streamed: what a client would show of them.

It is on purpose none of the dialects' own: recordings of a provider's wire and what the gateway writes of them in a
caller's wire are read by it alike, and compared.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from wires import _frames

NO_PLACE: Final = re.compile(r"\[(?:image|sound|file) of type [^]]+, which this API can't carry\]")
"""What the gateway says of a picture or a sound where a wire has no place for it."""
TEXT, THOUGHT, CALL = "text", "thought", "call"


class Told(msgspec.Struct):
    """An answer. ``blocks`` are (kind, content) in order, neighbours of one kind joined; a call's content is its name
    and its arguments. ``finish`` is in OpenAI's words; ``usage`` counts as OpenAI does; ``urls`` are its sources."""

    blocks: list[tuple[str, str]] = []
    finish: str = ""
    usage: dict[str, int] = {}
    urls: set[str] = set()
    is_refused: bool = False
    """The model declined, in a text of its own kind."""
    is_ended: bool = False
    """Whether the stream has its last event; a plain answer always has."""
    error: Any = None

    def add(self, kind: str, content: str | None) -> None:
        content = NO_PLACE.sub("", content or "")
        if not content:
            return
        if self.blocks and self.blocks[-1][0] == kind != CALL:
            self.blocks[-1] = (kind, self.blocks[-1][1] + content)
        else:
            self.blocks.append((kind, content))

    def call(self, name: str, arguments: Any) -> None:
        given = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments
        self.blocks.append((CALL, f"{name} {json.dumps({} if given is None else given, sort_keys=True)}"))

    def count(self, **counts: int | None) -> None:
        self.usage |= {name: count for name, count in counts.items() if count is not None}

    def of(self, kind: str) -> list[str]:
        return [content for each, content in self.blocks if each == kind]

    @property
    def text(self) -> str:
        return "".join(self.of(TEXT))

    @property
    def thought(self) -> str:
        return "".join(self.of(THOUGHT))


_FINISH: Final[Mapping[str, str]] = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
    "model_context_window_exceeded": "length", "refusal": "content_filter", "pause_turn": "stop",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
    "STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter",
    "PROHIBITED_CONTENT": "content_filter", "BLOCKLIST": "content_filter", "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop", "TOOL_CALL": "tool_calls", "ERROR": "content_filter",
    "compaction": "stop", "function_call": "tool_calls", "eos": "stop", "eos_token": "stop", "MODEL_ARMOR": "content_filter", "max_output_tokens": "length",
}  # fmt: skip


def _finish(word: str | None, told: Told) -> None:
    finish = _FINISH.get(word or "", word or "")
    told.finish = "tool_calls" if finish == "stop" and told.of(CALL) else finish


def read(wire: str, kind: str, data: bytes) -> Told:
    """``kind`` is ``json``, ``sse``, ``ndjson`` or ``eventstream``."""
    told = Told(blocks=[], usage={}, urls=set())
    if kind == "json":
        _PLAIN[wire](json.loads(data), told)
        told.is_ended = True
    else:
        found = list(_events(kind, data))
        is_done = "[DONE]" in found
        _STREAMS[wire]([event for event in found if isinstance(event, dict)], told)
        told.is_ended = told.is_ended or (is_done and wire == "openai_chat")
    return told


def _events(kind: str, data: bytes) -> Iterator[Any]:
    if kind == "ndjson":
        yield from (json.loads(line) for line in data.splitlines() if line.strip())
    elif kind == "sse":
        for line in data.splitlines():
            if line.startswith(b"data:"):
                text = line[5:].strip()
                yield json.loads(text) if text.startswith(b"{") else text.decode()
    else:
        for name, payload in _frames(data):
            value = json.loads(payload)
            yield json.loads(base64.b64decode(value["bytes"])) if "bytes" in value else {name: value}


# OpenAI Chat.


def _chat(reply: Any, told: Told) -> None:
    for choice in [each for each in reply.get("choices") or () if each.get("index", 0) == 0][:1]:
        message = choice.get("message") or {}
        _chat_message(message, told)
        earlier = message.get("function_call")
        for call in message.get("tool_calls") or ([{"function": earlier}] if earlier else ()):
            _chat_call(call, told)
        _finish(choice.get("finish_reason"), told)
    _chat_sources(reply, told)
    _chat_usage(reply.get("usage"), told)


def _chat_sources(reply: Any, told: Told) -> None:
    """Perplexity lists its sources beside the choices."""
    for source in reply.get("search_results") or reply.get("citations") or ():
        told.urls.add(source if isinstance(source, str) else source["url"])


def _chat_message(message: Any, told: Told) -> None:
    told.add(THOUGHT, message.get("reasoning_content") or message.get("reasoning"))
    content = message.get("content")
    for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
        if part["type"] == "thinking":
            for each in part["thinking"]:
                told.add(THOUGHT, each.get("text"))
        elif part["type"] == "text":
            told.add(TEXT, part["text"])
    told.add(TEXT, message.get("refusal"))
    told.is_refused = told.is_refused or bool(message.get("refusal"))
    for annotation in message.get("annotations") or ():
        if annotation.get("type") == "url_citation":
            told.urls.add(annotation["url_citation"]["url"])


def _chat_call(call: Any, told: Told) -> None:
    if call.get("type") == "custom":
        told.call(call["custom"]["name"], {"input": call["custom"]["input"]})
    else:
        told.call(call["function"]["name"], call["function"].get("arguments"))


def _chat_usage(usage: Any, told: Told) -> None:
    if usage:
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        if reasoning and usage.get("total_tokens") == prompt + completion + reasoning:
            completion += reasoning  # xAI counts thoughts beside the answer
        told.count(
            prompt=prompt,
            completion=completion,
            cached=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
            reasoning=reasoning,
        )


def _chat_stream(events: list[Any], told: Told) -> None:
    calls: dict[int, list[Any]] = {}
    finish = None
    for event in events:
        if event.get("error"):
            told.error = event["error"]
            continue
        for choice in event.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or {}
            _chat_message(delta, told)
            for at, call in enumerate(delta.get("tool_calls") or ()):
                function = call.get("function") or {}
                known = calls.setdefault(call.get("index", at), ["", ""])
                known[0] += function.get("name") or ""
                known[1] += function.get("arguments") or ""
            finish = choice.get("finish_reason") or finish
        _chat_sources(event, told)
        _chat_usage(event.get("usage"), told)
    for name, arguments in calls.values():
        told.call(name, arguments if finish or _is_json(arguments) else "{}")
    _finish(finish, told)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# OpenAI Responses.


def _responses(reply: Any, told: Told) -> None:
    for item in reply.get("output") or ():
        if item["type"] == "reasoning":
            for part in [*(item.get("summary") or ()), *(item.get("content") or ())]:
                told.add(THOUGHT, part.get("text"))
        elif item["type"] == "message":
            for part in item["content"]:
                told.add(TEXT, part.get("text") or part.get("refusal"))
                told.is_refused = told.is_refused or "refusal" in part
                told.urls |= {each["url"] for each in part.get("annotations") or () if "url" in each}
        elif item["type"] == "function_call":
            told.call(item["name"], item["arguments"])
        elif item["type"] == "custom_tool_call":
            told.call(item["name"], {"input": item["input"]})
    reason = (reply.get("incomplete_details") or {}).get("reason")
    _finish({"completed": "stop"}.get(reply.get("status"), reason), told)
    usage = reply.get("usage")
    if usage:
        told.count(
            prompt=usage["input_tokens"],
            completion=usage["output_tokens"],
            cached=(usage.get("input_tokens_details") or {}).get("cached_tokens"),
            reasoning=(usage.get("output_tokens_details") or {}).get("reasoning_tokens"),
        )


def _responses_stream(events: list[Any], told: Told) -> None:
    for event in events:
        if event["type"] in {"response.completed", "response.incomplete"}:
            told.is_ended = True
            _responses(event["response"], told)
        elif event["type"] == "response.failed":
            told.error = event["response"]["error"]
        elif event["type"] == "error":
            told.error = event


# Anthropic Messages.


def _anthropic(reply: Any, told: Told) -> None:
    for block in reply.get("content") or ():
        if block["type"] == "text":
            told.add(TEXT, block["text"])
            told.urls |= {each["url"] for each in block.get("citations") or () if each.get("url")}
        elif block["type"] == "thinking":
            told.add(THOUGHT, block["thinking"])
        elif block["type"] == "tool_use":
            told.call(block["name"], block["input"])
    _finish(reply.get("stop_reason"), told)
    _anthropic_usage(reply.get("usage") or {}, told)


def _anthropic_usage(usage: Any, told: Told) -> None:
    # What compacting took stands beside the counts of the message.
    parts = [usage, *(each for each in usage.get("iterations") or () if each.get("type") == "compaction")]
    read, written, new, output = (
        sum(part.get(name) or 0 for part in parts)
        for name in ("cache_read_input_tokens", "cache_creation_input_tokens", "input_tokens", "output_tokens")
    )
    if usage.get("input_tokens") is not None:
        told.count(prompt=new + read + written, cached=read if "cache_read_input_tokens" in usage else None)
    if usage.get("output_tokens") is not None:
        details = usage.get("output_tokens_details") or {}
        told.count(completion=output, reasoning=details.get("thinking_tokens"))


def _anthropic_delta(block: dict[str, Any], delta: Any) -> None:
    if delta["type"] == "input_json_delta":
        block["json"] += delta["partial_json"]
    elif delta["type"] == "citations_delta":
        block["citations"].append(delta["citation"])
    elif delta["type"] in {"text_delta", "thinking_delta"}:
        name = delta["type"].removesuffix("_delta")
        block[name] = block.get(name, "") + delta[name]


def _anthropic_stream(events: list[Any], told: Told) -> None:
    blocks: dict[int, Any] = {}
    reply: dict[str, Any] = {"usage": {}}
    for event in events:
        kind = event.get("type")
        if kind == "message_start":
            reply["usage"] = dict(event["message"]["usage"])
        elif kind == "content_block_start":
            blocks[event["index"]] = {**event["content_block"], "json": "", "citations": []}
        elif kind == "content_block_delta":
            _anthropic_delta(blocks[event["index"]], event["delta"])
        elif kind == "message_delta":
            reply["stop_reason"] = event["delta"].get("stop_reason")
            reply["usage"] |= {name: each for name, each in (event.get("usage") or {}).items() if each is not None}
        elif kind == "message_stop":
            told.is_ended = True
        elif kind == "error":
            told.error = event["error"]
    for block in blocks.values():
        if block["type"] == "tool_use" and block["json"]:
            block["input"] = json.loads(block["json"]) if told.is_ended else {}
    _anthropic({**reply, "content": list(blocks.values())}, told)


# Gemini.


def _gemini(reply: Any, told: Told) -> None:
    _gemini_stream([reply], told)


def _gemini_stream(events: list[Any], told: Told) -> None:
    finish = None
    for event in events:
        if event.get("error"):
            told.error = event["error"]
        for candidate in event.get("candidates") or ():
            if candidate.get("index", 0) != 0:
                continue
            for part in (candidate.get("content") or {}).get("parts") or ():
                if "functionCall" in part:
                    told.call(part["functionCall"]["name"], part["functionCall"].get("args") or {})
                else:
                    told.add(THOUGHT if part.get("thought") else TEXT, part.get("text"))
            finish = candidate.get("finishReason") or finish
            for chunk in (candidate.get("groundingMetadata") or {}).get("groundingChunks") or ():
                told.urls |= {each["uri"] for each in chunk.values() if isinstance(each, dict) and each.get("uri")}
        if (event.get("promptFeedback") or {}).get("blockReason"):
            finish = "SAFETY"
        usage = event.get("usageMetadata")
        if usage and "promptTokenCount" in usage:
            thoughts = usage.get("thoughtsTokenCount", 0)
            told.count(
                prompt=usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0),
                completion=usage.get("candidatesTokenCount", 0) + thoughts,
                cached=usage.get("cachedContentTokenCount"),
                reasoning=usage.get("thoughtsTokenCount"),
            )
    told.is_ended = finish is not None
    _finish(finish, told)


# Bedrock Converse.


def _converse_block(block: Any, told: Told) -> None:
    told.add(TEXT, block.get("text"))
    told.add(THOUGHT, ((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text"))
    cited = block.get("citationsContent") or {}
    for each in cited.get("content") or ():
        told.add(TEXT, each.get("text"))
    for citation in cited.get("citations") or ():
        told.urls |= _converse_url(citation)
    if "toolUse" in block:
        told.call(block["toolUse"]["name"], block["toolUse"]["input"])


def _converse_url(citation: Any) -> set[str]:
    url = ((citation.get("location") or {}).get("web") or {}).get("url")
    return {url} if url else set()


def _converse_usage(usage: Any, told: Told) -> None:
    if usage:
        read, written = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
        told.count(
            prompt=usage["inputTokens"] + (read or 0) + (written or 0), completion=usage["outputTokens"], cached=read
        )


def _converse(reply: Any, told: Told) -> None:
    for block in ((reply.get("output") or {}).get("message") or {}).get("content") or ():
        _converse_block(block, told)
    _finish(reply.get("stopReason"), told)
    _converse_usage(reply.get("usage"), told)


def _converse_delta(block: dict[str, Any], delta: Any, told: Told) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta and "toolUse" in block:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "reasoningContent" in delta:
        before = ((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text", "")
        text = before + (delta["reasoningContent"].get("text") or "")
        block["reasoningContent"] = {"reasoningText": {"text": text}}
    elif "citation" in delta:
        told.urls |= _converse_url(delta["citation"])


def _converse_stream(events: list[Any], told: Told) -> None:
    blocks: dict[int, Any] = {}
    finish = None
    for event in events:
        ((name, value),) = event.items()
        if name == "contentBlockStart":
            use = (value.get("start") or {}).get("toolUse")
            if use and use.get("type", "tool_use") == "tool_use":
                blocks[value["contentBlockIndex"]] = {"toolUse": {"name": use["name"], "input": ""}}
        elif name == "contentBlockDelta":
            _converse_delta(blocks.setdefault(value["contentBlockIndex"], {}), value["delta"], told)
        elif name == "messageStop":
            finish, told.is_ended = value.get("stopReason"), True
        elif name == "metadata":
            _converse_usage(value.get("usage"), told)
        elif name.endswith("Exception"):
            told.error = value
    for block in blocks.values():
        if "toolUse" in block and not told.is_ended:
            continue
        _converse_block(block, told)
    _finish(finish, told)


# Cohere.


def _cohere(reply: Any, told: Told) -> None:
    message = reply.get("message") or {}
    told.add(TEXT, message.get("tool_plan"))
    for part in message.get("content") or ():
        told.add(THOUGHT if part["type"] == "thinking" else TEXT, part.get("thinking") or part.get("text"))
    for call in message.get("tool_calls") or ():
        told.call(call["function"]["name"], call["function"]["arguments"])
    _cohere_end(reply, message.get("citations") or (), told)


def _cohere_end(reply: Any, citations: Any, told: Told) -> None:
    for citation in citations:
        for source in citation.get("sources") or ():
            url = (source.get("document") or {}).get("url")
            told.urls |= {url} if url else set()
    _finish(reply.get("finish_reason"), told)
    tokens = (reply.get("usage") or {}).get("tokens") or {}
    told.count(prompt=tokens.get("input_tokens"), completion=tokens.get("output_tokens"))


def _cohere_stream(events: list[Any], told: Told) -> None:
    calls: dict[int, list[str]] = {}
    citations, end = [], dict[str, Any]()
    for event in events:
        kind, delta = event.get("type"), event.get("delta") or {}
        message = delta.get("message") or {}
        if kind in {"content-start", "content-delta"}:
            content = message["content"]
            told.add(THOUGHT, content.get("thinking"))
            told.add(TEXT, content.get("text"))
        elif kind == "tool-plan-delta":
            told.add(TEXT, message["tool_plan"])
        elif kind == "tool-call-start":
            function = message["tool_calls"]["function"]
            calls[event["index"]] = [function["name"], function.get("arguments", "")]
        elif kind == "tool-call-delta":
            calls[event["index"]][1] += message["tool_calls"]["function"]["arguments"]
        elif kind == "citation-start":
            citations.append(message["citations"])
        elif kind == "message-end":
            end, told.is_ended = delta, "error" not in delta
            told.error = delta.get("error")
    for name, arguments in calls.values():
        told.call(name, arguments if told.is_ended else "{}")
    _cohere_end(end, citations, told)


# Ollama.


def _ollama(reply: Any, told: Told) -> None:
    _ollama_stream([reply], told)


def _ollama_stream(events: list[Any], told: Told) -> None:
    calls: list[Any] = []
    finish = None
    for event in events:
        message = event.get("message") or {}
        told.add(THOUGHT, message.get("thinking"))
        told.add(TEXT, message.get("content"))
        calls += message.get("tool_calls") or ()
        if event.get("done"):
            finish, told.is_ended = event.get("done_reason"), True
            told.count(prompt=event.get("prompt_eval_count"), completion=event.get("eval_count"))
        told.error = event.get("error") or told.error
    for call in calls:
        told.call(call["function"]["name"], call["function"]["arguments"])
    _finish(finish, told)


_Reader = Callable[[Any, Told], None]
_PLAIN: Final[Mapping[str, _Reader]] = {
    "openai_chat": _chat, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini,
    "bedrock_converse": _converse, "cohere": _cohere, "ollama": _ollama,
}  # fmt: skip
_STREAMS: Final[Mapping[str, Callable[[list[Any], Told], None]]] = {
    "openai_chat": _chat_stream, "responses": _responses_stream, "anthropic": _anthropic_stream,
    "gemini": _gemini_stream, "bedrock_converse": _converse_stream, "cohere": _cohere_stream,
    "ollama": _ollama_stream,
}  # fmt: skip
