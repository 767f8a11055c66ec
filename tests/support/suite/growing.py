"""Requests, replies, streams and events of any size, of the shapes that made quadratic work somewhere or might."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

Json = dict[str, Any]
HI: Final = {"role": "user", "content": "Hi"}


def _function(name: str, **schema: Any) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", **schema}}}


def _calls(n: int) -> Json:
    made = [{"id": f"c{i}", "type": "function", "function": {"name": f"f{i}", "arguments": "{}"}} for i in range(n)]
    return {"role": "assistant", "content": None, "tool_calls": made}


def _results(order: Any) -> list[Json]:
    return [{"role": "tool", "tool_call_id": f"c{i}", "content": "ok"} for i in order]


def _one_tool(schema: Json) -> Json:
    return {"messages": [HI], "tools": [_function("f", **schema)]}


def _file(i: int) -> Json:
    return {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,AA{i:04}"}}


def _named(n: int, tag: str = "p") -> list[str]:
    return [f"{tag}{i}" for i in range(n)]


OPENAI_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "messages": lambda n: {"messages": [HI, {"role": "assistant", "content": "Yes"}] * n},
    "one role": lambda n: {"messages": [HI] * n},
    "parts": lambda n: {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * n}]},
    "calls": lambda n: {"messages": [HI, _calls(n), *_results(range(n))]},
    "calls answered backwards": lambda n: {"messages": [HI, _calls(n), *_results(reversed(range(n)))]},
    "one call answered often": lambda n: {"messages": [HI, _calls(1), *_results([0] * n)]},
    "calls of one id": lambda n: {"messages": [HI, *[_calls(1), *_results([0])] * n]},
    "images": lambda n: {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://x/{i}"}} for i in range(n)]}]},
    "documents of one name": lambda n: {"messages": [{"role": "user", "content": [_file(i) for i in range(n)]}]},
    "unknown parts": lambda n: {"messages": [{"role": "user", "content": [{"type": "x"}] * n}]},
    "thoughts among parts": lambda n: {"messages": [HI, {
        "role": "assistant", "content": [{"type": "text", "text": "a"}] * n,
        "reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": f"s{i}", "after": {"text": i}} for i in range(n)],
    }]},
    "blocks and calls": lambda n: {"messages": [HI, {
        **_calls(n), "content": "a" * n,
        "content_blocks": [b for i in range(n) for b in ({"type": "thinking", "thinking": "t", "signature": f"s{i}"}, {"type": "text", "text": "a"})],
        "reasoning_details": [{"type": "reasoning.text", "signature": f"s{i}", "after": {"tool_calls": i}} for i in range(n)],
    }, *_results(range(n))]},
    "parameters": lambda n: {"messages": [HI], **dict.fromkeys(_named(n, "x"), 1)},
    "stops": lambda n: {"messages": [HI], "stop": [" "] * n},
    "tools": lambda n: {"messages": [HI], "tools": [_function(f"f{i}") for i in range(n)]},
    "allowed tools": lambda n: {
        "messages": [HI], "tools": [_function(f"f{i}") for i in range(n)],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": f"f{i}"}} for i in range(n)]}},
    },
    "properties": lambda n: _one_tool({"properties": {f"p{i}": {"type": "string", "minLength": i} for i in range(n)}, "required": _named(n)}),
    "allOf of two": lambda n: _one_tool({"properties": {"p0": {}}, "allOf": [{"required": _named(n)}, {"required": _named(n, "q")}]}),
    "allOf of many": lambda n: _one_tool({"allOf": [{"properties": {f"p{i}": {"type": "string"}}, "required": [f"p{i}"]} for i in range(n)]}),
    "allOf of one member": lambda n: _one_tool({"allOf": [{"properties": {"p": {"minLength": i}}} for i in range(n)]}),
    "references": lambda n: _one_tool({"$defs": {"d": {"enum": _named(n)}}, "properties": {f"p{i}": {"$ref": "#/$defs/d"} for i in range(n)}}),
    "references beside": lambda n: _one_tool({"$defs": {f"d{i}": {"title": "t"} for i in range(n)}, "allOf": [{"$ref": f"#/$defs/d{i}"} for i in range(n)]}),
    "choices": lambda n: _one_tool({"properties": {"p": {"anyOf": [{"const": i} for i in range(n)]}}}),
    "itself": lambda n: _one_tool({"properties": {f"p{i}": {"$ref": "#"} for i in range(n)}, "required": _named(n)}) if n < 100 else {"messages": [HI]},
    "format": lambda n: {"messages": [HI], "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(n)}, "required": _named(n)}}}},
    "half a pair": lambda n: {"messages": [{"role": "user", "content": "\ud83d"}] * n},
    "metadata": lambda n: {"messages": [HI], "metadata": dict.fromkeys(_named(n), "x")},
}  # fmt: skip


def _use(i: int) -> Json:
    return {"type": "tool_use", "id": f"c{i}", "name": f"f{i}", "input": {"a": 1}}


def _result(i: int) -> Json:
    return {"type": "tool_result", "tool_use_id": f"c{i}", "content": [{"type": "text", "text": "ok"}]}


def _said(content: Any, role: str = "user") -> Json:
    return {"role": role, "content": content}


ANTHROPIC_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "messages": lambda n: {"messages": [_said("Hi"), _said("Yes", "assistant")] * n},
    "blocks": lambda n: {"messages": [_said([{"type": "text", "text": "a"}] * n)], "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}] * n},
    "calls": lambda n: {"messages": [_said("Hi"), _said([_use(i) for i in range(n)], "assistant"), _said([_result(i) for i in range(n)])]},
    "calls answered backwards": lambda n: {"messages": [_said("Hi"), _said([_use(i) for i in range(n)], "assistant"), _said([_result(i) for i in reversed(range(n))])]},
    "images in results": lambda n: {"messages": [_said("Hi"), _said([_use(0)], "assistant"), _said([{**_result(0), "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}] * n}])]},
    "documents": lambda n: {"messages": [_said([{"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}}] * n)]},
    "files": lambda n: {"messages": [_said([{"type": "image", "source": {"type": "file", "file_id": f"f{i}"}} for i in range(n)])]},
    "searches": lambda n: {"messages": [_said("Hi"), _said([{"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"type": "web_search_result", "url": "https://x", "title": "t"}]}] * n, "assistant"), _said("Go")]},
    "reminders": lambda n: {"messages": [_said("Hi"), *[_said("s", "system"), _said("a", "assistant")] * n]},
    "tools": lambda n: {"messages": [_said("Hi")], "tools": [{"name": f"f{i}", "input_schema": {"type": "object"}} for i in range(n)]},
    "typed tools": lambda n: {"messages": [_said("Hi")], "tools": [{"type": f"x_{20250101 + i}", "name": f"f{i}"} for i in range(n)], "tool_choice": {"type": "tool", "name": "f0"}},
    "parameters": lambda n: {"messages": [_said("Hi")], **dict.fromkeys(_named(n, "x"), 1)},
    "thoughts": lambda n: {"messages": [_said("Hi"), _said([{"type": "thinking", "thinking": "t", "signature": f"s{i}"} for i in range(n)] + [{"type": "text", "text": "a"}], "assistant"), _said("Go")]},
    "betas": lambda n: {"messages": [_said("Hi")], "anthropic_beta": _named(n)},
}  # fmt: skip


def _turn(*parts: Json, role: str = "user") -> Json:
    return {"role": role, "parts": list(parts)}


GEMINI_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "turns": lambda n: {"contents": [_turn({"text": "Hi"}), _turn({"text": "Yes"}, role="model")] * n},
    "parts": lambda n: {"contents": [_turn(*[{"text": "a"}] * n)]},
    "calls": lambda n: {"contents": [_turn({"text": "Hi"}), _turn(*[{"functionCall": {"id": f"c{i}", "name": "f", "args": {}}} for i in range(n)], role="model"), _turn(*[{"functionResponse": {"id": f"c{i}", "name": "f", "response": {"output": "ok"}}} for i in range(n)])]},
    "tools": lambda n: {"contents": [_turn({"text": "Hi"})], "tools": [{"functionDeclarations": [{"name": f"f{i}", "parameters": {"type": "OBJECT"}} for i in range(n)]}]},
}  # fmt: skip


def _item(role: str, text: str) -> Json:
    return {"type": "message", "role": role, "content": text}


RESPONSES_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "messages": lambda n: {"input": [_item("user", "Hi"), _item("assistant", "Yes")] * n},
    "parts": lambda n: {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}] * n}]},
    "calls": lambda n: {"input": [_item("user", "Hi"), *[{"type": "function_call", "call_id": f"c{i}", "name": "f", "arguments": "{}"} for i in range(n)], *[{"type": "function_call_output", "call_id": f"c{i}", "output": "ok"} for i in range(n)]]},
    "tools": lambda n: {"input": "Hi", "tools": [{"type": "function", "name": f"f{i}", "parameters": {"type": "object"}} for i in range(n)]},
}  # fmt: skip


def _ollama_calls(n: int) -> Json:
    made = [{"function": {"name": "f", "arguments": {"a": i}}} for i in range(n)]
    return {"role": "assistant", "content": "", "tool_calls": made}


OLLAMA_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "messages": lambda n: {"messages": [HI, {"role": "assistant", "content": "Yes"}] * n},
    "calls": lambda n: {"messages": [HI, _ollama_calls(n), *[{"role": "tool", "tool_name": "f", "content": "ok"}] * n]},
    "calls of any name": lambda n: {"messages": [HI, _ollama_calls(n), *[{"role": "tool", "content": "ok"}] * n]},
    "turns": lambda n: {"messages": [HI, *[_ollama_calls(1), {"role": "tool", "tool_name": "f", "content": "ok"}] * n]},
    "images": lambda n: {"messages": [{"role": "user", "content": "a", "images": ["iVBORw0KGgo="] * n}]},
    "tools": lambda n: {"messages": [HI], "tools": [_function(f"f{i}") for i in range(n)]},
    "options": lambda n: {"messages": [HI], "options": dict.fromkeys(_named(n, "x"), 1)},
}  # fmt: skip
COHERE_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "messages": lambda n: {"messages": [HI, {"role": "assistant", "content": "Yes"}] * n},
    "parts": lambda n: {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * n}]},
    "calls": lambda n: {"messages": [HI, _calls(n), *_results(range(n))]},
    "calls of one id": lambda n: {"messages": [HI, *[_calls(1), *_results([0])] * n]},
    "documents": lambda n: {"messages": [HI], "documents": [{"data": {"text": "a"}}] * n},
    "results of documents": lambda n: {"messages": [HI, _calls(1), {"role": "tool", "tool_call_id": "c0", "content": [{"type": "document", "document": {"data": "a"}}] * n}]},
    "tools": lambda n: {"messages": [HI], "tools": [_function(f"f{i}") for i in range(n)], "strict_tools": True},
}  # fmt: skip
GENERATE_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "prompt": lambda n: {"prompt": "a" * n},
    "images": lambda n: {"prompt": "a", "images": ["iVBORw0KGgo="] * n},
    "options": lambda n: {"prompt": "a", "options": dict.fromkeys(_named(n, "x"), 1)},
}
CONVERSE_REQUESTS: Final[dict[str, Callable[[int], Json]]] = {
    "messages": lambda n: {"messages": [_said([{"text": "Hi"}]), _said([{"text": "Yes"}], "assistant")] * n},
    "blocks": lambda n: {"messages": [_said([{"text": "a"}, {"cachePoint": {"type": "default"}}] * n)], "system": [{"text": "s"}, {"cachePoint": {"type": "default"}}] * n},
    "calls": lambda n: {"messages": [_said([{"text": "Hi"}]), _said([{"toolUse": {"toolUseId": f"c{i}", "name": "f", "input": {}}} for i in range(n)], "assistant"), _said([{"toolResult": {"toolUseId": f"c{i}", "content": [{"text": "ok"}]}} for i in range(n)])]},
    "thoughts": lambda n: {"messages": [_said([{"text": "Hi"}]), _said([{"reasoningContent": {"reasoningText": {"text": "t", "signature": "cG5zdGsx"}}}] * n, "assistant")] * 2},
    "tools": lambda n: {"messages": [_said([{"text": "Hi"}])], "toolConfig": {"tools": [{"toolSpec": {"name": f"f{i}", "inputSchema": {"json": {"type": "object"}}}} for i in range(n)]}},
}  # fmt: skip

REQUESTS: Final = {
    "openai_chat": OPENAI_REQUESTS,
    "anthropic": ANTHROPIC_REQUESTS,
    "gemini": GEMINI_REQUESTS,
    "responses": RESPONSES_REQUESTS,
    "cohere": COHERE_REQUESTS,
    "ollama": OLLAMA_REQUESTS,
    "ollama_generate": GENERATE_REQUESTS,
    "bedrock_converse": CONVERSE_REQUESTS,
}
"""Bodies by the caller's dialect and their shape, without the model."""


