"""Recordings of translated wires: which there are, how they are reached, what they say when read naively.

The naive reading is on purpose none of the dialects' own: it is what a translated answer is compared with.
"""

from __future__ import annotations

import base64
import functools
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from running import RECORDINGS

WIRES: Final = {
    "anthropic.messages": "anthropic",
    "bedrock.converse": "bedrock_converse",
    "bedrock.invoke": "anthropic",
    "cohere.chat": "cohere",
    "gemini.generate": "gemini",
    "ollama.chat": "ollama",
}
"""The dialect of each wire family."""

PROVIDERS: Final = {
    "anthropic.messages": "anthropic",
    "bedrock.converse": "bedrock",
    "bedrock.invoke_anthropic": "bedrock",
    "cohere.chat": "cohere",
    "gemini.generate": "google",
    "vertex.generate": "vertex-ai",
    "ollama.chat_native": "ollama",
}
VARIANTS: Final = {"bedrock.invoke_anthropic": "bedrock", "vertex.generate": "vertex"}

HEADERS: Final[dict[str, dict[str, str]]] = {
    "bedrock.converse": {"x-portkey-aws-auth-type": "apiKey"},
    "bedrock.invoke_anthropic": {"x-portkey-aws-auth-type": "apiKey", "x-portkey-aws-bedrock-api": "invoke"},
    "vertex.generate": {"x-portkey-vertex-project-id": "unit"},
    "ollama.chat_native": {"x-portkey-ollama-api": "native"},
}


def paths() -> list[Path]:
    return [path for api in PROVIDERS for path in sorted(RECORDINGS.glob(f"{api}/*.json"))]


@functools.cache
def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def body(recording: dict[str, Any]) -> bytes:
    """The bytes of the recorded reply."""
    response = recording["response"]
    if "body_base64" in response:
        return base64.b64decode(response["body_base64"])
    return str(response["body_text"]).encode("utf-8", "surrogatepass")


def is_good(recording: dict[str, Any]) -> bool:
    return bool(recording["response"]["status"] == 200)


def is_stream(recording: dict[str, Any]) -> bool:
    return recording["response"]["kind"] in {"sse", "eventstream", "ndjson"}


class Said(msgspec.Struct):
    """Text and tool calls (name, arguments) of one reply."""

    text: str = ""
    calls: list[tuple[str, Any]] = []


def said(recording: dict[str, Any]) -> Said:
    """What a good recording says."""
    values = list(_values(recording))
    match recording["wire"]:
        case "anthropic.messages" | "bedrock.invoke":
            return _anthropic(values)
        case "gemini.generate":
            return _gemini(values)
        case "bedrock.converse":
            return _converse(values)
        case "cohere.chat":
            return _cohere(values)
        case _:
            return _ollama(values)


def _values(recording: dict[str, Any]) -> Iterator[Any]:
    """Every JSON value of the reply, in order."""
    data, kind = body(recording), recording["response"]["kind"]
    if kind == "json":
        yield json.loads(data)
    elif kind == "ndjson":
        yield from (json.loads(line) for line in data.splitlines() if line.strip())
    elif kind == "sse":
        for line in data.splitlines():
            if line.startswith(b"data:") and line[5:].strip().startswith(b"{"):
                yield json.loads(line[5:])
    else:
        for name, payload in _frames(data):
            value = json.loads(payload)
            yield json.loads(base64.b64decode(value["bytes"])) if "bytes" in value else {name: value}


def _frames(data: bytes) -> Iterator[tuple[str, bytes]]:
    while data:
        total, head, _ = struct.unpack(">III", data[:12])
        headers, at = data[12 : 12 + head], 0
        name = ""
        while at < len(headers):
            size = headers[at]
            key = headers[at + 1 : at + 1 + size].decode()
            length = struct.unpack(">H", headers[at + 2 + size : at + 4 + size])[0]
            value = headers[at + 4 + size : at + 4 + size + length].decode()
            at += 4 + size + length
            name = value if key in {":event-type", ":exception-type"} else name
        yield name, data[12 + head : total - 4]
        data = data[total:]


def _anthropic(values: list[Any]) -> Said:
    found, blocks = Said(calls=[]), {}
    for value in values:
        for block in value.get("content") or ():
            if block["type"] == "text":
                found.text += block["text"]
            elif block["type"] == "tool_use":
                found.calls.append((block["name"], block["input"]))
        if value.get("type") == "content_block_start":
            blocks[value["index"]] = [value["content_block"], ""]
            found.text += value["content_block"].get("text", "") if value["content_block"]["type"] == "text" else ""
        delta = value.get("delta") or {}
        if delta.get("type") == "text_delta":
            found.text += delta["text"]
        elif delta.get("type") == "input_json_delta":
            blocks[value["index"]][1] += delta["partial_json"]
    for block, text in blocks.values():
        if block["type"] == "tool_use":
            found.calls.append((block["name"], json.loads(text or "{}")))
    return found


def _gemini(values: list[Any]) -> Said:
    found = Said(calls=[])
    for value in values:
        for candidate in (value.get("candidates") or ())[:1]:
            for part in (candidate.get("content") or {}).get("parts") or ():
                if "functionCall" in part:
                    found.calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
                elif "text" in part and not part.get("thought"):
                    found.text += part["text"]
    return found


def _converse(values: list[Any]) -> Said:
    found, inputs = Said(calls=[]), {}
    for value in values:
        for block in ((value.get("output") or {}).get("message") or {}).get("content") or ():
            if "toolUse" in block:
                found.calls.append((block["toolUse"]["name"], block["toolUse"]["input"]))
            found.text += block.get("text", "")
        start = value.get("contentBlockStart")
        use = ((start or {}).get("start") or {}).get("toolUse")
        if use and use.get("type", "tool_use") == "tool_use":
            inputs[start["contentBlockIndex"]] = [use["name"], ""]
        delta = (value.get("contentBlockDelta") or {}).get("delta") or {}
        found.text += delta.get("text", "")
        index = (value.get("contentBlockDelta") or {}).get("contentBlockIndex")
        if "toolUse" in delta and index in inputs:
            inputs[index][1] += delta["toolUse"]["input"]
    found.calls += [(name, json.loads(text or "{}")) for name, text in inputs.values()]
    return found


def _cohere(values: list[Any]) -> Said:
    found, arguments = Said(calls=[]), dict[int, list[str]]()
    for value in values:
        message = value.get("message") or (value.get("delta") or {}).get("message") or {}
        found.text += message.get("tool_plan") or ""
        content = message.get("content") or []
        for part in content if isinstance(content, list) else [content]:
            found.text += part.get("text", "")
        calls = message.get("tool_calls") or []
        for call in calls if isinstance(calls, list) else [calls]:
            key = value.get("index", len(arguments))
            if "name" in call.get("function", {}):
                arguments[key] = [call["function"]["name"], ""]
            arguments[key][1] += call["function"].get("arguments", "")
    found.calls = [(name, json.loads(text or "{}")) for name, text in arguments.values()]
    return found


def _ollama(values: list[Any]) -> Said:
    found = Said(calls=[])
    for value in values:
        message = value.get("message") or {}
        found.text += message.get("content", "")
        found.calls += [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or ()]
    return found