# Streams of providers, a list of chunks each.


def _chat(delta: Json, **choice: Any) -> Json:
    return {"id": "i", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, **choice}]}


OPENAI_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: [_chat({"content": "a"})] * n,
    "calls without index": lambda n: [_chat({"tool_calls": [{"id": f"c{i}", "function": {"name": "f", "arguments": "{}"}}]}) for i in range(n)],
    "arguments": lambda n: [_chat({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}), *[_chat({"tool_calls": [{"index": 0, "function": {"arguments": " "}}]})] * n],
    "choices": lambda n: [_chat({"content": "a"}, index=i) for i in range(n)],
    "choices and usage": lambda n: [c for i in range(n) for c in (_chat({"content": "a"}, index=i), {"choices": [], "usage": {"prompt_tokens": i}})],
    "reasons": lambda n: [*[_chat({"tool_calls": [{"index": i, "id": f"c{i}", "function": {"name": "f"}}]}) for i in range(n)], *[_chat({}, finish_reason=r) for _ in range(n) for r in ("stop", "length")]],
    "sources": lambda n: [_chat({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://x"}}]})] * n,
    "extras": lambda n: [{**_chat({}), f"x{i}": 1} for i in range(n)],
}  # fmt: skip


def _block(index: int, block: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *[{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def _message(*events: Json) -> list[Json]:
    start = {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m"}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    return [start, *events, end, {"type": "message_stop"}]


ANTHROPIC_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: _message(*_block(0, {"type": "text", "text": ""}, *[{"type": "text_delta", "text": "a"}] * n)),
    "arguments": lambda n: _message(*_block(0, {"type": "tool_use", "id": "t", "name": "f", "input": {}}, {"type": "input_json_delta", "partial_json": "{"}, *[{"type": "input_json_delta", "partial_json": " "}] * n, {"type": "input_json_delta", "partial_json": "}"})),
    "blocks": lambda n: _message(*[e for i in range(n) for e in _block(i, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"})]),
    "own blocks": lambda n: _message(*_block(0, {"type": "x_tool_result", "text": ""}, *[{"type": "y", "text": "a"}] * n)),
    "signatures": lambda n: _message(*_block(0, {"type": "thinking", "thinking": ""}, *[{"type": "signature_delta", "signature": "s"}] * n)),
    "citations": lambda n: _message(*_block(0, {"type": "text", "text": ""}, *[{"type": "citations_delta", "citation": {"type": "char_location"}}] * n)),
    "open blocks": lambda n: _message(*[{"type": "content_block_start", "index": i, "content_block": {"type": "text", "text": ""}} for i in range(n)]),
    "usage": lambda n: _message(*[{"type": "message_delta", "delta": {}, "usage": {f"x{i}": i}} for i in range(n)]),
}  # fmt: skip


def _response(*events: Json) -> list[Json]:
    """A stream of Responses, its events numbered."""
    told = [{"type": "response.created", "response": {"id": "r", "object": "response", "status": "in_progress", "output": []}}, *events, {"type": "response.completed", "response": {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [], "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}}]  # fmt: skip
    return [{**event, "sequence_number": number} for number, event in enumerate(told)]


def _output(index: int, item: Json) -> Json:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


_MESSAGE: Final = {"type": "message", "id": "m", "role": "assistant", "status": "in_progress", "content": []}
RESPONSES_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: _response(_output(0, _MESSAGE), *[{"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "a"}] * n),
    "arguments": lambda n: _response(_output(0, {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": ""}), *[{"type": "response.function_call_arguments.delta", "item_id": "f", "output_index": 0, "delta": " "}] * n),
    "items": lambda n: _response(*[_output(i, {**_MESSAGE, "id": f"m{i}"}) for i in range(n)]),
}  # fmt: skip


def _part(*parts: Json, **candidate: Any) -> Json:
    return {"candidates": [{"content": {"parts": list(parts)}, **candidate}]}


def _grounded(n: int) -> list[Json]:
    supports = [
        {"segment": {"startIndex": i, "endIndex": i + 1, "text": "b"}, "groundingChunkIndices": [0]} for i in range(n)
    ]
    grounding = {"groundingChunks": [{"web": {"uri": "https://x"}}], "groundingSupports": supports}
    return [_part({"text": "ä" * n}), _part({"text": "."}, finishReason="STOP", groundingMetadata=grounding)]


GEMINI_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: [*[_part({"text": "a"})] * n, _part({"text": "."}, finishReason="STOP")],
    "calls": lambda n: [*[_part({"functionCall": {"name": "f", "args": {"a": 1}}})] * n, _part({"text": "."}, finishReason="STOP")],
    "metadata": lambda n: [*[_part({"text": "a"}, groundingMetadata={f"x{i}": 1}) for i in range(n)], _part({"text": "."}, finishReason="STOP")],
    "counts": lambda n: [*[{**_part({"text": "a"}), "usageMetadata": {f"x{i}": 1}} for i in range(n)], _part({"text": "."}, finishReason="STOP")],
    "sources": _grounded,
}  # fmt: skip
COHERE_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "a"}}}}] * n,
    "blocks": lambda n: [{"type": "content-delta", "index": i, "delta": {"message": {"content": {"text": "a"}}}} for i in range(n)],
    "citations": lambda n: [{"type": "citation-start", "delta": {"message": {"citations": {"start": 0, "end": 1, "sources": []}}}}] * n,
    "calls": lambda n: [{"type": "tool-call-start", "index": i, "delta": {"message": {"tool_calls": {"id": "c", "function": {"name": "f", "arguments": "{}"}}}}} for i in range(n)],
}  # fmt: skip
OLLAMA_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: [*[{"message": {"content": "a"}}] * n, {"done": True}],
    "calls": lambda n: [*[{"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}}] * n, {"done": True}],
    "images": lambda n: [*[{"message": {"images": ["AA=="]}}] * n, {"done": True}],
}  # fmt: skip
ORACLE_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: [{"message": {"content": [{"type": "TEXT", "text": "a"}]}}] * n,
    "calls": lambda n: [{"message": {"toolCalls": [{"id": f"c{i}", "name": "f", "arguments": "{}"}]}} for i in range(n)],
}  # fmt: skip


def _converse(kind: str, **members: Any) -> Json:
    return {":event-type": kind, **members}


CONVERSE_STREAMS: Final[dict[str, Callable[[int], list[Json]]]] = {
    "text": lambda n: [_converse("contentBlockDelta", contentBlockIndex=0, delta={"text": "a"})] * n,
    "calls": lambda n: [_converse("contentBlockStart", contentBlockIndex=i, start={"toolUse": {"name": "f", "toolUseId": "t"}}) for i in range(n)],
    "held": lambda n: [*[_converse("contentBlockDelta", contentBlockIndex=0, delta={"image": {"source": {"bytes": "AA=="}}})] * n, _converse("contentBlockStop", contentBlockIndex=0)],
    "open": lambda n: [*[_converse("contentBlockDelta", contentBlockIndex=i, delta={"citation": {}}) for i in range(n)], _converse("messageStop")],
}  # fmt: skip


def sse(chunks: list[Json]) -> list[bytes]:
    return [b"event: %s\ndata: %s\n\n" % (str(c.get("type", "")).encode(), json.dumps(c).encode()) for c in chunks]


def ndjson(chunks: list[Json]) -> list[bytes]:
    return [json.dumps(chunk).encode() + b"\n" for chunk in chunks]


def frame(payload: bytes, kind: str) -> bytes:
    """One frame of an AWS event stream."""
    fields = {":message-type": "event", ":event-type": kind}
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in fields.items()
    )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    data = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return data + struct.pack(">I", zlib.crc32(data))


def converse(chunks: list[Json]) -> list[bytes]:
    return [frame(json.dumps(chunk).encode(), chunk[":event-type"]) for chunk in chunks]


def wrapped(chunks: list[Json]) -> list[bytes]:
    """Anthropic's events as Bedrock frames them."""
    return [
        frame(json.dumps({"bytes": base64.b64encode(json.dumps(c).encode()).decode()}).encode(), "chunk")
        for c in chunks
    ]


def parts(chunks: list[Json]) -> list[bytes]:
    return [frame(event, "PayloadPart") for event in sse(chunks)]


Framing = Callable[[list[Json]], list[bytes]]
STREAMS: Final[dict[str, list[tuple[str, Framing, dict[str, Callable[[int], list[Json]]]]]]] = {
    "anthropic": [("", sse, ANTHROPIC_STREAMS), ("bedrock", wrapped, ANTHROPIC_STREAMS)],
    "bedrock_converse": [("", converse, CONVERSE_STREAMS)],
    "cohere": [("", sse, COHERE_STREAMS)],
    "gemini": [("", sse, GEMINI_STREAMS)],
    "ollama": [("", ndjson, OLLAMA_STREAMS)],
    "openai_chat": [("", sse, OPENAI_STREAMS)],
    "oracle": [("", sse, ORACLE_STREAMS)],
    "responses": [("", sse, RESPONSES_STREAMS)],
    "sagemaker": [("", parts, OPENAI_STREAMS)],
    "watsonx": [("", sse, OPENAI_STREAMS)],
}
"""By the provider's dialect: variant of its hosts, framing, and streams by their shape."""
